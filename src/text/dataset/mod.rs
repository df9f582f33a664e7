//! Questions and rationales out of bytes: the official line formats, and questions made up by rule.
//!
//! | module | format |
//! |---|---|
//! | [`quarel`] | QuaRel: the choices stand inside the question's text |
//! | [`csqa`] | CommonsenseQA, with its in-house split |
//! | [`obqa`] | OpenBookQA |
//! | [`rationales`] | rationales that someone else elicited, as JSON lines or CSV |
//! | [`scores`] | scores of a rationale's tokens that were computed elsewhere |
//! | [`examples`] | worked examples that a teacher is shown |
//! | [`table`] | any table, by a mapping of its fields |
//! | [`synthetic`] | no file at all: a generator |
//! | [`synthetic::arithmetic`] | the same: word problems whose answers are numbers |
//! | [`split`] | a table of one file, divided into train, dev and test |
//! | [`subset`] | fewer questions of a dataset |
//! | [`overlap`] | questions of training that are held out as well |
//! | [`mixture`] | how many questions of each of several datasets, and which |
//!
//! A reader takes the bytes of a whole file, which is JSON lines or one JSON array, and returns its rows in their order, or
//! the first thing that is wrong with the file, named by line and field. Fields that a format does not need are ignored, as are blank lines.

mod array;
pub mod csqa;
pub mod examples;
mod lettered;
mod lines;
pub mod mixture;
pub mod obqa;
pub mod overlap;
pub mod quarel;
pub mod rationales;
pub mod scores;
pub mod split;
mod strict;
pub mod subset;
pub mod synthetic;
pub mod table;
#[cfg(test)]
mod tests;

/// A file that is not what its format asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read line {line} as {format}: {problem}")]
pub struct DatasetError {
    /// What the line should be, such as `a QuaRel question`.
    pub format: &'static str,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes are not text.
    #[error("it is not UTF-8 from byte {byte} of the line on")]
    NotUtf8 {
        /// The place in the line, counted from 0.
        byte: usize,
    },
    /// The line is not one JSON value.
    #[error("it is not JSON: {why}")]
    Json {
        /// What the parser said.
        why: String,
    },
    /// A line is not CSV, or not of as many fields as the first.
    #[error("it is not CSV: {why}")]
    Csv {
        /// What the parser said.
        why: String,
    },
    /// A field is absent.
    #[error("the field `{field}` is missing, expected {expected}")]
    Missing {
        /// The field, such as `question.stem`.
        field: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A field holds something else than it should.
    #[error("the field `{field}` is `{found}`, expected {expected}")]
    Unexpected {
        /// The field, such as `question.choices[2].label`.
        field: String,
        /// What stands there, cut to 60 characters.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// An identifier occurs twice.
    #[error("the field `id` is `{id}`, which line {first} has already; each line needs another identifier")]
    Duplicate {
        /// The identifier.
        id: String,
        /// The line that has it already, counted from 1.
        first: usize,
    },
    /// An identifier of a list is not among the questions.
    #[error("no question has the identifier `{id}`")]
    Unknown {
        /// The identifier.
        id: String,
    },
}
