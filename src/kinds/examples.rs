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

use std::collections::{BTreeMap, BTreeSet};

use retort_artifact::{Attributions, Placement, Question, Questions, Rationale, Rationales, Split, TrainingLog, Usage};
use retort_model::Example;
use retort_stage::{Context, StageError};
use retort_text::tokenizer::Tokenizer;

use super::labels::{Labels, require_labels, shuffled};
use super::missing::Missing;
use super::sequence::{Sequences, data};
use super::train::Train;
use super::train_words::LossOn;
use super::weights::{Weighed, Weighing};

/// Examples to train on.
pub(super) struct Prepared {
    /// The examples.
    pub(super) examples: Vec<Example>,
    /// The question that each is made of.
    pub(super) questions: Vec<String>,
    /// What is known of them.
    pub(super) log: TrainingLog,
}

impl Train {
    /// Makes the examples of the train split, and says what had to be done without.
    pub(super) fn examples(
        &self,
        context: &Context<'_>,
        usage: &Usage,
        tokenizer: &Tokenizer,
        questions: &Questions,
        positions: usize,
    ) -> Result<Prepared, StageError> {
        let mut rationales = match (&self.rationales, self.placement) {
            (_, Placement::None) if self.labels != Labels::Teacher => Rationales::default(),
            (Some(input), _) => context.read(input)?,
            (None, placement) => return Err(data(format!("`placement: {placement}` needs `rationales`"))),
        };
        let scores = self.scores(context)?;
        let weighing = self.weights.as_ref().map(|weights| Weighing::new(weights, scores.as_ref()));
        let dealt;
        let questions = match self.labels {
            Labels::Shuffled => {
                dealt = shuffled(questions.split(Split::Train), self.seed.0);
                dealt.as_slice()
            }
            Labels::Gold | Labels::Teacher => questions.split(Split::Train),
        };
        if self.labels == Labels::Teacher {
            let without = require_labels(&mut rationales.rows, self.missing)?;
            if without > 0 {
                context.warn(format!("{without} rationales have no label of the teacher's own and are left out"));
            }
        }
        let mut log = TrainingLog::default();
        let by_question = match self.placement {
            Placement::None if self.labels != Labels::Teacher => vec![vec![None]; questions.len()],
            _ => matched(&rationales, questions, self.missing, &mut log)?,
        };
        let sequences = Sequences::new(usage, tokenizer)?;
        let (length_max, whole) = (self.max_length.get().min(positions), self.loss == LossOn::Sequence);
        let (mut examples, mut made_of) = (Vec::new(), Vec::new());
        for (question, rationales) in questions.iter().zip(&by_question) {
            for rationale in rationales {
                let label = match self.labels {
                    Labels::Teacher => rationale.and_then(|row| row.label.as_ref()),
                    Labels::Gold | Labels::Shuffled => question.answer.as_ref(),
                };
                let Some(label) = label else {
                    return Err(data(format!("question `{}` of the train split has no answer", question.id)));
                };
                let sequence = sequences.with_target(question, label, rationale.map_or("", |row| &row.text))?;
                log.blank += usize::from(rationale.is_some_and(|row| row.text.trim().is_empty()));
                let weighed = weighing.as_ref().map(|weighing| weighing.of(&sequence, *rationale)).transpose()?;
                let Weighed { tokens, unscored } = weighed.unwrap_or(Weighed { tokens: None, unscored: false });
                let (example, cut) = sequence.example(&question.id, length_max, whole, tokens)?;
                log.unscored += usize::from(unscored);
                log.truncated += usize::from(cut);
                examples.push(example);
                made_of.push(question.id.clone());
            }
        }
        log.examples = examples.len();
        warn(context, &log, questions.len(), length_max);
        Ok(Prepared { examples, questions: made_of, log })
    }

    /// Reads the scores that weights go by, where they do.
    fn scores(&self, context: &Context<'_>) -> Result<Option<Attributions>, StageError> {
        let tokens = self.weights.as_ref().and_then(|weights| weights.tokens.as_ref());
        let tokens = tokens.filter(|_| self.placement != Placement::None);
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
        Missing::Drop => log.without_rationale = without.len(),
        Missing::Keep => {
            log.label_alone = without.len();
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
    let TrainingLog { examples, without_rationale, label_alone, blank, strays, unscored, truncated, .. } = log;
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
