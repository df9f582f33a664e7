//! What two results of one instance come to: accuracies with intervals, the questions that changed, the ends of trainings.

use serde::Serialize;

use super::super::super::exit::Failure;
use crate::artifact::{Artifact, Checkpoint, Label, Outcome, Part, Parts, Scores, TrainingLog};
use crate::fingerprint::Fingerprint;
use crate::stats::{Bootstrap, Estimate, Interval, Level, Pairs, Response, Responses, accuracy, compare};
use crate::store::Store;

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Measured {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// How the accuracies of two results compare.
#[derive(Debug, Serialize)]
pub(super) struct Accuracies {
    /// On all questions of the earlier result; `None` where there is none, or its bytes are gone.
    pub(super) before: Option<Measured>,
    /// On all questions of the later one.
    pub(super) after: Option<Measured>,
    /// On the questions that both answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compared: Option<Compared>,
    /// Why they are not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_compared: Option<String>,
}

/// Two results on the questions that both answered.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    /// How many those are.
    pub(super) questions: usize,
    /// How many only one of the two answered.
    pub(super) unpaired: usize,
    /// The later accuracy minus the earlier.
    pub(super) difference: Measured,
    /// The p value of McNemar's exact test.
    pub(super) p: f64,
    /// Questions that are answered otherwise now.
    pub(super) changed: Vec<Changed>,
}

/// A question that is answered otherwise now.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Changed {
    pub(super) question: String,
    pub(super) answer: Label,
    pub(super) before: Option<Label>,
    pub(super) after: Option<Label>,
    pub(super) output_before: String,
    pub(super) output_after: String,
}

impl Changed {
    /// Says whether it was wrong and is right, or the other way about; `None` where it was and is wrong.
    pub(super) fn now_right(&self) -> Option<bool> {
        let right = |given: Option<Label>| given == Some(self.answer);
        (right(self.before) != right(self.after)).then(|| right(self.after))
    }
}

/// The ends of a training.
#[derive(Debug, Serialize)]
pub(super) struct Trained {
    /// The loss of the last step.
    pub(super) last_loss: Option<f32>,
    /// The dev accuracy of the weights that were kept.
    pub(super) dev_accuracy: Option<f64>,
}

/// Compares what an `evaluate` instance gave; `None` for any other kind.
pub(super) fn accuracies(
    store: &Store,
    before: Option<&Fingerprint>,
    after: Option<&Fingerprint>,
) -> Result<Option<Accuracies>, Failure> {
    let (was, is) = (scores(store, before)?, scores(store, after)?);
    if was.is_none() && is.is_none() {
        return Ok(None);
    }
    let responses = |scores: &Option<Scores>| scores.as_ref().map(responses).transpose();
    let (old, new) = (responses(&was)?, responses(&is)?);
    let bootstrap = Bootstrap::seeded(0);
    let estimate =
        |responses: &Option<Responses>| accuracy(responses.as_ref()?, Level::P95).map(|estimate| measured(&estimate));
    let (mut compared, mut not_compared) = (None, None);
    if let (Some(was), Some(is), Some(old), Some(new)) = (&was, &is, &old, &new) {
        match Pairs::of(new, old) {
            Ok(pairs) => {
                let found = compare(&pairs, Level::P95, bootstrap);
                compared = Some(Compared {
                    questions: found.questions,
                    unpaired: found.unpaired,
                    difference: measured(&found.difference),
                    p: found.p,
                    changed: changed(was, is),
                });
            }
            Err(error) => not_compared = Some(error.to_string()),
        }
    }
    Ok(Some(Accuracies { before: estimate(&old), after: estimate(&new), compared, not_compared }))
}

/// Reads the ends of the trainings that a `train` instance was; `None` for any other kind.
pub(super) fn trained(store: &Store, fingerprint: Option<&Fingerprint>) -> Result<Option<Trained>, Failure> {
    let Some(parts) = parts(store, fingerprint, &["train"], &["log"])? else { return Ok(None) };
    let Some(log) = parts.get("log").and_then(Part::bytes) else { return Ok(None) };
    let TrainingLog { losses, evaluations, best_step, .. } = Checkpoint::decode_log(log).map_err(Failure::unusable)?;
    let kept = evaluations.iter().find(|evaluation| evaluation.step == best_step);
    Ok(Some(Trained {
        last_loss: losses.last().copied().filter(|loss| loss.is_finite()),
        dev_accuracy: kept.map(|evaluation| evaluation.accuracy),
    }))
}

