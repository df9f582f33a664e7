//! When to stop early: the rules of transformers' `EarlyStoppingCallback`.
//!
//! The counter of evaluations without improvement begins anew only when the value beats the best so far by more than
//! the threshold. The best so far is any improvement, however small. The counter compares with the best before the
//! evaluation. All of it is done in double precision, as Python does: of gains of exactly the threshold, which a score like
//! 10 of 500 makes common, the last bit decides, and it should be the same one.

/// What an evaluation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It is the best so far.
    pub(crate) best: bool,
    /// Training should stop.
    pub(crate) stop: bool,
}

/// The state of early stopping.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EarlyStopping {
    /// The best value and its step.
    pub(crate) best: Option<(u64, f64)>,
    /// Evaluations since the last improvement above the threshold.
    pub(crate) waited: u32,
}

impl EarlyStopping {
    /// Takes note of an evaluation.
    pub(crate) fn note(&mut self, step: u64, value: f64, threshold: f64, patience: Option<u32>) -> Verdict {
        let gain = self.best.map(|(_, best)| value - best);
        if gain.is_none_or(|gain| gain > 0.0 && gain > threshold) {
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        let best = gain.is_none_or(|gain| gain > 0.0);
        if best {
            self.best = Some((step, value));
        }
        Verdict { best, stop: patience.is_some_and(|patience| self.waited >= patience) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `values` and shows, for each, whether it is the best, how long has been waited, and whether to stop.
    fn check(threshold: f64, patience: u32, values: &[f64], expected: &str) {
        let mut state = EarlyStopping::default();
        let mut shown = Vec::new();
        for (step, &value) in values.iter().enumerate() {
            let verdict = state.note(step as u64, value, threshold, Some(patience));
            let (best, stop) = (if verdict.best { "*" } else { "" }, if verdict.stop { "!" } else { "" });
            shown.push(format!("{}{best}{stop}", state.waited));
        }
        assert_eq!(shown.join(" "), expected);
    }

    #[test]
    fn decisions_are_those_of_transformers() {
        check(0.0, 2, &[0.5, 0.6, 0.6, 0.6], "0* 0* 1 2!");
        check(0.0, 2, &[0.5, 0.4, 0.6, 0.5, 0.5], "0* 1 0* 1 2!");
        // Small gains are the best so far, yet count against patience.
        check(0.1, 3, &[0.5, 0.55, 0.59, 0.62], "0* 1* 2* 3*!");
        // The comparison is with the best so far, not with the value when the counter last began.
        check(0.1, 3, &[0.5, 0.55, 0.64, 0.7, 0.85], "0* 1* 2* 3*! 0*");
        // A gain of just the threshold is not above it.
        check(0.25, 2, &[0.5, 0.75, 0.75], "0* 1* 2!");
        check(0.0, 1, &[0.0, 0.0], "0* 1!");
    }

    #[test]
    fn gains_of_exactly_the_threshold_are_decided_as_in_python() {
        // sum((k + 10) / 500 - k / 500 > 0.02 for k in range(490)), as `EarlyStoppingCallback` compares
        let improves = |right: u32| {
            let mut state = EarlyStopping::default();
            state.note(1, f64::from(right) / 500.0, 0.02, None);
            state.note(2, f64::from(right + 10) / 500.0, 0.02, None);
            state.waited == 0
        };
        assert_eq!((0..490).filter(|right| improves(*right)).count(), 342);
        // (38 + 10) / 500 - 38 / 500 and (400 + 10) / 500 - 400 / 500
        assert_eq!([improves(38), improves(400)], [true, false]);
    }

    #[test]
    fn without_patience_it_never_stops() {
        let mut state = EarlyStopping::default();
        for step in 0..100 {
            assert!(!state.note(step, 0.0, 0.0, None).stop);
        }
    }
}
