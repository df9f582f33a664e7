//! From values to positions, and the round numbers in between.

/// A linear or logarithmic scale with ticks at round numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    logarithmic: bool,
    low: f64,
    high: f64,
    /// The round numbers from end to end.
    pub(super) ticks: Vec<f64>,
    decimals: usize,
}

impl Scale {
    /// Makes a scale that holds `low..=high` and ends at round numbers, with about `count` ticks.
    ///
    /// The ends stay within `bounds` when they are given and hold the values. The step is 1, 2, 2.5 or 5 times a power
    /// of ten (Heckbert, 1990, Graphics Gems, "Nice numbers for graph labels").
    pub(super) fn nice(low: f64, high: f64, count: usize, bounds: Option<(f64, f64)>) -> Self {
        let (mut low, mut high) =
            if low.is_finite() && high.is_finite() && low <= high { (low, high) } else { (0.0, 1.0) };
        if high - low < 1e-9 * high.abs().max(1e-3) {
            let spread = (high.abs() * 0.1).max(1e-3);
            (low, high) = (low - spread, high + spread);
            if let Some((least, most)) = bounds {
                (low, high) = (low.max(least), high.min(most));
            }
        }
        let raw = (high - low) / count.max(1) as f64;
        let power = 10f64.powf(raw.log10().floor());
        let factor =
            [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|factor| factor * power >= raw * 0.999_999).unwrap_or(10.0);
        let step = factor * power;
        let (mut first, mut last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        if let Some((least, most)) = bounds {
            (first, last) = (first.max((least / step).ceil()), last.min((most / step).floor()));
        }
        let whole = power.log10().round() as i32;
        let decimals = (-whole + i32::from((factor - 2.5).abs() < 0.1)).max(0) as usize;
        let ticks: Vec<f64> =
            (0..=(last - first).max(0.0) as usize).map(|index| (first + index as f64) * step).collect();
        let low = ticks.first().copied().unwrap_or(low).min(low);
        let high = ticks.last().copied().unwrap_or(high).max(high);
        Self { logarithmic: false, low, high, ticks, decimals }
    }

    /// Makes a scale that ends where the values end, with some room, for an axis whose ticks are its values.
    pub(super) fn around(values: &[f64]) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = if high > low { (high - low) * 0.05 } else { 1.0 };
        Self { logarithmic: false, low: low - room, high: high + room, ticks: values.to_vec(), decimals: 0 }
    }

    /// Makes a logarithmic scale that holds `low..=high`, both above zero, with ticks at 1, 2 and 5 times powers of ten.
    pub(super) fn logarithmic(low: f64, high: f64) -> Self {
        let powers = low.log10().floor() as i32 - 1..=high.log10().ceil() as i32;
        let all: Vec<f64> = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(power))).collect();
        // The last tick at or below the values, those among them, and the first at or above.
        let first = all.iter().rposition(|tick| *tick <= low * 1.000_001).unwrap_or(0);
        let last = all.iter().position(|tick| *tick >= high * 0.999_999).unwrap_or(all.len() - 1);
        let mut ticks = all[first..=last.max(first)].to_vec();
        let (low, high) = (ticks[0].log10(), ticks[ticks.len() - 1].log10());
        if ticks.len() > 8 {
            // Over many powers only they are named, and of very many every so many.
            let stride = ticks.len() / 24 + 1;
            let is_power = |tick: &f64| (tick.log10() - tick.log10().round()).abs() < 1e-9;
            ticks = ticks.into_iter().filter(is_power).step_by(stride).collect();
        }
        Self { logarithmic: true, low, high: high.max(low + 0.1), ticks, decimals: 0 }
    }

    /// Returns the position of a value when the scale runs from `start` to `end`.
    pub(super) fn at(&self, value: f64, start: f64, end: f64) -> f64 {
        let value = if self.logarithmic { value.max(f64::MIN_POSITIVE).log10() } else { value };
        start + (value - self.low) / (self.high - self.low) * (end - start)
    }

    /// Writes a tick with as many decimals as the step needs.
    pub(super) fn tick(&self, value: f64) -> String {
        if self.logarithmic {
            return format!("{}", (value * 1e12).round() / 1e12);
        }
        format!("{:.*}", self.decimals, value + 0.0).replace('-', "−")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticks(low: f64, high: f64, bounds: Option<(f64, f64)>) -> String {
        let scale = Scale::nice(low, high, 5, bounds);
        scale.ticks.iter().map(|&tick| scale.tick(tick)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(47.1, 71.9, Some((0.0, 100.0))), "45 50 55 60 65 70 75");
        assert_eq!(ticks(91.0, 100.0, Some((0.0, 100.0))), "90 92 94 96 98 100");
        assert_eq!(ticks(0.0, 0.6, None), "0.0 0.2 0.4 0.6");
        assert_eq!(ticks(0.0, 11.2, None), "0.0 2.5 5.0 7.5 10.0 12.5");
        assert_eq!(ticks(0.0, 1172.0, None), "0 250 500 750 1000 1250");
        assert_eq!(ticks(50.0, 50.0, Some((0.0, 100.0))), "44 46 48 50 52 54 56");
    }

    #[test]
    fn logarithmic_ticks_hold_the_values() {
        let shown = |low, high| {
            let scale = Scale::logarithmic(low, high);
            scale.ticks.iter().map(|&tick| scale.tick(tick)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(0.31, 11.2), "0.2 0.5 1 2 5 10 20");
        assert_eq!(shown(0.001, 0.01), "0.001 0.002 0.005 0.01");
        assert_eq!(shown(1.0, 1.0), "1");
        assert_eq!(shown(0.003, 30.0), "0.01 0.1 1 10");
        assert!(Scale::logarithmic(1e-300, 10.0).ticks.len() < 20);
        let scale = Scale::logarithmic(0.1, 10.0);
        assert!((scale.at(1.0, 0.0, 10.0) - 5.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn every_value_has_a_place_inside(low in -1e6..1e6f64, spread in 0.0..1e6f64, part in 0.0..=1.0f64) {
            let scale = Scale::nice(low, low + spread, 5, None);
            let at = scale.at(low + spread * part, 10.0, 20.0);
            prop_assert!((9.999..=20.001).contains(&at), "{at}");
            prop_assert!((2..=13).contains(&scale.ticks.len()), "{:?}", scale.ticks);
        }

        #[test]
        fn odd_ranges_give_finite_places(low in any::<f64>(), high in any::<f64>(), value in -1e3..1e3f64) {
            prop_assume!(low.abs() < 1e100 && high.abs() < 1e100 || !low.is_finite() || !high.is_finite());
            prop_assert!(Scale::nice(low, high, 5, None).at(value, 0.0, 1.0).is_finite());
        }
    }

    #[test]
    fn a_scale_around_one_value_has_room() {
        assert!((Scale::around(&[3.0]).at(3.0, 0.0, 10.0) - 5.0).abs() < 1e-12);
        assert!(Scale::around(&[]).at(0.5, 0.0, 10.0).is_finite());
    }
}
