//! A question as a stage would put it to a student, shown before anything is trained.

use serde::Serialize;

/// A question as a student is asked it, with what it is taught to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Posed {
    /// What the student is asked.
    pub prompt: String,
    /// What it is taught to write; `None` where the answer is not known.
    pub target: Option<String>,
}
