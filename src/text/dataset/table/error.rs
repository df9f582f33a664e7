//! What can be wrong with a table.

use std::fmt;

use serde_json::Value as Json;

/// A table that cannot be read as its mapping says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The file is not of its format.
    #[error("cannot read {place}: {why}")]
    Form {
        /// The row, or the file as a whole.
        place: Place,
        /// What is wrong.
        why: String,
    },
    /// A field is not there.
    #[error("{place}: the field `{field}` is not there, needed for `{role}`; {}", instead(.nearest.as_deref(), .known))]
    Absent {
        /// The row.
        place: Place,
        /// What it is for, such as `question`.
        role: String,
        /// The field.
        field: String,
        /// The field that is most like it.
        nearest: Option<String>,
        /// The fields that there are.
        known: Vec<String>,
    },
    /// A field holds something else than it should.
    #[error("{place}: `{role}`, from `{field}`, is `{found}`, expected {expected}")]
    Unexpected {
        /// The row.
        place: Place,
        /// What it is for.
        role: String,
        /// The field.
        field: String,
        /// What stands there, cut to 60 characters.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// A pattern matches nothing in half of the rows or more.
    #[error("the pattern `{pattern}` for `{role}` matches nothing in {missed} of {all} rows, such as: {}", .first.join(" | "))]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What it is for.
        role: String,
        /// Rows in which it matches nothing.
        missed: usize,
        /// All rows.
        all: usize,
        /// The first three of them, with what stands there.
        first: Vec<String>,
    },
    /// Two rows have one identifier.
    #[error("{place}: the identifier `{id}` is that of {first} already, expected one of its own")]
    Duplicate {
        /// The row.
        place: Place,
        /// The identifier.
        id: String,
        /// The row that has it already.
        first: Place,
    },
    /// A mapping that no table could meet.
    #[error("{0}")]
    Mapping(String),
}

/// A row of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The row, counted from 1 without headings and blank lines; 0 for the file as a whole.
    pub row: usize,
    /// The line at which it begins, where the file has lines.
    pub line: Option<usize>,
}

impl Place {
    /// The file as a whole.
    pub const FILE: Self = Self { row: 0, line: None };
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { row: 0, line: None } => write!(f, "the file"),
            Self { row: 0, line: Some(line) } => write!(f, "line {line}"),
            Self { row, line: Some(line) } if row != line => write!(f, "row {row} (line {line})"),
            Self { row, .. } => write!(f, "row {row}"),
        }
    }
}

/// Says what there is in the place of a field.
fn instead(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", known.join(", ")),
    }
}

/// Writes a value for an error, cut to 60 characters.
pub(super) fn shown(value: &Json) -> String {
    let whole = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match whole.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}
