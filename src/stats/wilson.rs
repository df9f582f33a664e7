//! Wilson's score interval.

use super::{Estimate, Interval, Level, Method};

/// Estimates a proportion from `successes` of `trials`; `None` without trials or with more successes than trials.
///
/// Wilson's score interval without continuity correction: the proportions that a two-sided score test does not reject
/// (Wilson, 1927). It never leaves [0, 1] and has a width also when every trial ends alike.
pub fn wilson(successes: usize, trials: usize, level: Level) -> Option<Estimate> {
    (trials > 0 && successes <= trials).then(|| of_proportion(successes as f64 / trials as f64, trials, level))
}

/// Estimates from a proportion in [0, 1] that need not be a whole number of `trials`, of which there is at least one.
pub(super) fn of_proportion(fraction: f64, trials: usize, level: Level) -> Estimate {
    Estimate { value: fraction, interval: score(fraction, trials as f64, level.z()), method: Method::Wilson }
}

/// Returns the proportions that lie within `z` standard errors, each with the error that it would have itself in `n` trials.
pub(super) fn score(fraction: f64, n: f64, z: f64) -> Interval {
    let z2 = z * z;
    let centre = (fraction + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (fraction * (1.0 - fraction) / n + z2 / (4.0 * n * n)).sqrt();
    // Rounding must not push an end past the proportion itself when no trial, or every one, succeeded.
    Interval { low: (centre - half).clamp(0.0, fraction), high: (centre + half).clamp(fraction, 1.0) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intervals_agree_with_statsmodels() {
        // statsmodels.stats.proportion.proportion_confint(k, n, alpha=1 - level, method="wilson")
        let cases = [
            (0, 1, 0.95, 0.0, 0.793_450_685_622_762_7),
            (1, 1, 0.95, 0.206_549_314_377_237_4, 1.0),
            (1, 3, 0.95, 0.061_491_944_720_396_26, 0.792_340_399_197_952_3),
            (0, 10, 0.95, 0.0, 0.277_532_799_862_889_23),
            (8, 10, 0.95, 0.490_162_471_536_641_83, 0.943_317_848_545_624_7),
            (10, 10, 0.95, 0.722_467_200_137_110_6, 1.0),
            (337, 552, 0.95, 0.569_197_825_009_155, 0.650_289_221_277_105_2),
            (337, 552, 0.99, 0.556_035_293_762_066_4, 0.662_354_213_843_529_5),
            (700, 1221, 0.90, 0.549_881_624_358_529_9, 0.596_395_395_433_948_2),
        ];
        for (k, n, level, low, high) in cases {
            let found = wilson(k, n, Level::new(level).unwrap()).unwrap().interval;
            assert!((found.low - low).abs() < 1e-12 && (found.high - high).abs() < 1e-12, "{k}/{n} {found:?}");
        }
    }

    #[test]
    fn no_trials_give_no_estimate() {
        assert_eq!(wilson(0, 0, Level::P95), None);
        assert_eq!(wilson(2, 1, Level::P95), None);
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_fraction_and_stays_in_bounds(trials in 1usize..5000, part in 0.0..=1.0f64, level in 0.01..0.999f64) {
            let successes = (trials as f64 * part).round() as usize;
            let Estimate { value, interval, .. } = wilson(successes, trials, Level::new(level).unwrap()).unwrap();
            prop_assert!(0.0 <= interval.low && interval.low <= value && value <= interval.high && interval.high <= 1.0);
            prop_assert!(interval.low < interval.high);
        }
    }
}
