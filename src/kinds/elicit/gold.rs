//! Rationales that the dataset itself carries.

use retort_artifact::{Question, Rationale, Rationales};

pub(super) fn rationales(questions: &[Question]) -> Rationales {
    let row = |question: &Question| {
        let text = question.rationale.clone()?;
        Some(Rationale { id: question.id.clone(), text, label: question.answer.clone(), ..Rationale::default() })
    };
    Rationales { rows: questions.iter().filter_map(row).collect() }
}
