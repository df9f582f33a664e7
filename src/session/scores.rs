//! What a student's answers come to.

use retort_artifact::{Outcome, Scores};
use retort_stats::{Level, wilson};

use super::Measured;

/// What a student's answers come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreSummary {
    /// How many questions there are.
    pub questions: usize,
    /// How many were answered right.
    pub right: usize,
    /// The fraction of them, with its 95 % Wilson interval.
    pub accuracy: Measured,
    /// The fraction of answers that could be read.
    pub parsed: f64,
    /// The mean number of tokens that were written; 0 where choices were scored.
    pub tokens_per_question: f64,
}

impl ScoreSummary {
    /// Sums up scores; `None` where there are no questions.
    pub fn of(scores: &Scores) -> Option<Self> {
        let rows = &scores.rows;
        let count = |of: fn(&Outcome) -> bool| rows.iter().filter(|outcome| of(outcome)).count();
        let right = count(Outcome::correct);
        let accuracy = Measured::of(&wilson(right, rows.len(), Level::P95)?);
        let of_all = |sum: usize| sum as f64 / rows.len() as f64;
        Some(Self {
            questions: rows.len(),
            right,
            accuracy,
            parsed: of_all(count(|outcome| outcome.predicted.is_some())),
            tokens_per_question: of_all(rows.iter().map(|outcome| outcome.tokens).sum()),
        })
    }
}
