//! Holm's correction of many p values.

use super::StatsError;

/// Returns the p values adjusted for their number, in the same order: each is then compared with the level as it is.
///
/// Holm's step-down procedure (Holm, 1979, Scandinavian Journal of Statistics 6): the chance of any false finding among
/// all of them stays below the level, however they depend on each other.
///
/// # Errors
/// A p value that is no number from 0 to 1.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    if let Some(p) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatsError::Probability { what: "p value", value: *p });
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let (mut adjusted, mut largest) = (vec![0.0; p_values.len()], 0.0f64);
    for (rank, index) in order.iter().enumerate() {
        largest = largest.max(p_values[*index] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[*index] = largest;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn adjusted_values_agree_with_statsmodels() {
        // statsmodels.stats.multitest.multipletests(p, method="holm")[1]
        let cases: [(&[f64], &[f64]); 4] = [
            (&[0.01, 0.04, 0.03, 0.005], &[0.03, 0.06, 0.06, 0.02]),
            (&[0.2], &[0.2]),
            (&[], &[]),
            (&[0.9, 0.001, 0.02, 0.02, 0.5, 0.0004], &[1.0, 0.005, 0.08, 0.08, 1.0, 0.0024]),
        ];
        for (p_values, expected) in cases {
            let found = holm(p_values).unwrap();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{p_values:?}: {found:?}");
            assert_eq!(found.len(), expected.len());
        }
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        for wrong in [f64::NAN, -0.1, 1.5, f64::INFINITY] {
            assert!(holm(&[0.5, wrong]).is_err(), "{wrong}");
        }
        expect_test::expect!["`NaN` is no p value: expected a number from 0 to 1"]
            .assert_eq(&holm(&[f64::NAN]).unwrap_err().to_string());
    }

    proptest! {
        #[test]
        fn adjusted_values_keep_their_order_and_are_never_smaller(p_values in prop::collection::vec(0.0..=1.0f64, 0..30)) {
            let found = holm(&p_values).unwrap();
            for (i, p) in p_values.iter().enumerate() {
                prop_assert!(*p <= found[i] && found[i] <= 1.0);
                prop_assert!(p_values.iter().enumerate().all(|(j, q)| p > q || found[i] <= found[j]));
            }
        }
    }
}
