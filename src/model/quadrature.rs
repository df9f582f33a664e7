//! Rules for integrating over the unit interval.

/// How an integral over `0..1` becomes a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quadrature {
    /// Gauss and Legendre's: exact for polynomials of degree `2n - 1`.
    GaussLegendre,
    /// Riemann's with the right end of each of `n` equal parts.
    RiemannRight,
    /// The middle of each of `n` equal parts: exact for polynomials of degree 1.
    Midpoint,
    /// Straight lines between the `n` ends of `n - 1` equal parts, and the middle where `n` is 1: exact for polynomials
    /// of degree 1.
    Trapezoid,
}

retort_fingerprint::words!(Quadrature { GaussLegendre = "gauss_legendre", RiemannRight = "riemann_right", Midpoint = "midpoint", Trapezoid = "trapezoid" });

impl Quadrature {
    /// The `n` places and their weights, places ascending.
    pub(crate) fn nodes(self, n: usize) -> Vec<(f64, f64)> {
        match self {
            Self::RiemannRight => (1..=n).map(|i| (i as f64 / n as f64, 1.0 / n as f64)).collect(),
            Self::Trapezoid if n > 1 => {
                let part = 1.0 / (n - 1) as f64;
                let weight = |i| if i == 0 || i == n - 1 { part / 2.0 } else { part };
                (0..n).map(|i| (i as f64 / (n - 1) as f64, weight(i))).collect()
            }
            Self::Midpoint | Self::Trapezoid => (0..n).map(|i| ((i as f64 + 0.5) / n as f64, 1.0 / n as f64)).collect(),
            Self::GaussLegendre => (0..n).map(|i| legendre_node(i, n)).collect(),
        }
    }
}

/// The `i`-th root of the Legendre polynomial of degree `n`, moved to the unit interval, and its weight: Newton's
/// iteration from the asymptotic place of the root (Press et al., Numerical Recipes, section 4.6).
fn legendre_node(i: usize, n: usize) -> (f64, f64) {
    let mut x = -libm::cos(std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5));
    let mut derivative = 1.0;
    for _ in 0..100 {
        let (mut value, mut before) = (1.0, 0.0);
        for k in 1..=n {
            let k = k as f64;
            (value, before) = (((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k, value);
        }
        derivative = n as f64 * (x * value - before) / (x * x - 1.0);
        let change = value / derivative;
        x -= change;
        if change.abs() < 1e-15 {
            break;
        }
    }
    (f64::midpoint(1.0, x), 1.0 / ((1.0 - x * x) * derivative * derivative))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauss_legendre_is_exact_for_polynomials() {
        for n in 1..60_usize {
            let nodes = Quadrature::GaussLegendre.nodes(n);
            for (degree, power) in (0..2 * n).zip(0_i32..) {
                let sum: f64 = nodes.iter().map(|(x, w)| w * x.powi(power)).sum();
                assert!((sum - 1.0 / (degree as f64 + 1.0)).abs() < 1e-12, "n {n}, degree {degree}: {sum}");
            }
            assert!(nodes.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }

    #[test]
    fn equal_parts_have_their_places() {
        assert_eq!(Quadrature::RiemannRight.nodes(2), vec![(0.5, 0.5), (1.0, 0.5)]);
        assert_eq!(Quadrature::Midpoint.nodes(2), vec![(0.25, 0.5), (0.75, 0.5)]);
        assert_eq!(Quadrature::Trapezoid.nodes(3), vec![(0.0, 0.25), (0.5, 0.5), (1.0, 0.25)]);
        assert_eq!(Quadrature::Trapezoid.nodes(1), vec![(0.5, 1.0)]);
    }

    #[test]
    fn every_rule_integrates_a_constant_and_all_but_the_right_ends_a_line() {
        use Quadrature::{GaussLegendre, Midpoint, RiemannRight, Trapezoid};
        for n in 1..60_usize {
            for rule in [GaussLegendre, RiemannRight, Midpoint, Trapezoid] {
                let nodes = rule.nodes(n);
                assert_eq!(nodes.len(), n);
                let of = |f: fn(f64) -> f64| nodes.iter().map(|(x, w)| w * f(*x)).sum::<f64>();
                assert!((of(|_| 1.0) - 1.0).abs() < 1e-12, "{rule:?} {n}");
                let off = of(|x| x) - 0.5;
                let expected = if rule == RiemannRight { 0.5 / n as f64 } else { 0.0 };
                assert!((off - expected).abs() < 1e-12, "{rule:?} {n} {off}");
            }
        }
    }
}
