//! The exact paired permutation test.

use std::collections::BTreeMap;

/// Returns the two-sided p value of the sum of paired differences when the sign of each is as likely as the other.
///
/// The differences are whole numbers, such as right answers out of as many replicates. All 2ⁿ assignments of signs
/// count: their sums are distributed as a sum of binomials, one for each size of a difference, which are convolved
/// (Pagano & Tritchler, 1983, do the same by Fourier transform). With differences of one size it is the sign test, and
/// with one replicate so McNemar's. Below about 10⁻³⁰⁰ the value is 0; without any difference it is 1.
pub fn permutation_test(differences: &[i64]) -> f64 {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for difference in differences.iter().filter(|difference| **difference != 0) {
        *sizes.entry(difference.unsigned_abs() as usize).or_default() += 1;
    }
    let sum = differences.iter().sum::<i64>().unsigned_abs() as usize;
    let divisor = sizes.keys().copied().fold(0, greatest_common_divisor);
    if sum == 0 {
        return 1.0;
    }
    // The probability that the positive differences come to so much.
    let mut fractions = vec![1.0];
    for (size, count) in &sizes {
        let (size, mut both) = (size / divisor, Vec::new());
        both.resize(fractions.len() + size * count, 0.0);
        for (positive, probability) in binomial(*count).into_iter().enumerate() {
            for (at, fraction) in fractions.iter().enumerate() {
                both[at + positive * size] += fraction * probability;
            }
        }
        fractions = both;
    }
    let all = fractions.len() - 1;
    let tail: f64 = fractions[..=(all - sum / divisor) / 2].iter().sum();
    (2.0 * tail).min(1.0)
}

/// The probabilities of 0, 1, … heads of `count` fair coins.
fn binomial(count: usize) -> Vec<f64> {
    let n = count as f64;
    let log_all = libm::lgamma(n + 1.0) - n * std::f64::consts::LN_2;
    let log = |k: f64| log_all - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    (0..=count).map(|k| log(k as f64).exp()).collect()
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sign_test;

    #[test]
    fn p_values_agree_with_scipy() {
        // scipy.stats.permutation_test((d,), numpy.sum, permutation_type="samples", n_resamples=numpy.inf).pvalue
        let cases: [(&[i64], f64); 5] = [
            (&[3, 0], 1.0),
            (&[1, 1, 1, -1], 0.625),
            (&[3, -1, 2, 2, 0, -1, 3], 0.1875),
            (&[1, 2, 3, 1, 2, 3, -1, -2], 0.171_875),
            (&[-3, -3, -2, 1, -1, -3, 0, -2, 1, -3], 0.035_156_25),
        ];
        for (differences, expected) in cases {
            let found = permutation_test(differences);
            assert!((found - expected).abs() < 1e-12, "{differences:?}: {found} {expected}");
        }
    }

    #[test]
    fn no_difference_is_no_evidence() {
        assert!((permutation_test(&[]) - 1.0).abs() < 1e-15);
        assert!((permutation_test(&[0, 0, 0]) - 1.0).abs() < 1e-15);
        assert!((permutation_test(&[2, -2]) - 1.0).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn with_differences_of_one_size_it_is_the_sign_test(wins in 0usize..400, losses in 0usize..400, size in 1i64..7) {
            let differences = [vec![size; wins], vec![-size; losses], vec![0; 5]].concat();
            let (found, expected) = (permutation_test(&differences), sign_test(wins, losses));
            prop_assert!((found - expected).abs() <= 1e-9 * expected, "{found} {expected}");
        }

        #[test]
        fn all_signs_count(differences in prop::collection::vec(-4i64..=4, 0..10)) {
            let observed = differences.iter().sum::<i64>().abs();
            let as_far = |signs: &u32| {
                let signed = differences.iter().enumerate().map(|(i, d)| if signs >> i & 1 == 1 { -d } else { *d });
                signed.sum::<i64>().abs() >= observed
            };
            let all = 1u32 << differences.len();
            let expected = (0..all).filter(as_far).count() as f64 / f64::from(all);
            prop_assert!((permutation_test(&differences) - expected).abs() < 1e-12);
        }
    }
}
