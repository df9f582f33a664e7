//! What two results of one instance come to: accuracies with intervals, the questions that changed, the ends of trainings.

use retort_artifact::{
    Answer, Artifact, ArtifactKind, Checkpoint, Outcome, Part, Parts, Scores, Strictness, TrainingLog,
};
use retort_fingerprint::Fingerprint;
use retort_spec::Language;
use retort_stats::{Bootstrap, Estimate, Interval, Level, Pairs, Responses, Test, accuracy, compare};
use retort_store::Store;
use serde::Serialize;

use crate::SessionError;
use crate::responses::responses;

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Measured {
    pub(crate) fn of(estimate: &Estimate) -> Self {
        let Estimate { value, interval: Interval { low, high }, .. } = *estimate;
        Self { value, low, high }
    }
}

/// How the accuracies of two results compare.
#[derive(Debug, Serialize)]
pub struct Accuracies {
    /// On all questions of the earlier result; `None` where there is none, or its bytes are gone.
    pub before: Option<Measured>,
    /// On all questions of the later one.
    pub after: Option<Measured>,
    /// By the lenient reading of the earlier result, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lenient_before: Option<Measured>,
    /// By that of the later one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lenient_after: Option<Measured>,
    /// On the questions that both answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// Why they are not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_compared: Option<String>,
}

/// Two results on the questions that both answered.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// How many those are.
    pub questions: usize,
    /// How many only one of the two answered.
    pub unpaired: usize,
    /// The later accuracy minus the earlier.
    pub difference: Measured,
    /// The p value of the test.
    pub p: f64,
    /// The test: `mcnemar` where a question is right or wrong, `permutation` or `crossed` where it counts by the mean of samples.
    pub test: &'static str,
    /// Questions that are answered differently now.
    pub changed: Vec<ChangedAnswer>,
}

/// A question that is answered differently now.
#[derive(Debug, PartialEq, Serialize)]
pub struct ChangedAnswer {
    /// The question's identifier.
    pub question: String,
    /// The right answer.
    pub answer: Answer,
    /// What was answered; `None` where that could not be read.
    pub before: Option<Answer>,
    /// What is answered; `None` where that cannot be read.
    pub after: Option<Answer>,
    /// Whether it was right, and is.
    #[serde(skip)]
    pub right: (bool, bool),
    /// What was written.
    pub output_before: String,
    /// What is written.
    pub output_after: String,
}

impl ChangedAnswer {
    /// Says whether it was wrong and is right, or the other way about; `None` where it is as it was.
    pub fn now_right(&self) -> Option<bool> {
        let (was, is) = self.right;
        (was != is).then_some(is)
    }
}

/// The ends of a training.
#[derive(Debug, Serialize)]
pub struct Trained {
    /// The loss of the last step.
    pub last_loss: Option<f32>,
    /// The dev accuracy of the weights that were kept.
    pub dev_accuracy: Option<f64>,
}

/// What is read of a result to compare it.
#[derive(Debug)]
pub(super) enum Read {
    /// What a student answered.
    Scores(Scores),
    /// How a student was trained.
    Training(TrainingLog),
}

/// Reads what there is to compare of a result; `None` where its kind has nothing, and where the bytes are gone.
pub(super) fn read(store: &Store, language: Language, result: &Fingerprint) -> Result<Option<Read>, SessionError> {
    let Some((_, record)) = store.record(result)? else { return Ok(None) };
    let makes = language.kinds.iter().find(|kind| kind.name == record.manifest.kind).map(|kind| kind.output);
    let wanted = |part: &str| match makes {
        Some(ArtifactKind::Scores) => true,
        Some(ArtifactKind::Checkpoint) => part == Checkpoint::LOG,
        _ => false,
    };
    let mut parts = Parts::new();
    for (part, blob) in record.outputs.iter().filter(|(part, _)| wanted(part)) {
        let Ok(bytes) = store.read(&blob.digest) else { return Ok(None) };
        parts.insert(part.clone(), bytes.into());
    }
    Ok(match makes {
        Some(ArtifactKind::Scores) => Some(Read::Scores(Scores::decode(&parts).map_err(SessionError::unusable)?)),
        Some(ArtifactKind::Checkpoint) => {
            let log = parts.get(Checkpoint::LOG).and_then(Part::bytes).map(Checkpoint::decode_log).transpose();
            log.map_err(SessionError::unusable)?.map(Read::Training)
        }
        _ => None,
    })
}

