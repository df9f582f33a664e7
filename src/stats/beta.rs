//! The regularised incomplete beta function, of which the tails of the binomial and of Student's t are made.

/// Returns I_x(a, b) and 1 − I_x(a, b) for `a` and `b` above zero, the smaller of the two to about 1 part in 10¹².
///
/// The continued proportion of DLMF 8.17.22, evaluated by the modified method of Lentz (Thompson & Barnett, 1986).
pub(super) fn tails(x: f64, a: f64, b: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x >= 1.0 {
        return (1.0, 0.0);
    }
    // The proportion converges fast below the mean; above it, the other tail is computed.
    if x < (a + 1.0) / (a + b + 2.0) {
        let lower = fraction(x, 1.0 - x, a, b);
        (lower, 1.0 - lower)
    } else {
        let upper = fraction(1.0 - x, x, b, a);
        (1.0 - upper, upper)
    }
}

/// Returns the x at which I_x(a, b) is `proportion`.
pub(super) fn inverse(fraction: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if tails(middle, a, b).0 < fraction {
            low = middle;
        } else {
            high = middle;
        }
    }
}

fn fraction(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const STEPS_MAX: u32 = 20_000;
    let nonzero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let log_front = a * x.ln() + b * rest.ln() - (libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)) - a.ln();
    let (mut numerator, mut denominator) = (1.0, 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0)));
    let mut value = denominator;
    for step in 1..=STEPS_MAX {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for coefficient in [even, odd] {
            denominator = 1.0 / nonzero(1.0 + coefficient * denominator);
            numerator = nonzero(1.0 + coefficient / numerator);
            factor = numerator * denominator;
            value *= factor;
        }
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    (log_front.exp() * value).min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tails_agree_with_scipy() {
        // [(x, a, b, scipy.special.betainc(a, b, x), scipy.special.betaincc(a, b, x))
        //  for x, a, b in ((0.5, 2, 3), (0.1, 0.5, 0.5), (0.999, 250, 0.5), (0.4, 300, 500), (1e-4, 3, 2000), (0.7, 40.5, 9))]
        let cases: [(f64, f64, f64, f64, f64); 6] = [
            (0.5, 2.0, 3.0, 0.6875, 0.3125),
            (0.1, 0.5, 0.5, 0.204_832_764_699_133_45, 0.795_167_235_300_866_5),
            (0.999, 250.0, 0.5, 0.479_609_898_871_715_73, 0.520_390_101_128_284_3),
            (0.4, 300.0, 500.0, 0.927_078_408_007_468_1, 0.072_921_591_992_531_69),
            (0.0001, 3.0, 2_000.0, 0.001_150_283_150_398_918_6, 0.998_849_716_849_601_1),
            (0.7, 40.5, 9.0, 0.024_469_621_741_033_82, 0.975_530_378_258_966_3),
        ];
        for (x, a, b, lower, upper) in cases {
            let found = tails(x, a, b);
            assert!((found.0 - lower).abs() <= 1e-11 * lower, "{x} {a} {b}: {found:?} {lower}");
            assert!((found.1 - upper).abs() <= 1e-11 * upper, "{x} {a} {b}: {found:?} {upper}");
        }
    }

    proptest! {
        #[test]
        fn the_inverse_leads_back(fraction in 0.001..0.999f64, a in 0.5..400.0f64, b in 0.5..400.0f64) {
            let x = inverse(fraction, a, b);
            prop_assert!((tails(x, a, b).0 - fraction).abs() < 1e-8, "{x} {:?}", tails(x, a, b));
        }
    }
}
