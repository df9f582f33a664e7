//! The percentile bootstrap over questions.

use std::num::NonZeroU32;

use super::{Interval, Level, Response};
use retort_fingerprint::Draw;

/// How many resamples are drawn, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Resamples; the ends of a 95 % interval wander by about 4 % of a standard error at the default of 4,000.
    pub resamples: NonZeroU32,
    /// The seed of the draws.
    pub seed: u64,
}

impl Bootstrap {
    /// The default number of resamples.
    pub const RESAMPLES: NonZeroU32 = NonZeroU32::new(4_000).expect("4,000 is not zero");

    /// Takes the default number of resamples.
    pub fn seeded(seed: u64) -> Self {
        Self { resamples: Self::RESAMPLES, seed }
    }

    /// Returns the percentile interval of the mean over questions of Σ over arms of sign × mean over replicates, with the
    /// two-sided p value that belongs to it: twice the fraction of resamples on the other side of zero, itself counted
    /// (Davison & Hinkley, 1997, §4.2), never below 2 / (resamples + 1).
    ///
    /// Questions are resampled jointly for all arms, which hold the same ones in the same order; replicates stay as they
    /// are. No percentiles of two or three trainings can tell of a further one: where trainings count, their variance is a
    /// component of its own. Returns `None` when no resample differs from another, or there is no question: such draws say
    /// nothing of an uncertainty.
    pub(super) fn tested(self, label: &str, arms: &[(f64, &[&Response])], level: Level) -> Option<(Interval, f64)> {
        let mut means = self.means(label, arms);
        let interval = percentiles(&mut means, level)?;
        // Sums of fractions that cancel leave a little of the rounding.
        let count = |beyond: &dyn Fn(f64) -> bool| means.iter().filter(|mean| beyond(**mean)).count() + 1;
        let fewer = count(&|mean| mean < 1e-12).min(count(&|mean| mean > -1e-12));
        Some((interval, (2.0 * fewer as f64 / (means.len() + 1) as f64).min(1.0)))
    }

    /// The means of the resamples, in no order; none without questions.
    fn means(self, label: &str, arms: &[(f64, &[&Response])]) -> Vec<f64> {
        let questions = arms.first().map_or(0, |(_, rows)| rows.len());
        if questions == 0 {
            return Vec::new();
        }
        let mut values = vec![0.0; questions];
        for (sign, rows) in arms {
            values.iter_mut().zip(*rows).for_each(|(value, row)| *value += sign * row.mean());
        }
        let mut draw = Draw::new(self.seed, &["bootstrap", label]);
        (0..self.resamples.get()).map(|_| resampled(&mut draw, &values)).collect()
    }

    /// Returns the percentile interval of each of several ratios of sums over questions, of which `ratios` holds every
    /// question's part of the numerator and of the denominator, `[ratio][question]`.
    ///
    /// Each resample serves all ratios; one in which a denominator is zero says nothing of that ratio. `None` when no
    /// resample differs from another, or there is no question.
    pub(super) fn ratios(self, label: &str, ratios: &[Vec<(f64, f64)>], level: Level) -> Vec<Option<Interval>> {
        let questions = ratios.first().map_or(0, Vec::len);
        if questions == 0 {
            return vec![None; ratios.len()];
        }
        let mut draw = Draw::new(self.seed, &["bootstrap", label]);
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); ratios.len()];
        for _ in 0..self.resamples.get() {
            let mut sums = vec![(0.0, 0.0); ratios.len()];
            for _ in 0..questions {
                let question = draw.below(questions);
                for (sum, ratio) in sums.iter_mut().zip(ratios) {
                    *sum = (sum.0 + ratio[question].0, sum.1 + ratio[question].1);
                }
            }
            for (values, (numerator, denominator)) in values.iter_mut().zip(sums) {
                values.extend((denominator > 0.0).then(|| numerator / denominator));
            }
        }
        values.iter_mut().map(|values| percentiles(values, level)).collect()
    }
}

/// Returns the percentile interval of resampled values; `None` where they never differ.
pub(super) fn percentiles(values: &mut [f64], level: Level) -> Option<Interval> {
    values.sort_by(f64::total_cmp);
    let flat = values.last()? - values.first()? < 1e-9;
    let interval = Interval { low: quantile(values, level.tail()), high: quantile(values, 1.0 - level.tail()) };
    (!flat).then_some(interval)
}

/// Draws questions, and returns the mean of the resample.
fn resampled(draw: &mut Draw, values: &[f64]) -> f64 {
    let sum: f64 = (0..values.len()).map(|_| values[draw.below(values.len())]).sum();
    sum / values.len() as f64
}

