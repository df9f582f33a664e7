//! What a student is trained on: one example for each rationale of each question of the train split.
//!
//! | what is found | what becomes of it |
//! |---|---|
//! | a question without a rationale | as `missing` says: an error, left out, or trained on the label alone |
//! | a question with several rationales | one example for each |
//! | a blank rationale, as a transform may leave it | the label alone; counted |
//! | a rationale of a question that is not in the split | not read; counted |
//! | two rationales of one question with one sample number | an error |
//! | a rationale without a label of the teacher's own, with `labels: teacher` | an error, or left out and counted |
//! | an example that is longer than `max_length` | cut; counted |
//! | a question of several `targets` | one example for each target, as a training for this target alone would have |
//! | a target that is a rationale `alone`, and there is none, or a blank one | no example; counted by target |

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use retort_artifact::{Answer, Attributions, Question, Rationale, Rationales, Split, TargetLog, TrainingLog, Usage};
use retort_model::{Example, Task};
use retort_stage::{Context, StageError};
use retort_text::tokenizer::Tokenizer;

use super::labels::{Labels, require_labels, shuffled};
use super::missing::Missing;
use super::mixture::Material;
use super::sequence::{Sequences, data};
use super::targets::Aim;
use super::train::Train;
use super::train_words::LossOn;
use super::weights::{Weighed, Weighing};

/// Examples to train on.
pub(super) struct Prepared {
    /// The examples.
    pub(super) examples: Vec<Example>,
    /// The question that each is made of.
    pub(super) questions: Vec<String>,
    /// The number of the rationale that each has, if it has one.
    pub(super) samples: Vec<Option<u32>>,
    /// What is known of them.
    pub(super) log: TrainingLog,
}

/// What is trained on of a dataset.
struct Laid<'m> {
    questions: Cow<'m, [Question]>,
    /// For each question, its rationales: each, the label alone, or nothing.
    rationales: Vec<Vec<Option<&'m Rationale>>>,
}

impl Train {
    /// Makes the examples of the train split, and says what had to be done without. `usages` says how the student is asked for
    /// each target.
    pub(super) fn examples(
        &self,
        context: &Context<'_>,
        usages: &[Usage],
        tokenizer: &Tokenizer,
        materials: &[Material],
        positions: usize,
    ) -> Result<Prepared, StageError> {
        let scores = self.scores(context)?;
        let weighing = self.weights.as_ref().map(|weights| Weighing::new(weights, scores.as_ref()));
        let (aims, several) = (self.aims(), self.targets.get().is_some());
        let mut log = TrainingLog::default();
        let mut kept: Vec<Cow<'_, Rationales>> = Vec::new();
        for material in materials {
            kept.push(self.with_labels(context, &material.rationales)?);
        }
        let mut laid = Vec::new();
        for (material, rationales) in materials.iter().zip(&kept) {
            let found = self.laid(material, rationales, &mut log);
            laid.push(found.map_err(|error| self.of_dataset(laid.len(), error))?);
        }
        let usable: Vec<Vec<(usize, &str)>> = laid
            .iter()
            .map(|laid| {
                let some = |index: &usize| aims.iter().any(|aim| !self.rows(laid, aim, *index).is_empty());
                let named = |index: usize| (index, laid.questions[index].id.as_str());
                (0..laid.questions.len()).filter(some).map(named).collect()
            })
            .collect();
        let (chosen, datasets) = self.mixed(&usable)?;
        log.datasets = datasets;
        if several {
            // A question that one target leaves out may be in another, so that they are counted by target.
            log.without_rationale = 0;
            if !aims.iter().any(|aim| aim.placement.is_some() && aim.reads(self.labels)) {
                log.label_alone = 0;
            }
            let named = |aim: &Aim<'_>| TargetLog { name: aim.name.into(), weight: aim.weight, ..TargetLog::default() };
            log.targets = aims.iter().map(named).collect();
        }
        let sequences: Vec<Sequences<'_>> =
            usages.iter().map(|usage| Sequences::new(usage, tokenizer)).collect::<Result<_, _>>()?;
        let (length_max, whole) = (self.max_length.get().min(positions), self.loss == LossOn::Sequence);
        let (mut examples, mut made_of, mut samples, mut units) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (laid, chosen) in laid.iter().zip(&chosen) {
            for &index in chosen {
                let question = &laid.questions[index];
                for (target, (aim, sequences)) in aims.iter().zip(&sequences).enumerate() {
                    let rows = self.rows(laid, aim, index);
                    if several {
                        log.targets[target].examples += rows.len();
                        log.targets[target].without += usize::from(rows.is_empty());
                    }
                    for rationale in rows {
                        let text = rationale.map_or("", |row| row.text.as_str());
                        let label = aim.placement.map(|_| self.label(question, rationale)).transpose()?;
                        let sequence = match label {
                            Some(label) => sequences.with_target(question, label, text)?,
                            None => sequences.with_rationale(question, text)?,
                        };
                        sequences.require_unended(question, &sequence)?;
                        label.map_or(Ok(()), |label| sequences.require_readable(question, label, &sequence))?;
                        log.blank += usize::from(rationale.is_some_and(|row| row.text.trim().is_empty()));
                        let weighed =
                            weighing.as_ref().map(|weighing| weighing.of(&sequence, rationale)).transpose()?;
                        let Weighed { tokens, unscored } = weighed.unwrap_or(Weighed { tokens: None, unscored: false });
                        let (example, cut) = sequence.example(&question.id, length_max, whole, tokens)?;
                        log.unscored += usize::from(unscored);
                        log.truncated += usize::from(cut);
                        let task = Task { index: target, weight: aim.weight, question: units };
                        examples.push(Example { task: several.then_some(task), ..example });
                        made_of.push(question.id.clone());
                        samples.push(rationale.map(|row| row.sample));
                    }
                }
                units += 1;
            }
        }
        log.examples = examples.len();
        if let Some(empty) = log.targets.iter().find(|target| target.examples == 0) {
            return Err(data(format!("the target `{}` has no example: no question has a rationale", empty.name)));
        }
        warn(context, &log, laid.iter().map(|laid| laid.questions.len()).sum(), length_max);
        Ok(Prepared { examples, questions: made_of, samples, log })
    }

