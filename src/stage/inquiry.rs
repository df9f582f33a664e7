//! What a stage would ask of a teacher, said before anything is asked.

use serde::Serialize;

/// What a stage would ask of a teacher.
#[derive(Debug, Clone)]
pub struct Inquiry {
    /// Every row, in the order of the result.
    pub rows: Vec<Asked>,
    /// What the rows without an answer are expected to take.
    pub estimate: Estimate,
}

/// One row of an inquiry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The question.
    pub id: String,
    /// Which of several samples it is.
    pub sample: u32,
    /// What is asked, for a person to read.
    pub prompt: String,
    /// Whether its answer is there already.
    pub answered: bool,
}

/// What the rows without an answer are expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// How many rows have an answer.
    pub answered: u64,
    /// How many are still to be asked.
    pub calls: u64,
    /// Tokens that are sent.
    pub prompt_tokens: u64,
    /// Tokens that come back.
    pub answer_tokens: u64,
    /// What that costs, where prices are declared.
    pub cost: Option<f64>,
    /// How long it takes, in milliseconds, where the same model was asked before.
    pub took_ms: Option<u64>,
    /// What the tokens are reckoned from.
    pub basis: Basis,
    /// The budget that this, with what was spent before, comes to more than.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exceeds: Option<Exceeded>,
}

/// A budget that an estimate comes to more than.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Exceeded {
    /// The field that declares it, such as `max_cost`.
    pub field: &'static str,
    /// What it allows.
    pub most: f64,
    /// What was spent before and the estimate come to.
    pub expected: f64,
}

/// What an estimate is reckoned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// What the same model took before.
    History,
    /// Four bytes a token, and answers as long as they may be: an upper bound, roughly.
    Guess,
}
