//! What can be read from outputs: how much must be for a mark, and how often that is right.

use retort_artifact::{Outcome, Vote};

/// The least fraction of an arm's outputs that an answer can be read from for anything to be marked about it. Below it, a difference
/// may be one of outputs that end too early or say nothing, and not one of answers.
pub(super) const MARKED: f64 = 0.9;

/// Returns the fraction of readable answers that are right; `None` where none is readable.
pub(super) fn right_of_readable<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Option<f64> {
    let (mut readable, mut right) = (0_usize, 0_usize);
    for outcome in outcomes {
        if outcome.vote == Some(Vote::Mean) && !outcome.samples.is_empty() {
            for sample in outcome.samples.iter().filter(|sample| sample.strict.predicted.is_some()) {
                readable += 1;
                right += usize::from(sample.strict.correct(&outcome.answer));
            }
        } else if outcome.predicted.is_some() {
            readable += 1;
            right += usize::from(outcome.correct());
        }
    }
    (readable > 0).then(|| right as f64 / readable as f64)
}