    /// Leaves out rationales without a label of the teacher's own, where these are trained.
    fn with_labels<'m>(
        &self,
        context: &Context<'_>,
        rationales: &'m Rationales,
    ) -> Result<Cow<'m, Rationales>, StageError> {
        if self.labels != Labels::Teacher {
            return Ok(Cow::Borrowed(rationales));
        }
        let mut rationales = rationales.clone();
        let without = require_labels(&mut rationales.rows, self.missing)?;
        if without > 0 {
            context.warn(format!("{without} rationales have no label of the teacher's own and are left out"));
        }
        Ok(Cow::Owned(rationales))
    }

    /// Puts rationales to the questions of a dataset.
    fn laid<'m>(
        &self,
        material: &'m Material,
        rationales: &'m Rationales,
        log: &mut TrainingLog,
    ) -> Result<Laid<'m>, StageError> {
        let split = material.questions.split(Split::Train);
        let questions = match self.labels {
            Labels::Shuffled => Cow::Owned(shuffled(split, self.seed.0)),
            Labels::Gold | Labels::Teacher => Cow::Borrowed(split),
        };
        let rationales =
            if self.reads() { matched(rationales, split, self.missing, log)? } else { vec![Vec::new(); split.len()] };
        Ok(Laid { questions, rationales })
    }

    /// Returns what a question has for a target: its rationales, or its label alone.
    fn rows<'m>(&self, laid: &Laid<'m>, aim: &Aim<'_>, index: usize) -> Vec<Option<&'m Rationale>> {
        if !aim.reads(self.labels) {
            return vec![None];
        }
        let written = |row: Option<&Rationale>| row.is_some_and(|row| !row.text.trim().is_empty());
        laid.rationales[index].iter().copied().filter(|row| aim.placement.is_some() || written(*row)).collect()
    }

    /// Returns the label that a question is trained with.
    fn label<'q>(&self, question: &'q Question, rationale: Option<&'q Rationale>) -> Result<&'q Answer, StageError> {
        let label = match self.labels {
            Labels::Teacher => rationale.and_then(|row| row.label.as_ref()),
            Labels::Gold | Labels::Shuffled => question.answer.as_ref(),
        };
        label.ok_or_else(|| data(format!("question `{}` of the train split has no answer", question.id)))
    }

    /// Reads the scores that weights go by, where they do.
    fn scores(&self, context: &Context<'_>) -> Result<Option<Attributions>, StageError> {
        let tokens = self.weights.as_ref().and_then(|weights| weights.tokens.as_ref());
        let tokens = tokens.filter(|_| self.writes_rationales());
        tokens.map(|input| context.read(input)).transpose()
    }
}

/// Finds what each question is trained with, in their order: rationales, the label alone, or not at all.
fn matched<'r>(
    rationales: &'r Rationales,
    questions: &[Question],
    missing: Missing,
    log: &mut TrainingLog,
) -> Result<Vec<Vec<Option<&'r Rationale>>>, StageError> {
    let mut by_id: BTreeMap<&str, Vec<Option<&Rationale>>> =
        questions.iter().map(|question| (question.id.as_str(), Vec::new())).collect();
    let mut seen = BTreeSet::new();
    for rationale in &rationales.rows {
        if !seen.insert((&rationale.id, rationale.sample)) {
            return Err(data(format!(
                "question `{}` has two rationales with the sample number {}: leave one out, or number them",
                rationale.id, rationale.sample
            )));
        }
        match by_id.get_mut(rationale.id.as_str()) {
            Some(found) => found.push(Some(rationale)),
            None => log.strays += 1,
        }
    }
    let without: Vec<&str> =
        questions.iter().map(|question| question.id.as_str()).filter(|id| by_id[id].is_empty()).collect();
    if without.len() == questions.len() && !without.is_empty() {
        return Err(data(format!("none of the {} questions of the train split has a rationale", without.len())));
    }
    match missing {
        Missing::Fail if !without.is_empty() => return Err(refused(&without, questions.len())),
        Missing::Fail => {}
        Missing::Drop => log.without_rationale += without.len(),
        Missing::Keep => {
            log.label_alone += without.len();
            by_id.values_mut().filter(|found| found.is_empty()).for_each(|found| found.push(None));
        }
    }
    Ok(questions.iter().map(|question| by_id.remove(question.id.as_str()).unwrap_or_default()).collect())
}

