//! OpenBookQA.
//!
//! A line is `{"id", "question": {"stem", "choices": [{"label", "text"}]}, "answerKey"}`.

use super::lines::{self, Fields};
use super::{DatasetError, Problem};
use retort_artifact::Question;

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Result<Vec<Question>, DatasetError> {
    lines::read("an OpenBookQA question", bytes, question, |question| question.id.clone())
}

fn question(fields: &Fields) -> Result<Question, Problem> {
    let id = fields.words("id")?;
    let question = fields.field("question", "an object with `stem` and `choices`")?;
    let stem = question.words("stem")?;
    let choices = question.choices()?;
    let answer = fields.field("answerKey", "the label of a choice")?.answer(&choices)?;
    Ok(Question { id, stem, choices, answer: Some(answer), rationale: None })
}
