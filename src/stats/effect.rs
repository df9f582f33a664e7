//! How large a difference is, beside whether there is one.

use super::beta::inverse;
use super::{Interval, Level};

/// Returns Cohen's h of two proportions, 2 arcsin √first − 2 arcsin √second, from −π to π (Cohen, 1988, chapter 6).
///
/// A point of difference near 0 or 1 weighs more than one near a half, so that h can be compared between datasets of
/// different difficulty. By Cohen's convention 0.2 is small, 0.5 medium and 0.8 large. It takes the two proportions alone:
/// how often the arms disagree is told by the [`odds`] of their discordant questions.
pub fn cohen_h(first: f64, second: f64) -> f64 {
    let angle = |fraction: f64| 2.0 * fraction.clamp(0.0, 1.0).sqrt().asin();
    angle(first) - angle(second)
}

/// The odds that a question on which two arms differ goes to the first: what McNemar's test tests against 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odds {
    /// Wins over losses: the maximum-likelihood estimate given the pairs; infinite without losses.
    pub ratio: f64,
    /// Clopper and Pearson's exact interval of the proportion of wins, as odds; its upper end is infinite without losses.
    pub interval: Interval,
}

/// Estimates the odds from the questions that each arm alone is right on; `None` where there is no such question.
///
/// Clopper & Pearson (1934, Biometrika 26): the interval holds 1 wherever McNemar's exact test rejects nothing.
pub fn odds(wins: usize, losses: usize, level: Level) -> Option<Odds> {
    if wins + losses == 0 {
        return None;
    }
    let (k, n) = (wins as f64, (wins + losses) as f64);
    let low = if wins == 0 { 0.0 } else { inverse(level.tail(), k, n - k + 1.0) };
    let high = if losses == 0 { 1.0 } else { inverse(1.0 - level.tail(), k + 1.0, n - k) };
    let interval = Interval { low: low / (1.0 - low), high: high / (1.0 - high) };
    Some(Odds { ratio: k / losses as f64, interval })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sign_test;

    #[test]
    fn cohens_h_agrees_with_statsmodels() {
        // statsmodels.stats.proportion.proportion_effectsize(p, q)
        let cases: [(f64, f64, f64); 5] = [
            (0.6, 0.5, 0.201_357_920_790_330_66),
            (0.1, 0.05, 0.192_474_296_997_021_95),
            (1.0, 0.0, std::f64::consts::PI),
            (0.7, 0.7, 0.0),
            (0.25, 0.9, -1.450_893_993_599_911),
        ];
        for (first, second, expected) in cases {
            let found = cohen_h(first, second);
            assert!((found - expected).abs() < 1e-12, "{first} {second}: {found}");
        }
    }

    #[test]
    fn odds_agree_with_scipy() {
        // c = scipy.stats.binomtest(b, b + c).proportion_ci(0.95, method="exact"); (c.low / (1 - c.low), c.high / (1 - c.high))
        let cases: [(usize, usize, f64, f64); 5] = [
            (10, 2, 1.065_527_843_498_974_3, 46.932_835_453_383_77),
            (59, 37, 1.039_645_111_747_755_6, 2.474_357_144_644_536_7),
            (5, 0, 0.916_355_857_315_46, f64::INFINITY),
            (0, 3, 0.0, 2.419_951_893_353_392_3),
            (1, 1, 0.012_739_367_083_927_07, 78.496_835_314_658_21),
        ];
        for (wins, losses, low, high) in cases {
            let Odds { ratio, interval } = odds(wins, losses, Level::P95).unwrap();
            let near =
                |found: f64, expected: f64| found.total_cmp(&expected).is_eq() || (found / expected - 1.0).abs() < 1e-9;
            assert!(near(interval.low, low) && near(interval.high, high), "{wins} {losses}: {interval:?}");
            assert!(interval.low <= ratio && ratio <= interval.high);
        }
        assert_eq!(odds(0, 0, Level::P95), None);
    }

    proptest! {
        #[test]
        fn the_interval_holds_one_wherever_the_test_rejects_nothing(wins in 0usize..300, losses in 0usize..300) {
            prop_assume!(wins + losses > 0);
            let p = sign_test(wins, losses);
            prop_assume!((p - 0.05).abs() > 1e-9);
            let Interval { low, high } = odds(wins, losses, Level::P95).unwrap().interval;
            prop_assert_eq!(low <= 1.0 && 1.0 <= high, p > 0.05);
        }
    }
}
