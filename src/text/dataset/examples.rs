//! Worked examples that a teacher is shown before it is asked.
//!
//! A line is `{"question", "choices": [{"label", "text"}], "label", "rationale"}`.

use super::lettered::choices;
use super::lines::{self, Fields};
use super::{DatasetError, Problem};
use retort_artifact::Question;

/// A question with its answer and a rationale somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkedExample {
    /// The question, whose answer is known.
    pub question: Question,
    /// The rationale.
    pub rationale: String,
}

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Result<Vec<WorkedExample>, DatasetError> {
    lines::read("a worked example", bytes, example, |example| example.question.stem.clone())
}

fn example(fields: &Fields) -> Result<WorkedExample, Problem> {
    let stem = fields.words("question")?;
    let lettered = choices(fields)?;
    let answer = lettered.answer(&fields.field("label", "the label of a choice")?)?;
    let question = Question {
        id: stem.clone(),
        stem,
        choices: lettered.choices,
        answer: Some(answer.into()),
        ..Question::default()
    };
    Ok(WorkedExample { question, rationale: fields.words("rationale")? })
}
