//! What translators are trained on and how, each step as it was, and why there is none.

use crate::error::{ModelError, SequenceError};
use crate::saved::StateError;

/// How translators are trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TuneRecipe {
    /// Steps of the optimiser.
    pub steps: usize,
    /// The least number of places that a step learns from.
    pub tokens: usize,
    /// The rate at the start, times 1 − momentum.
    pub lr: f64,
    /// What is kept of earlier gradients.
    pub momentum: f64,
    /// The pull toward the identity.
    pub weight_decay: f64,
    /// The largest norm of the gradient over all layers.
    pub max_grad_norm: Option<f64>,
    /// Whether only the biases are learned.
    pub bias_only: bool,
    /// Decides the order of the text.
    pub seed: u64,
}

/// Text to learn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Its tokens.
    pub ids: Vec<u32>,
    /// The first token after which the layers are compared; so are all that follow.
    pub from: usize,
}

/// One step, as it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TuneStep {
    /// The step, counted from 1.
    pub step: usize,
    /// Steps in all.
    pub steps_total: usize,
    /// The divergence of the model's distribution from a layer's, in nats, averaged over places and layers, before the step.
    pub divergence: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
    /// The rate.
    pub lr: f64,
    /// Places that it learned from.
    pub places: usize,
}

/// Why translators cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// There is nothing to learn from.
    #[error("cannot tune a lens: there is no text")]
    NoText,
    /// A passage that the model cannot take.
    #[error("cannot tune a lens on the text: {0}")]
    Passage(#[from] SequenceError),
    /// A passage without a place.
    #[error("cannot tune a lens on passage {passage}: it has {tokens} tokens and is compared from token {from} on")]
    NoPlace {
        /// Its index.
        passage: usize,
        /// Its length.
        tokens: usize,
        /// Where it would begin.
        from: usize,
    },
    /// The divergence is no longer a number.
    #[error("tuning the lens diverged: the divergence of step {step} is {divergence}; try a lower `lr`")]
    Diverged {
        /// The step.
        step: usize,
        /// The divergence.
        divergence: f64,
    },
    /// The caller asked to stop.
    #[error("tuning the lens was stopped after step {step}")]
    Stopped {
        /// Steps done.
        step: usize,
    },
    /// The state could not be saved.
    #[error("cannot save the state of tuning: {0}")]
    Save(std::io::Error),
    /// A saved state cannot be resumed from.
    #[error(transparent)]
    State(#[from] StateError),
    /// The device failed.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl Passage {
    /// The places at which layers are compared.
    pub(super) fn places(&self) -> usize {
        self.ids.len() - self.from
    }
}
