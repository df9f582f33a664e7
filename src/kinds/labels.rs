//! Whose labels a student is trained on.

use std::collections::BTreeMap;

use retort_artifact::{Question, Rationale};
use retort_fingerprint::Draw;
use retort_stage::StageError;

use super::missing::Missing;
use super::sequence::data;

/// Whose labels are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// The dataset's.
    Gold,
    /// Those that the teacher's answers state.
    Teacher,
    /// The dataset's, dealt out at random among the questions with as many choices.
    Shuffled,
}

retort_stage::words!(Labels { Gold = "gold", Teacher = "teacher", Shuffled = "shuffled" });

/// Leaves out rationales without a label of the teacher's own, and returns how many; an error where none may be missing.
pub(super) fn require_labels(rows: &mut Vec<Rationale>, missing: Missing) -> Result<usize, StageError> {
    let total = rows.len();
    let first = rows.iter().find(|row| row.label.is_none()).map(|row| row.id.clone());
    rows.retain(|row| row.label.is_some());
    let without = total - rows.len();
    match first {
        Some(first) if missing == Missing::Fail => Err(data(format!(
            "{without} of {total} rationales have no label of the teacher's own, which `labels: teacher` trains; first that of \
             question `{first}`. `label: from_text` in the teacher's stage reads labels, and `missing: drop` leaves out what has \
             none"
        ))),
        _ => Ok(without),
    }
}

/// Deals out the answers of questions among those of the same kind with as many choices, so that each is an answer that its question could
/// have; questions without an answer have none then either. Returns the questions with their new answers.
pub(super) fn shuffled(questions: &[Question], seed: u64) -> Vec<Question> {
    let mut groups: BTreeMap<(String, usize), Vec<usize>> = BTreeMap::new();
    for (index, question) in questions.iter().enumerate().filter(|(_, question)| question.answer.is_some()) {
        groups.entry((format!("{:?}", question.answers), question.choices.len())).or_default().push(index);
    }
    let mut dealt = questions.to_vec();
    for group in groups.into_values() {
        let mut from = group.clone();
        // By the questions alone, so that their order in the file does not matter.
        from.sort_by_key(|index| (Draw::new(seed, &["labels", &questions[*index].id]).bits(), *index));
        let mut to = group;
        to.sort_by(|one, other| questions[*one].id.cmp(&questions[*other].id));
        for (to, from) in to.into_iter().zip(from) {
            dealt[to].answer.clone_from(&questions[from].answer);
        }
    }
    dealt
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use retort_artifact::{Answer, Choice, Label};

    fn question(id: usize, choices: usize, answer: usize) -> Question {
        let choice = |index| Choice { label: Label::at(index).unwrap(), text: index.to_string() };
        Question {
            id: format!("q{id}"),
            stem: "Which?".into(),
            choices: (0..choices).map(choice).collect(),
            answer: Answer::at(answer % choices),
            ..Question::default()
        }
    }

    proptest! {
        #[test]
        fn labels_are_dealt_out_among_questions_alike(
            shapes in prop::collection::vec((1usize..5, 0usize..5), 0..40),
            seed: u64,
        ) {
            let questions: Vec<Question> =
                shapes.iter().enumerate().map(|(id, (choices, answer))| question(id, *choices, *answer)).collect();
            let dealt = shuffled(&questions, seed);
            for count in 1..5 {
                let labels = |of: &[Question]| {
                    let of = of.iter().filter(|question| question.choices.len() == count);
                    let mut labels: Vec<String> = of.map(|question| format!("{:?}", question.answer)).collect();
                    labels.sort();
                    labels
                };
                prop_assert_eq!(labels(&questions), labels(&dealt));
            }
            // Another order of the same questions deals the same.
            let mut turned = questions.clone();
            turned.reverse();
            let mut again = shuffled(&turned, seed);
            again.reverse();
            prop_assert_eq!(again, dealt);
        }
    }

    #[test]
    fn seeds_deal_otherwise() {
        let questions: Vec<Question> = (0..20).map(|id| question(id, 4, id)).collect();
        let dealt: BTreeSet<String> = (0..5).map(|seed| format!("{:?}", shuffled(&questions, seed))).collect();
        assert_eq!(dealt.len(), 5);
        let unknown = Question { answer: None, ..question(0, 4, 0) };
        assert_eq!(shuffled(&[unknown.clone(), question(1, 4, 2)], 3)[0].answer, unknown.answer);
    }

    #[test]
    fn rationales_without_a_label_are_counted_or_refused() {
        let row = |id: &str, label: Option<usize>| Rationale {
            id: id.into(),
            label: label.and_then(Answer::at),
            ..Rationale::default()
        };
        let rows = vec![row("a", Some(0)), row("b", None)];
        let error = require_labels(&mut rows.clone(), Missing::Fail).unwrap_err().to_string();
        assert!(
            error.starts_with("1 of 2 rationales have no label of the teacher's own") && error.contains("`b`"),
            "{error}"
        );
        let mut left = rows;
        assert_eq!(require_labels(&mut left, Missing::Drop).unwrap(), 1);
        assert_eq!(left.len(), 1);
    }
}