/// Compares what two results answer; `None` where neither answers anything.
pub(super) fn accuracies(before: Option<&Read>, after: Option<&Read>) -> Result<Option<Accuracies>, SessionError> {
    fn scores(read: Option<&Read>) -> Option<&Scores> {
        match read? {
            Read::Scores(scores) => Some(scores),
            Read::Training(_) => None,
        }
    }
    let (was, is) = (scores(before), scores(after));
    if was.is_none() && is.is_none() {
        return Ok(None);
    }
    let read = |scores: Option<&Scores>, strictness| match scores {
        Some(scores) => responses(scores, strictness).map_err(SessionError::unusable),
        None => Ok(None),
    };
    let (old, new) = (read(was, Strictness::Strict)?, read(is, Strictness::Strict)?);
    let lenient = (read(was, Strictness::Lenient)?, read(is, Strictness::Lenient)?);
    let bootstrap = Bootstrap::seeded(0);
    let estimate = |responses: &Option<Responses>| {
        accuracy(responses.as_ref()?, Level::P95).map(|estimate| Measured::of(&estimate))
    };
    let (mut compared, mut not_compared) = (None, None);
    if let (Some(was), Some(is), Some(old), Some(new)) = (was, is, &old, &new) {
        match Pairs::of(new, old) {
            Ok(pairs) => {
                let found = compare(&pairs, Level::P95, bootstrap);
                compared = Some(Compared {
                    questions: found.questions,
                    unpaired: found.unpaired,
                    difference: Measured::of(&found.difference),
                    p: found.decisive().0,
                    test: match found.decisive().1 {
                        Test::McNemar => "mcnemar",
                        Test::Permutation => "permutation",
                        Test::Crossed => "crossed",
                    },
                    changed: changed(was, is),
                });
            }
            Err(error) => not_compared = Some(error.to_string()),
        }
    }
    Ok(Some(Accuracies {
        before: estimate(&old),
        after: estimate(&new),
        lenient_before: estimate(&lenient.0),
        lenient_after: estimate(&lenient.1),
        compared,
        not_compared,
    }))
}

/// Returns the end of a training; `None` where the result is of none.
pub(super) fn trained(read: Option<&Read>) -> Option<Trained> {
    let Read::Training(TrainingLog { losses, evaluations, best_step, .. }) = read? else { return None };
    let kept = evaluations.iter().find(|evaluation| evaluation.step == *best_step);
    Some(Trained {
        last_loss: losses.last().copied().filter(|loss| loss.is_finite()),
        dev_accuracy: kept.map(|evaluation| evaluation.accuracy),
    })
}

/// The questions that both answered and to which the later label is another, in the order of the earlier result.
fn changed(before: &Scores, after: &Scores) -> Vec<ChangedAnswer> {
    let later: std::collections::BTreeMap<&str, &Outcome> =
        after.rows.iter().map(|outcome| (outcome.id.as_str(), outcome)).collect();
    let change = |was: &Outcome| {
        // Another dataset may have another question under the same identifier.
        let same = |is: &&&Outcome| (&is.answer, is.choices) == (&was.answer, was.choices);
        let is = later.get(was.id.as_str()).filter(same).filter(|is| is.predicted != was.predicted)?;
        Some(ChangedAnswer {
            question: was.id.clone(),
            answer: is.answer.clone(),
            before: was.predicted.clone(),
            after: is.predicted.clone(),
            right: (was.correct(), is.correct()),
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
            answer: Answer::at(0).unwrap(),
            choices: 3,
            predicted: predicted.and_then(Answer::at),
            equal: false,
            output: String::new(),
            tokens: 3,
            likelihoods: Vec::new(),
            lenient: None,
            vote: None,
            samples: Vec::new(),
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
