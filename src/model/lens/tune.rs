//! Tuning: translators learn to say at their layer what the model says at its end.
//!
//! The recipe is that of Belrose et al. (2023), appendix A, and of their implementation: stochastic gradient descent with
//! Nesterov momentum, a rate that falls to zero in a straight line, gradients clipped by their norm over all layers, weight
//! decay toward the identity. As there, the rate is times 1 − momentum, since momentum makes steps so much longer.

use super::tune_state::{TuneState, identity};
use super::tuner::Tuner;
use super::{LensLimits, Translators};
use crate::archive::Source;
use crate::saved::StateError;
use crate::student::{Model, ModelError, SequenceError, placed};

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

/// What a caller may hook into.
pub trait TuneHooks {
    /// Is shown each step, and says whether to go on.
    fn seen(&mut self, step: &TuneStep) -> bool;

    /// Whether to save the state after this step.
    fn save_due(&mut self) -> bool {
        false
    }

    /// Saves the state: when it is due, and when tuning is about to stop.
    fn save(&mut self, _state: &TuneState<'_>) -> std::io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&TuneStep) -> bool> TuneHooks for F {
    fn seen(&mut self, step: &TuneStep) -> bool {
        self(step)
    }
}

/// What came of tuning.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuned {
    /// The translators.
    pub translators: Translators,
    /// Every step, those before a resumption as well.
    pub steps: Vec<TuneStep>,
}

/// Trains translators for every layer but the last, from the identity.
pub fn tune(
    model: &Model,
    text: &[Passage],
    recipe: &TuneRecipe,
    limits: &LensLimits,
    hooks: &mut dyn TuneHooks,
) -> Result<Tuned, TuneError> {
    from(model, text, recipe, limits, None, hooks)
}

/// Goes on from a saved [`TuneState`], which is read tensor by tensor. Everything else must be as it was then. On the CPU the result equals
/// that of an undisturbed run bit for bit.
pub fn resume_tuning(
    model: &Model,
    text: &[Passage],
    recipe: &TuneRecipe,
    limits: &LensLimits,
    state: impl Source,
    hooks: &mut dyn TuneHooks,
) -> Result<Tuned, TuneError> {
    from(model, text, recipe, limits, Some(Box::new(state)), hooks)
}

fn from(
    model: &Model,
    text: &[Passage],
    recipe: &TuneRecipe,
    limits: &LensLimits,
    state: Option<Box<dyn Source + '_>>,
    hooks: &mut dyn TuneHooks,
) -> Result<Tuned, TuneError> {
    if text.is_empty() {
        return Err(TuneError::NoText);
    }
    model.check(text.iter().map(|passage| passage.ids.as_slice()))?;
    if let Some((index, passage)) = text.iter().enumerate().find(|(_, passage)| passage.from >= passage.ids.len()) {
        return Err(TuneError::NoPlace { passage: index, tokens: passage.ids.len(), from: passage.from });
    }
    let identity = identity(model, text, recipe);
    placed!(&model.placed, network => {
        let mut tuner = Tuner::new(network, text, recipe, limits);
        let steps = state.map(|state| tuner.restore(&identity, state)).transpose()?.unwrap_or_default();
        tuner.run(&identity, steps, hooks)
    })
}

impl Passage {
    /// The places at which layers are compared.
    pub(super) fn places(&self) -> usize {
        self.ids.len() - self.from
    }
}
