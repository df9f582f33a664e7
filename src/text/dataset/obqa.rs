//! OpenBookQA.
//!
//! A line is `{"id", "question": {"stem", "choices": [{"label", "text"}]}, "answerKey"}`, or has the hub's layout
//! `{"id", "question_stem", "choices": {"label": […], "text": […]}, "answerKey"}`.

use super::lettered::asked;
use super::lines::{self, Fields};
use super::{DatasetError, Problem};
use retort_artifact::Question;

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Result<Vec<Question>, DatasetError> {
    lines::read("an OpenBookQA question", bytes, question, |question| question.id.clone())
}

fn question(fields: &Fields) -> Result<Question, Problem> {
    let id = fields.id("id")?;
    let (stem, lettered) = asked(fields)?;
    let answer = lettered.answer(&fields.field("answerKey", "the label of a choice")?)?;
    Ok(Question { id, stem, choices: lettered.choices, answer: Some(answer.into()), ..Question::default() })
}