/// Returns a quantile of sorted values, linear between neighbours (type 7 of Hyndman & Fan, 1996, as numpy's default).
fn quantile(sorted: &[f64], fraction: f64) -> f64 {
    let at = fraction * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (at - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(questions: usize, right: impl Fn(usize) -> Vec<bool>) -> Vec<Response> {
        let row = |q| Response { question: format!("{q:04}"), chance: Some(0.5), right: right(q) };
        (0..questions).map(row).collect()
    }

    fn interval(arms: &[(f64, &[Response])], level: f64) -> Option<Interval> {
        let rows: Vec<Vec<&Response>> = arms.iter().map(|(_, rows)| rows.iter().collect()).collect();
        let arms: Vec<(f64, &[&Response])> = arms.iter().zip(&rows).map(|((s, _), r)| (*s, r.as_slice())).collect();
        let bootstrap = Bootstrap { resamples: NonZeroU32::new(20_000).unwrap(), seed: 1 };
        bootstrap.tested("test", &arms, Level::new(level).unwrap()).map(|(interval, _)| interval)
    }

    #[track_caller]
    fn close(found: Option<Interval>, low: f64, high: f64, within: f64) {
        let found = found.unwrap();
        assert!((found.low - low).abs() <= within && (found.high - high).abs() <= within, "{found:?}");
    }

    #[test]
    fn one_replicate_agrees_with_scipy() {
        // scipy.stats.bootstrap(([1] * 60 + [0] * 40,), numpy.mean, confidence_level=0.95, n_resamples=200000,
        //                       method="percentile")
        let arm = rows(100, |q| vec![q < 60]);
        close(interval(&[(1.0, &arm)], 0.95), 0.50, 0.69, 0.0101);
    }

    #[test]
    fn a_paired_difference_agrees_with_scipy() {
        // The same with [1] * 30 + [-1] * 12 + [0] * 58.
        let first = rows(100, |q| vec![q < 30]);
        let second = rows(100, |q| vec![(30..42).contains(&q)]);
        close(interval(&[(1.0, &first), (-1.0, &second)], 0.95), 0.06, 0.30, 0.0101);
    }

    #[test]
    fn replicates_are_averaged_and_not_resampled() {
        let arm = rows(100, |q| vec![q < 60, q >= 40]);
        let mean = rows(100, |q| vec![q < 60]);
        let found = interval(&[(1.0, &arm)], 0.95).unwrap();
        // Means of a half and of one: sd 0.20 against 0.49 over the questions, whatever the trainings do.
        let wide = interval(&[(1.0, &mean)], 0.95).unwrap();
        let ratio = (found.high - found.low) / (wide.high - wide.low);
        assert!((0.36..0.46).contains(&ratio), "{ratio}");
    }

    #[test]
    fn the_p_value_belongs_to_the_interval() {
        let tested = |first: &[Response], second: &[Response], level| {
            let (first, second): (Vec<_>, Vec<_>) = (first.iter().collect(), second.iter().collect());
            let bootstrap = Bootstrap { resamples: NonZeroU32::new(4_000).unwrap(), seed: 1 };
            bootstrap.tested("test", &[(1.0, &first), (-1.0, &second)], Level::new(level).unwrap()).unwrap()
        };
        let (first, second) = (rows(100, |q| vec![q < 30]), rows(100, |q| vec![(30..45).contains(&q)]));
        let (_, p) = tested(&first, &second, 0.95);
        assert!((0.01..0.05).contains(&p), "{p}");
        // At one minus the p value the interval just reaches zero.
        assert!(tested(&first, &second, 1.0 - p + 0.01).0.low <= 0.0);
        assert!(tested(&first, &second, 1.0 - p - 0.01).0.low > 0.0);
        let (_, none) = tested(&first, &rows(100, |q| vec![q >= 70]), 0.95);
        assert!(none > 0.9, "{none}");
        let (_, least) = tested(&rows(100, |_| vec![true]), &rows(100, |q| vec![q < 5]), 0.95);
        assert!((least - 2.0 / 4_001.0).abs() < 1e-12, "{least}");
    }

    #[test]
    fn resamples_that_never_differ_give_no_interval() {
        assert_eq!(interval(&[(1.0, &rows(9, |_| vec![true, true]))], 0.95), None);
        assert_eq!(interval(&[(1.0, &[])], 0.95), None);
        assert_eq!(interval(&[], 0.95), None);
    }

    #[test]
    fn a_ratio_of_which_all_denominators_are_one_is_a_mean() {
        let arm = rows(100, |q| vec![q < 60]);
        let mean: Vec<(f64, f64)> = (0..100).map(|q| (f64::from(u8::from(q < 60)), 1.0)).collect();
        let bootstrap = Bootstrap { resamples: NonZeroU32::new(20_000).unwrap(), seed: 1 };
        let found = bootstrap.ratios("test", &[mean, vec![(1.0, 1.0); 100], vec![(0.0, 0.0); 100]], Level::P95);
        // The draws of one replicate are the same, and sums of fractions of a hundred differ by rounding alone.
        let expected = interval(&[(1.0, &arm)], 0.95).unwrap();
        close(found[0], expected.low, expected.high, 1e-9);
        assert_eq!(found[1..], [None, None]);
        assert_eq!(bootstrap.ratios("test", &[vec![]], Level::P95), [None]);
    }

    #[test]
    fn a_ratio_of_sums_weighs_questions_by_their_denominator() {
        // random.seed(5); h = [q % 4 for q in range(80)]; n = [3 + q % 7 for q in range(80)]; quantiles of 100,000
        // sum(h[j] for j in i) / sum(n[j] for j in i) with i = random.choices(range(80), k=80)
        let ratio = (0..80).map(|q| (f64::from(q % 4), 3.0 + f64::from(q % 7))).collect();
        let bootstrap = Bootstrap { resamples: NonZeroU32::new(20_000).unwrap(), seed: 1 };
        let found = bootstrap.ratios("test", &[ratio], Level::P95).remove(0);
        close(found, 0.208_75, 0.300_88, 0.002);
    }

    #[test]
    fn quantiles_are_numpys() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.25, 0.5, 0.9, 1])
        let sorted = [1.0, 2.0, 4.0, 8.0];
        let found = [0.0, 0.25, 0.5, 0.9, 1.0].map(|fraction| quantile(&sorted, fraction));
        assert!(found.iter().zip([1.0, 1.75, 3.0, 6.8, 8.0]).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }
}
