//! The error of a difference over both questions and trainings, by components of variance.

use super::components::{Components, Part, mean_and_variance};
use super::responses::accuracies;
use super::student::{reach, two_sided, upper};
use super::{Interval, Level, Pairs};

/// How far a difference of two arms can be trusted for other questions and other trainings.
///
/// Its variance is that of the questions' differences over the questions plus, for each arm, that of its trainings'
/// accuracies over its trainings: two crossed random factors. Where they interact a little is counted twice, so that the
/// variance is on average not understated. Where both arms have several trainings, degrees of freedom are Satterthwaite's
/// (1946, Biometrics Bulletin 2): a few trainings have few, and the quantiles of Student's t grow accordingly, which the
/// percentiles of a bootstrap of three trainings cannot. That takes it that the trainings of both arms vary about alike.
/// Where one arm has a single training, this one is taken as given, and since only one component tells of trainings each
/// has a quantile of its own (Banerjee, 1961).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossed {
    /// The difference.
    pub value: f64,
    /// Its standard error, above zero.
    pub error: f64,
    /// The degrees of freedom of the error, after Satterthwaite.
    pub freedom: f64,
    /// What the error is made of, where an arm has a single training.
    apart: Option<Components>,
}

impl Crossed {
    /// Estimates the error; `None` where nothing varies. An arm with one replicate tells nothing of its trainings, which
    /// are then taken as given.
    pub fn of(pairs: &Pairs<'_>) -> Option<Self> {
        let differences: Vec<f64> = pairs.differences().map(|(_, difference)| difference).collect();
        let (first, second) = pairs.rows();
        let (value, _) = mean_and_variance(&differences);
        let parts = [
            Part::of_mean(&differences),
            Part::of_mean(&accuracies(first, pairs.samples().0)),
            Part::of_mean(&accuracies(second, pairs.samples().1)),
        ];
        let components = Components::of(parts)?;
        let variance = components.variance();
        let of_freedom = parts.iter().filter(|part| part.variance > 0.0);
        let freedom = variance * variance / of_freedom.map(|part| part.variance.powi(2) / part.freedom).sum::<f64>();
        let (ours, theirs) = pairs.replicates();
        let (single, several) = (ours.min(theirs) == 1, ours.max(theirs) > 1);
        Some(Self { value, error: variance.sqrt(), freedom, apart: (single && several).then_some(components) })
    }

    /// Returns the two-sided p value of no difference.
    pub fn p(self) -> f64 {
        self.apart.map_or_else(|| two_sided(self.value / self.error, self.freedom), |apart| apart.p(self.value))
    }

    /// Returns the interval, cut to what a difference of fractions can be.
    pub fn interval(self, level: Level) -> Interval {
        let half = self.apart.map_or_else(|| reach(level, self.freedom) * self.error, |apart| apart.half(level));
        Interval { low: (self.value - half).max(-1.0), high: (self.value + half).min(1.0) }
    }

    /// Returns the one-sided p value of a true difference of at most `delta`.
    pub(super) fn p_above(self, delta: f64) -> f64 {
        let pooled = || upper((self.value - delta) / self.error, self.freedom);
        self.apart.map_or_else(pooled, |apart| apart.p_above(self.value, delta))
    }

