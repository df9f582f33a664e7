//! What a student's answers come to.

use retort_artifact::{Outcome, Scores, Strictness};
use retort_stats::{Level, accuracy};

use super::Measured;
use crate::responses::responses;

/// What a student's answers come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreSummary {
    /// How many questions there are.
    pub questions: usize,
    /// How many were answered right.
    pub right: usize,
    /// The fraction of them, with its 95 % Wilson interval; of samples that count by their mean, the fraction of all samples.
    pub accuracy: Measured,
    /// The same of the lenient reading, where there is one.
    pub lenient: Option<Measured>,
    /// How many samples there are of each question; 1 where there is one output alone.
    pub samples: usize,
    /// The fraction of outputs that an answer could be read from.
    pub parsed: f64,
    /// The mean number of tokens that were written; 0 where choices were scored.
    pub tokens_per_question: f64,
}

impl ScoreSummary {
    /// Sums up scores; `None` where there are no questions.
    pub fn of(scores: &Scores) -> Option<Self> {
        let rows = &scores.rows;
        let measured = |strictness| {
            let responses = responses(scores, strictness).ok()??;
            accuracy(&responses, Level::P95).map(|estimate| Measured::of(&estimate))
        };
        let (written, read) = rows.iter().map(Outcome::read).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        Some(Self {
            questions: rows.len(),
            right: rows.iter().filter(|outcome| outcome.correct()).count(),
            accuracy: measured(Strictness::Strict)?,
            lenient: measured(Strictness::Lenient),
            samples: rows.iter().map(|outcome| outcome.samples.len()).max().unwrap_or(0).max(1),
            parsed: read as f64 / written as f64,
            tokens_per_question: rows.iter().map(|outcome| outcome.tokens).sum::<usize>() as f64 / rows.len() as f64,
        })
    }
}
