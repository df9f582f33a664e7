//! Tango's score test and interval for a difference of paired proportions.

use super::normal::upper_tail;
use super::{Interval, Level};

/// What a paired difference rests on: how much one arm gained on the other and lost to it, out of so many questions.
///
/// Both are counts where each arm answered once. Sums of proportions, as several replicates give, are taken in their place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tango {
    pub(super) gained: f64,
    pub(super) lost: f64,
    pub(super) questions: f64,
}

impl Tango {
    /// Returns the score statistic for a true difference of `delta`, about standard normal where that is the truth.
    ///
    /// (b − c − nδ) / √(n (2 q + δ (1 − δ))), with q the proportion lost that is likeliest given δ (Tango, 1998, Statistics in
    /// Medicine 17). At δ = 0 it is McNemar's.
    pub(super) fn score(self, delta: f64) -> f64 {
        let Self { gained, lost, questions: n } = self;
        let b = -gained - lost + (2.0 * n - gained + lost) * delta;
        let c = -lost * delta * (1.0 - delta);
        let fraction = ((b * b - 8.0 * n * c).max(0.0).sqrt() - b) / (4.0 * n);
        let variance = n * (2.0 * fraction + delta * (1.0 - delta));
        let distance = gained - lost - n * delta;
        if variance <= 1e-12 * n {
            // At a difference of 1 nothing varies: it fits what was seen, or cannot be.
            return if distance.abs() < 1e-9 * n { 0.0 } else { distance.signum() * f64::INFINITY };
        }
        distance / variance.sqrt()
    }

    /// Returns the differences that the score test does not reject: where the score is within ±z.
    pub(super) fn interval(self, level: Level) -> Interval {
        let z = level.z();
        let value = (self.gained - self.lost) / self.questions;
        // The score falls as the difference grows.
        let low = crossing(-1.0, value, |delta| self.score(delta) > z);
        let high = crossing(value, 1.0, |delta| self.score(delta) >= -z);
        Interval { low, high }
    }

    /// Returns the one-sided p value of a true difference of at most `delta`.
    pub(super) fn p_above(self, delta: f64) -> f64 {
        upper_tail(self.score(delta))
    }

    /// Returns the one-sided p value of a true difference of at least `delta`.
    pub(super) fn p_below(self, delta: f64) -> f64 {
        upper_tail(-self.score(delta))
    }
}

/// Returns where a condition that holds from the low end on ceases to hold.
fn crossing(low: f64, high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tango(gained: f64, lost: f64, questions: f64) -> Tango {
        Tango { gained, lost, questions }
    }

    #[test]
    fn scores_and_intervals_are_those_of_a_constrained_likelihood() {
        // def score(b, c, n, d):  # the likeliest q by search rather than by formula
        //     f = lambda q: -(b * log(q + d) + c * log(q) + (n - b - c) * log(1 - 2 * q - d))   # 0 log 0 = 0
        //     q = scipy.optimize.minimize_scalar(f, bounds=(max(0, -d), (1 - d) / 2), method="bounded",
        //                                        options={"xatol": 1e-13}).x
        //     return (b - c - n * d) / sqrt(n * (2 * q + d * (1 - d)))
        // and scipy.optimize.brentq of score -/+ norm.ppf(0.975)
        let cases: [(f64, f64, f64, f64, f64, f64, f64); 5] = [
            (30.0, 12.0, 100.0, 0.05, 2.034_947_538_189_078_5, 0.054_958_177_102_455_354, 0.300_839_774_514_451_2),
            (5.0, 5.0, 50.0, -0.1, 1.493_488_876_005_303_1, -0.135_432_283_720_266, 0.135_432_284_285_214_56),
            (59.0, 37.0, 552.0, 0.02, 1.126_124_147_874_274_7, 0.005_154_118_797_487_538, 0.075_275_963_497_305_6),
            (12.0, 2.0, 40.0, 0.1, 1.713_421_254_483_584_3, 0.075_825_088_676_190_5, 0.419_433_341_512_870_8),
            (3.0, 14.0, 1_221.0, -0.02, 2.537_973_863_821_226_6, -0.016_980_793_939_801_685, -0.002_719_814_431_950_63),
        ];
        for (gained, lost, questions, delta, score, low, high) in cases {
            let found = tango(gained, lost, questions);
            assert!((found.score(delta) - score).abs() < 1e-5, "{found:?} {} {score}", found.score(delta));
            let interval = found.interval(Level::P95);
            assert!((interval.low - low).abs() < 1e-6 && (interval.high - high).abs() < 1e-6, "{found:?} {interval:?}");
        }
    }

    #[test]
    fn arms_that_agree_throughout_leave_what_so_many_questions_cannot_exclude() {
        // At b = c = 0 the interval is ±z² / (n + z²).
        let Interval { low, high } = tango(0.0, 0.0, 100.0).interval(Level::P95);
        let expected = 3.841_458_820_694_124 / 103.841_458_820_694_12;
        assert!((high - expected).abs() < 1e-9 && (low + expected).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn everything_won_is_a_difference_of_at_most_one() {
        let Interval { low, high } = tango(20.0, 0.0, 20.0).interval(Level::P95);
        assert!(low > 0.6 && low < 1.0 && (high - 1.0).abs() < 1e-9, "{low} {high}");
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_difference_and_knows_no_side(
            gained in 0u32..60, lost in 0u32..60, rest in 0u32..60, level in 0.5..0.999f64,
        ) {
            prop_assume!(gained + lost + rest > 0);
            let (gained, lost, n) = (f64::from(gained), f64::from(lost), f64::from(gained + lost + rest));
            let level = Level::new(level).unwrap();
            let Interval { low, high } = tango(gained, lost, n).interval(level);
            let value = (gained - lost) / n;
            prop_assert!(-1.0 <= low && low <= value + 1e-9 && value <= high + 1e-9 && high <= 1.0);
            let mirrored = tango(lost, gained, n).interval(level);
            prop_assert!((mirrored.low + high).abs() < 1e-6 && (mirrored.high + low).abs() < 1e-6);
        }
    }
}
