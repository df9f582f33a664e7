//! Several samples of one question, and the two readings of an output: as strictly as it was asked for, and leniently.

use serde::{Deserialize, Serialize};

use super::Answer;

/// What was read of an output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The answer; `None` when none could be read, which counts as wrong.
    pub predicted: Option<Answer>,
    /// Whether it is the right answer though it is written otherwise, as `1,000` and `1000.0` are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub equal: bool,
}

impl Reading {
    /// Says whether the answer is right.
    pub fn correct(&self, right: &Answer) -> bool {
        self.equal || self.predicted.as_ref() == Some(right)
    }
}

/// One of several outputs to a question, each drawn on its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The output, with the text that it was made to begin with.
    pub output: String,
    /// Tokens generated.
    pub tokens: usize,
    /// What is read of it strictly.
    pub strict: Reading,
    /// What is read of it leniently, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lenient: Option<Reading>,
}

/// How the samples of a question make its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vote {
    /// The answer that most samples give is the student's; of equally many, the one that came first (Wang et al., 2023,
    /// "Self-consistency improves chain of thought reasoning in language models").
    Majority,
    /// A question counts as right where any sample is: pass@n of n samples.
    Any,
    /// A question counts by the fraction of its samples that are right: pass@1, estimated with n samples.
    Mean,
}

retort_fingerprint::words!(Vote { Majority = "majority", Any = "any", Mean = "mean" });
