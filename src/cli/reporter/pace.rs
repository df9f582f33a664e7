//! How fast an instance goes, measured by the times of its events.

/// Time after which an old measurement counts for 1/e.
const MEMORY_MS: f64 = 15_000.0;
/// Notes closer together than this are taken as one.
const GRAIN_MS: u64 = 200;

/// A rate, smoothed so that the time left does not jump about.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    last: Option<(u64, u64)>,
    sum: f64,
    weight: f64,
}

impl Pace {
    /// Takes that `done` units were done at the time `at_ms`; the work that was there at first is not counted as done since.
    pub(super) fn note(&mut self, at_ms: u64, done: u64) {
        let Some((before_ms, before)) = self.last else {
            self.last = Some((at_ms, done));
            return;
        };
        if done < before {
            *self = Self { last: Some((at_ms, done)), ..Self::default() };
            return;
        }
        let gone_ms = at_ms.saturating_sub(before_ms);
        if gone_ms < GRAIN_MS {
            return;
        }
        let keep = (-(gone_ms as f64) / MEMORY_MS).exp();
        let rate = (done - before) as f64 * 1_000.0 / gone_ms as f64;
        // The weights of the exponential average sum to less than one at first; dividing by their sum corrects that.
        self.sum = self.sum * keep + rate * (1.0 - keep);
        self.weight = self.weight * keep + (1.0 - keep);
        self.last = Some((at_ms, done));
    }

    /// Returns the units a second, once there is anything to go by.
    pub(super) fn per_second(&self) -> Option<f64> {
        (self.weight > 0.0 && self.sum > 0.0).then(|| self.sum / self.weight)
    }

    /// Returns the milliseconds until `total` at this pace, seen from `now_ms`.
    pub(super) fn left_ms(&self, now_ms: u64, total: u64) -> Option<u64> {
        let (at_ms, done) = self.last?;
        let needed_ms = total.saturating_sub(done) as f64 * 1_000.0 / self.per_second()?;
        Some((needed_ms.round() as u64).saturating_sub(now_ms.saturating_sub(at_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(from: u64) -> Pace {
        let mut pace = Pace::default();
        for second in 0..=20 {
            pace.note(second * 1_000, from + second * 5);
        }
        pace
    }

    #[test]
    fn a_steady_pace_is_measured_from_the_start() {
        assert!((steady(0).per_second().unwrap() - 5.0).abs() < 1e-9);
        assert_eq!(steady(0).left_ms(20_000, 200), Some(20_000));
        assert_eq!(steady(0).left_ms(25_000, 200), Some(15_000));
    }

    #[test]
    fn resumed_work_does_not_count_what_was_there() {
        assert!((steady(10_000).per_second().unwrap() - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_count_that_starts_anew_starts_a_new_pace() {
        let mut pace = steady(0);
        pace.note(21_000, 0);
        assert_eq!(pace.per_second(), None);
        pace.note(22_000, 100);
        assert_eq!(pace.per_second().map(f64::round), Some(100.0));
    }

    #[test]
    fn a_clock_that_goes_back_or_stands_gives_no_rate() {
        let mut pace = Pace::default();
        for (at, done) in [(5_000, 1), (4_000, 2), (4_000, 9)] {
            pace.note(at, done);
        }
        assert_eq!(pace.per_second(), None);
        assert_eq!(pace.left_ms(0, 10), None);
    }
}