/// How many identifiers an error lists.
const LISTED: usize = 5;

fn refused(without: &[&str], questions: usize) -> StageError {
    let listed: Vec<String> = without.iter().take(LISTED).map(|id| format!("`{id}`")).collect();
    let more = match without.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    data(format!(
        "{} of {questions} questions of the train split have no rationale: {}{more}; `missing: drop` leaves them out, and \
         `missing: keep` trains on their labels alone",
        without.len(),
        listed.join(", "),
    ))
}

/// Warns of what the log counts.
fn warn(context: &Context<'_>, log: &TrainingLog, questions: usize, length_max: usize) {
    let TrainingLog { examples, without_rationale, label_alone, blank, strays, unscored, truncated, targets, .. } = log;
    for (count, message) in [
        (without_rationale, format!("of {questions} questions have no rationale and are left out")),
        (label_alone, format!("of {questions} questions have no rationale and are trained on their labels alone")),
        (blank, format!("of {examples} examples have a blank rationale and are trained on their labels alone")),
        (strays, "rationales belong to no question of the train split and are not read".to_owned()),
        (
            unscored,
            format!(
                "of {examples} examples have no score above 0 in `weights.tokens`: the tokens of their rationales weigh the \
                 same"
            ),
        ),
        (truncated, format!("of {examples} examples are longer than {length_max} tokens and were cut")),
    ] {
        if *count > 0 {
            context.warn(format!("{count} {message}"));
        }
    }
    for TargetLog { name, without, .. } in targets.iter().filter(|target| target.without > 0) {
        context.warn(format!("{without} questions have no rationale and are left out of the target `{name}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::Answer;

    fn question(id: &str) -> Question {
        Question { id: id.into(), stem: "Which?".into(), answer: Answer::at(0), ..Question::default() }
    }

    fn rationale(&(id, sample): &(&str, u32)) -> Rationale {
        Rationale { id: id.into(), sample, text: "so".into(), ..Rationale::default() }
    }

    /// Says what each of the questions `a`, `b`, `c` is trained with, and what was counted.
    fn found(rationales: &[(&str, u32)], missing: Missing) -> Result<String, String> {
        let rationales = Rationales { rows: rationales.iter().map(rationale).collect() };
        let questions = ["a", "b", "c"].map(question);
        let mut log = TrainingLog::default();
        let found = matched(&rationales, &questions, missing, &mut log).map_err(|error| error.to_string())?;
        let shown = |row: Option<&Rationale>| row.map_or("label".to_owned(), |row| format!("{}{}", row.id, row.sample));
        let shown: Vec<String> =
            found.iter().map(|rows| rows.iter().map(|row| shown(*row)).collect::<Vec<_>>().join("+")).collect();
        Ok(format!(
            "{}; left out {}, label alone {}, strays {}",
            shown.join(", "),
            log.without_rationale,
            log.label_alone,
            log.strays
        ))
    }

    #[test]
    fn the_decision_table_of_missing_rationales() {
        use Missing::{Drop, Fail, Keep};
        let all: &[(&str, u32)] = &[("c", 0), ("a", 1), ("b", 0), ("a", 0)];
        let some: &[(&str, u32)] = &[("b", 0), ("z", 0), ("y", 3), ("b", 2)];
        for missing in [Fail, Drop, Keep] {
            assert_eq!(found(all, missing).unwrap(), "a1+a0, b0, c0; left out 0, label alone 0, strays 0");
            assert_eq!(
                found(&[("z", 0)], missing).unwrap_err(),
                "none of the 3 questions of the train split has a rationale"
            );
            assert_eq!(
                found(&[("a", 1), ("b", 0), ("c", 0), ("a", 1)], missing).unwrap_err(),
                "question `a` has two rationales with the sample number 1: leave one out, or number them"
            );
        }
        assert_eq!(
            found(some, Fail).unwrap_err(),
            "2 of 3 questions of the train split have no rationale: `a`, `c`; `missing: drop` leaves them out, and \
             `missing: keep` trains on their labels alone"
        );
        assert_eq!(found(some, Drop).unwrap(), ", b0+b2, ; left out 2, label alone 0, strays 2");
        assert_eq!(found(some, Keep).unwrap(), "label, b0+b2, label; left out 0, label alone 2, strays 2");
    }

    #[test]
    fn an_error_lists_the_first_few_questions() {
        let ids = ["a", "b", "c", "d", "e", "f", "g"];
        assert!(refused(&ids, 9).to_string().starts_with(
            "7 of 9 questions of the train split have no rationale: `a`, `b`, `c`, `d`, `e` and 2 more; "
        ));
    }
}
