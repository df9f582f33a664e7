//! What a training keeps of each of several targets, and of each of several datasets.

use serde::{Deserialize, Serialize};

use super::Placement;

/// One of several targets that a student was taught: how it is asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetUsage {
    /// Its name.
    pub name: String,
    /// Where it has its rationale; `None` where it is the rationale alone, without an answer.
    pub placement: Option<Placement>,
    /// The template of its prompts.
    pub prompt: String,
}

/// How the training of one of several targets went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetLog {
    /// Its name.
    pub name: String,
    /// The factor on its mean loss.
    pub weight: f64,
    /// Its training examples.
    pub examples: usize,
    /// Questions that have none, for want of a rationale.
    pub without: usize,
    /// The mean loss of its sequences in each optimiser step, before the factor; `None` where a step has none of them.
    pub losses: Vec<Option<f32>>,
}

/// What was trained on of one of several datasets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MixedDataset {
    /// Questions of the train split that could be trained on.
    pub questions: usize,
    /// Those of them that were.
    pub trained: usize,
}

impl TargetLog {
    /// Returns the losses as a curve has them; those that are not there are not numbers.
    pub fn curve(&self) -> Vec<f32> {
        self.losses.iter().map(|loss| loss.unwrap_or(f32::NAN)).collect()
    }
}
