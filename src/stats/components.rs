//! An error made of components, each with degrees of freedom of its own.

use super::Level;
use super::student::reach_of;

/// The variance of a mean, or of a statistic that is nearly one, by where it comes from: the questions, and the
/// trainings of each arm.
///
/// The half width of an interval is √Σ tᵢ² vᵢ, where tᵢ is the quantile of Student's t with the component's own degrees of
/// freedom: R − 1 for R trainings. Such an interval covers at least what it promises for any ratio of the components
/// (Banerjee, 1960, Sankhyā 22; 1961, Sankhyā 23), which is what two or three trainings need: Satterthwaite's degrees of
/// freedom are themselves an estimate, and where the only two trainings happen to agree they come out far too many. The
/// price is width: two trainings say little of a third.
///
/// What is assumed: questions are drawn independently of each other and trainings likewise, and both kinds of mean are
/// about normally distributed. The components add up although each also holds what questions and trainings have in
/// common, so that this is counted twice rather than not at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Components([Part; 3]);

/// One component.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    /// What it adds to the variance.
    pub(super) variance: f64,
    /// How many degrees of freedom it is known with.
    pub(super) freedom: f64,
}

impl Part {
    /// The variance of the mean of values; a single value has none, nor has none at all.
    pub(super) fn of_mean(values: &[f64]) -> Self {
        let (_, variance) = mean_and_variance(values);
        Self { variance: variance / values.len().max(1) as f64, freedom: values.len().saturating_sub(1) as f64 }
    }
}

impl Components {
    /// Takes the components; `None` where nothing varies. One that does not vary, or of which a single value is known, adds
    /// nothing.
    pub(super) fn of<const N: usize>(parts: [Part; N]) -> Option<Self> {
        let mut all = [Part { variance: 0.0, freedom: 1.0 }; 3];
        let vary = parts.into_iter().filter(|part| part.variance > 0.0 && part.freedom > 0.0);
        all.iter_mut().zip(vary).for_each(|(slot, part)| *slot = part);
        let components = Self(all);
        // Rounding alone leaves about 1e-17 where nothing varies.
        (components.variance() >= 1e-15).then_some(components)
    }

    /// Returns the variance.
    pub(super) fn variance(&self) -> f64 {
        self.0.iter().map(|part| part.variance).sum()
    }

    /// Returns half the width of an interval at a level.
    pub(super) fn half(&self, level: Level) -> f64 {
        self.half_at(level.tail())
    }

    fn half_at(&self, tail: f64) -> f64 {
        let squared = |part: &Part| reach_of(tail, part.freedom).powi(2) * part.variance;
        self.0.iter().filter(|part| part.variance > 0.0).map(squared).sum::<f64>().sqrt()
    }

    /// Returns the two-sided p value of a distance from what is assumed: one less the level at which the interval just
    /// reaches it.
    pub(super) fn p(&self, distance: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
        // The half width falls as the tails grow.
        for _ in 0..60 {
            let p = 0.5 * (low + high);
            if self.half_at(p / 2.0) > distance.abs() {
                low = p;
            } else {
                high = p;
            }
        }
        0.5 * (low + high)
    }

    /// Returns the one-sided p value of a true value of at most `bound`, where `value` was seen.
    pub(super) fn p_above(&self, value: f64, bound: f64) -> f64 {
        let half = self.p(value - bound) / 2.0;
        if value >= bound { half } else { 1.0 - half }
    }
}

/// The mean and the unbiased variance; a single value has none.
pub(super) fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, if values.len() > 1 { squares / (values.len() - 1) as f64 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(variance: f64, freedom: f64) -> Part {
        Part { variance, freedom }
    }

    #[test]
    fn one_component_is_students_t() {
        // scipy.stats.t.ppf(0.975, 2) * 0.3; with two degrees of freedom p is 1 - t / √(t² + 2)
        let one = Components::of([part(0.09, 2.0), part(0.0, 9.0), part(0.5, 0.0)]).unwrap();
        assert!((one.half(Level::P95) - 1.290_795_819_102_893_7).abs() < 1e-9, "{}", one.half(Level::P95));
        assert!((one.p(0.5) - 0.237_507_148_336_976_7).abs() < 1e-6, "{}", one.p(0.5));
    }

    #[test]
    fn two_components_add_their_squares() {
        // (scipy.stats.t.ppf(0.975, [1, 999]) ** 2 * [0.04, 0.09]).sum() ** 0.5
        let two = Components::of([part(0.04, 1.0), part(0.09, 999.0)]).unwrap();
        let expected =
            ((12.706_204_736_174_694_f64 * 0.2).powi(2) + (1.962_341_461_133_449_3_f64 * 0.3).powi(2)).sqrt();
        assert!((two.half(Level::P95) - expected).abs() < 1e-6, "{} {expected}", two.half(Level::P95));
        assert!((two.variance() - 0.13).abs() < 1e-12);
    }

    #[test]
    fn where_nothing_varies_there_is_no_error() {
        assert_eq!(Components::of([part(0.0, 3.0), part(1e-17, 9.0)]), None);
        assert_eq!(Components::of([part(0.1, 0.0)]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_p_value_belongs_to_the_interval(
            first in 1e-4..0.1f64, second in 1e-4..0.1f64, freedoms in (1u8..9, 20u16..2000), level in 0.5..0.99f64,
        ) {
            let both = Components::of([part(first, freedoms.0.into()), part(second, freedoms.1.into())]).unwrap();
            let half = both.half(Level::new(level).unwrap());
            prop_assert!((both.p(half) - (1.0 - level)).abs() < 1e-6, "{} {level}", both.p(half));
            prop_assert!((both.p_above(0.2, 0.1) + both.p_above(0.1, 0.2) - 1.0).abs() < 1e-9);
            // It is never narrower than each component by itself.
            for alone in [part(first, freedoms.0.into()), part(second, freedoms.1.into())] {
                prop_assert!(half >= Components::of([alone]).unwrap().half(Level::new(level).unwrap()));
            }
        }
    }
}