fn scores(store: &Store, fingerprint: Option<&Fingerprint>) -> Result<Option<Scores>, Failure> {
    let parts = parts(store, fingerprint, &["evaluate"], &["rows"])?;
    parts.map(|parts| Scores::decode(&parts).map_err(Failure::unusable)).transpose()
}

/// Reads parts of a result of one of some kinds; `None` for any other, and where the bytes are gone.
fn parts(
    store: &Store,
    fingerprint: Option<&Fingerprint>,
    kinds: &[&str],
    wanted: &[&str],
) -> Result<Option<Parts>, Failure> {
    let Some((_, claim)) = fingerprint.map(|fingerprint| store.claim(fingerprint)).transpose()?.flatten() else {
        return Ok(None);
    };
    if !kinds.contains(&claim.manifest.kind.as_str()) {
        return Ok(None);
    }
    let mut parts = Parts::new();
    for (part, blob) in claim.outputs.iter().filter(|(part, _)| wanted.contains(&part.as_str())) {
        let Ok(bytes) = store.read(&blob.digest) else { return Ok(None) };
        parts.insert(part.clone(), bytes.into());
    }
    Ok(Some(parts))
}

fn responses(scores: &Scores) -> Result<Responses, Failure> {
    let row = |outcome: &Outcome| Response {
        question: outcome.id.clone(),
        chance: 1.0 / outcome.choices.max(1) as f64,
        right: vec![outcome.correct()],
    };
    Responses::new(scores.rows.iter().map(row).collect()).map_err(Failure::unusable)
}

fn measured(estimate: &Estimate) -> Measured {
    let Estimate { value, interval: Interval { low, high }, .. } = *estimate;
    Measured { value, low, high }
}

/// The questions that both answered and to which the later label is another, in the order of the earlier result.
fn changed(before: &Scores, after: &Scores) -> Vec<Changed> {
    let later: std::collections::BTreeMap<&str, &Outcome> =
        after.rows.iter().map(|outcome| (outcome.id.as_str(), outcome)).collect();
    let change = |was: &Outcome| {
        let is = later.get(was.id.as_str()).filter(|is| is.predicted != was.predicted)?;
        Some(Changed {
            question: was.id.clone(),
            answer: is.answer,
            before: was.predicted,
            after: is.predicted,
            output_before: was.output.clone(),
            output_after: is.output.clone(),
        })
    };
    before.rows.iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(id: &str, predicted: Option<usize>) -> Outcome {
        Outcome {
            id: id.into(),
            answer: Label::at(0).unwrap(),
            choices: 3,
            predicted: predicted.and_then(Label::at),
            output: String::new(),
            tokens: 3,
            likelihoods: Vec::new(),
        }
    }

    #[test]
    fn questions_that_are_answered_otherwise_are_told_apart_by_what_became_of_them() {
        let rows = |labels: &[(&str, Option<usize>)]| Scores {
            rows: labels.iter().map(|(id, predicted)| outcome(id, *predicted)).collect(),
        };
        let before =
            rows(&[("a", Some(0)), ("b", Some(1)), ("c", Some(1)), ("d", None), ("e", Some(0)), ("gone", None)]);
        let after = rows(&[("e", Some(0)), ("d", Some(1)), ("c", None), ("b", Some(0)), ("a", Some(2)), ("new", None)]);
        let found: Vec<(String, Option<bool>)> =
            changed(&before, &after).iter().map(|change| (change.question.clone(), change.now_right())).collect();
        let expected = [("a", Some(false)), ("b", Some(true)), ("c", None), ("d", None)];
        assert_eq!(found, expected.map(|(id, now)| (id.to_owned(), now)));
    }
}
