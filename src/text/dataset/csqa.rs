//! CommonsenseQA, with and without its in-house split.
//!
//! A line is `{"id", "question": {"stem", "choices": [{"label", "text"}]}, "answerKey"}`, or has the hub's layout
//! `{"id", "question", "choices": {"label": […], "text": […]}, "answerKey"}`; ARC has both as well. The official test file
//! withholds `answerKey`, and on the hub it is empty there. Work that needs labels for testing therefore splits the official train file in two: a list
//! names the 8,500 questions to train on, and the other 1,241 are the test split (Lin et al., 2019).

use std::collections::{BTreeMap, BTreeSet};

use super::lettered::asked;
use super::lines::{self, Fields};
use super::{DatasetError, Problem};
use retort_artifact::{Answer, Question};

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Result<Vec<Question>, DatasetError> {
    lines::read("a CommonsenseQA question", bytes, question, |question| question.id.clone())
}

fn question(fields: &Fields) -> Result<Question, Problem> {
    let id = fields.id("id")?;
    let (stem, lettered) = asked(fields)?;
    let given = fields.optional("answerKey").filter(|answer| answer.text() != Some(""));
    let answer = given.map(|answer| lettered.answer(&answer)).transpose()?.map(Answer::Choice);
    Ok(Question { id, stem, choices: lettered.choices, answer, ..Question::default() })
}

/// The questions of the official train file as the in-house split parts them, each part in the file's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InHouse {
    /// The questions that the list names.
    pub train: Vec<Question>,
    /// All others.
    pub test: Vec<Question>,
}

/// Parts the questions of the official train file by a list of identifiers to train on, one a line. An identifier that
/// no question has, or that comes twice, is an error.
pub fn in_house(questions: Vec<Question>, train_ids: &[u8]) -> Result<InHouse, DatasetError> {
    let known: BTreeSet<&str> = questions.iter().map(|question| question.id.as_str()).collect();
    let mut lines = BTreeMap::new();
    for (index, line) in train_ids.split(|&byte| byte == b'\n').enumerate() {
        let fail = |problem| DatasetError { format: "an identifier of the in-house split", line: index + 1, problem };
        let id = lines::text(line).map_err(fail)?.trim();
        if id.is_empty() {
            continue;
        }
        if !known.contains(id) {
            return Err(fail(Problem::Unknown { id: id.to_owned() }));
        }
        if let Some(first) = lines.insert(id.to_owned(), index + 1) {
            return Err(fail(Problem::Duplicate { id: id.to_owned(), first }));
        }
    }
    let (train, test) = questions.into_iter().partition(|question| lines.contains_key(&question.id));
    Ok(InHouse { train, test })
}
