//! Rules for integrating over the unit interval.

/// How an integral over `0..1` becomes a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quadrature {
    /// Gauss and Legendre's: exact for polynomials of degree `2n - 1`.
    GaussLegendre,
    /// Riemann's with the right end of each of `n` equal parts.
    RiemannRight,
}

impl Quadrature {
    /// The `n` places and their weights, places ascending.
    pub(crate) fn nodes(self, n: usize) -> Vec<(f64, f64)> {
        match self {
            Self::RiemannRight => (1..=n).map(|i| (i as f64 / n as f64, 1.0 / n as f64)).collect(),
            Self::GaussLegendre => (0..n).map(|i| legendre_node(i, n)).collect(),
        }
    }
}

/// The `i`-th root of the Legendre polynomial of degree `n`, moved to the unit interval, and its weight: Newton's
/// iteration from the asymptotic place of the root (Press et al., Numerical Recipes, section 4.6).
fn legendre_node(i: usize, n: usize) -> (f64, f64) {
    let mut x = -libm::cos(std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5));
    let mut slope = 1.0;
    for _ in 0..100 {
        let (mut value, mut before) = (1.0, 0.0);
        for k in 1..=n {
            let k = k as f64;
            (value, before) = (((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k, value);
        }
        slope = n as f64 * (x * value - before) / (x * x - 1.0);
        let change = value / slope;
        x -= change;
        if change.abs() < 1e-15 {
            break;
        }
    }
    (f64::midpoint(1.0, x), 1.0 / ((1.0 - x * x) * slope * slope))
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
    fn riemann_right_ends_at_one() {
        assert_eq!(Quadrature::RiemannRight.nodes(2), vec![(0.5, 0.5), (1.0, 0.5)]);
    }
}