    /// Returns the one-sided p value of a true difference of at least `delta`.
    pub(super) fn p_below(self, delta: f64) -> f64 {
        let pooled = || upper((delta - self.value) / self.error, self.freedom);
        self.apart.map_or_else(pooled, |apart| apart.p_above(delta, self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Response, Responses};

    fn arm(questions: usize, right: impl Fn(usize) -> Vec<bool>) -> Responses {
        let row = |q| Response { question: format!("{q:04}"), chance: Some(0.5), right: right(q) };
        Responses::new((0..questions).map(row).collect()).unwrap()
    }

    #[test]
    fn one_replicate_each_is_the_paired_t_test() {
        // a = numpy.arange(60) % 3 > 0; b = numpy.arange(60) % 5 > 1; scipy.stats.ttest_rel(a, b)
        let (a, b) = (arm(60, |q| vec![q % 3 > 0]), arm(60, |q| vec![q % 5 > 1]));
        let found = Crossed::of(&Pairs::of(&a, &b).unwrap()).unwrap();
        assert!((found.p() - 0.454_325_867_278_948_9).abs() < 1e-12, "{}", found.p());
        let Interval { low, high } = found.interval(Level::P95);
        assert!(
            (low - -0.110_444_315_026_175_04).abs() < 1e-9 && (high - 0.243_777_648_359_508_38).abs() < 1e-9,
            "{low} {high}"
        );
        assert!((found.freedom - 59.0).abs() < 1e-9);
    }

    #[test]
    fn trainings_add_to_the_error_and_take_from_its_freedom() {
        // q = arange(200); A = stack([q % 10 < 7, q % 10 < 5, q * 7 % 10 < 8], 1); B = stack([q % 10 < 4, q % 10 < 5], 1)
        // v = [(A.mean(1) - B.mean(1)).var(ddof=1) / 200, A.mean(0).var(ddof=1) / 3, B.mean(0).var(ddof=1) / 2]
        // error = sqrt(sum(v)); freedom = sum(v)**2 / (v[0]**2 / 199 + v[1]**2 / 2 + v[2]**2 / 1)
        // 2 * scipy.stats.t.sf(abs(d / error), freedom); d -/+ scipy.stats.t.ppf(0.975, freedom) * error
        let a = arm(200, |q| vec![q % 10 < 7, q % 10 < 5, q * 7 % 10 < 8]);
        let b = arm(200, |q| vec![q % 10 < 4, q % 10 < 5]);
        let found = Crossed::of(&Pairs::of(&a, &b).unwrap()).unwrap();
        assert!(
            (found.error - 0.103_025_152_371_725_21).abs() < 1e-12
                && (found.freedom - 3.086_811_829_060_394).abs() < 1e-9,
            "{found:?}"
        );
        assert!((found.p() - 0.123_646_013_982_539_23).abs() < 1e-10, "{}", found.p());
        let Interval { low, high } = found.interval(Level::P95);
        assert!(
            (low - -0.106_050_120_164_409_68).abs() < 1e-8 && (high - 0.539_383_453_497_742_9).abs() < 1e-8,
            "{low} {high}"
        );
    }

    #[test]
    fn a_single_training_beside_several_leaves_the_quantiles_apart() {
        // d = A.mean(1) - b; v = [d.var(ddof=1) / 200, A.mean(0).var(ddof=1) / 3]
        // half = (scipy.stats.t.ppf(0.975, [199, 2]) ** 2 * v).sum() ** 0.5
        let a = arm(200, |q| vec![q % 10 < 7, q % 10 < 5, q * 7 % 10 < 8]);
        let b = arm(200, |q| vec![q % 10 < 4]);
        let found = Crossed::of(&Pairs::of(&a, &b).unwrap()).unwrap();
        let Interval { low, high } = found.interval(Level::P95);
        let trainings = (0.7_f64, 0.5_f64, 0.8_f64);
        let mean = (trainings.0 + trainings.1 + trainings.2) / 3.0;
        let spread = [trainings.0, trainings.1, trainings.2].map(|of| (of - mean).powi(2)).iter().sum::<f64>() / 6.0;
        let questions = found.error.powi(2) - spread;
        let half =
            (1.971_956_544_249_395_5_f64.powi(2) * questions + 4.302_652_729_911_275_f64.powi(2) * spread).sqrt();
        assert!((high - low - 2.0 * half).abs() < 1e-6, "{} {half}", (high - low) / 2.0);
        // The p value is that of the interval which just reaches zero.
        let level = Level::new(1.0 - found.p()).unwrap();
        assert!(found.interval(level).low.abs() < 1e-6, "{:?}", found.interval(level));
    }

    #[test]
    fn samples_are_the_paired_t_test_of_proportions() {
        let sampled = |right: &dyn Fn(usize) -> Vec<bool>| {
            let row = |q| Response { question: format!("{q:04}"), chance: Some(0.5), right: right(q) };
            Responses::sampled((0..60).map(row).collect(), 2).unwrap()
        };
        let (a, b) = (sampled(&|q| vec![q % 3 > 0, q % 5 > 1]), sampled(&|q| vec![q % 4 > 1, q % 7 > 3]));
        let pairs = Pairs::of(&a, &b).unwrap();
        assert_eq!((pairs.replicates(), pairs.once()), ((1, 1), false));
        let found = Crossed::of(&pairs).unwrap();
        let differences: Vec<f64> = pairs.differences().map(|(_, difference)| difference).collect();
        let (mean, variance) = mean_and_variance(&differences);
        assert!((found.value - mean).abs() < 1e-12 && (found.error - (variance / 60.0).sqrt()).abs() < 1e-12);
        assert!((found.freedom - 59.0).abs() < 1e-9);
    }

    #[test]
    fn where_nothing_varies_there_is_no_error() {
        let one = arm(9, |_| vec![true, true]);
        assert_eq!(Crossed::of(&Pairs::of(&one, &one).unwrap()), None);
        let single = arm(1, |_| vec![true]);
        assert_eq!(Crossed::of(&Pairs::of(&single, &arm(1, |_| vec![false])).unwrap()), None);
    }
}
