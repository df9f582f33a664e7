//! How a student is talked to whose prompts are written by a chat template.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The brackets around a rationale that stands before the answer, such as `<think>` and `</think>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Think {
    /// What opens the rationale.
    pub open: String,
    /// What closes it.
    pub close: String,
    /// Whether the chat template opens it already, so that the student does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opened: bool,
}

/// A chat template with all that it is given besides the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// The template, in Jinja.
    pub template: String,
    /// The special tokens that it may name, by their names: texts, or lists of texts.
    pub special: BTreeMap<String, Json>,
    /// The system message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The tokens that end an answer, besides the one that its template ends a turn with.
    #[serde(default)]
    pub stops: Vec<String>,
}
