//! Something to say, before it is laid out.

use super::super::clean::one_line;

/// Something to say. All its texts are clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What kind of thing it is.
    pub(super) mark: Mark,
    /// The instance or experiment it is about; empty where it is about none.
    pub(super) name: String,
    /// What is said; always shown in full.
    pub(super) text: String,
    /// What was measured; may be left out.
    pub(super) facts: String,
    /// Why, or who; may be left out.
    pub(super) aside: String,
    /// Further lines, shown in full.
    pub(super) body: Vec<String>,
}

/// What kind of thing a line says; of an instance, or of the run where the line has no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Run,
    Start,
    Wait,
    Hit,
    Done,
    Evict,
    Fail,
    Stop,
    Skip,
    Warn,
}

impl Line {
    /// Makes a line; `name` need not be clean.
    pub(super) fn new(mark: Mark, name: &str, text: impl Into<String>) -> Self {
        let (facts, aside) = (String::new(), String::new());
        Self { mark, name: one_line(name), text: text.into(), facts, aside, body: Vec::new() }
    }

    /// Adds what was measured.
    pub(super) fn facts(self, facts: String) -> Self {
        Self { facts, ..self }
    }

    /// Adds why, or who.
    pub(super) fn aside(self, aside: String) -> Self {
        Self { aside, ..self }
    }

    /// Adds further lines.
    pub(super) fn body(self, body: Vec<String>) -> Self {
        Self { body, ..self }
    }
}
