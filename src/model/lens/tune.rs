//! Tuning: translators learn to say at their layer what the model says at its end.
//!
//! The recipe is that of Belrose et al. (2023), appendix A, and of their implementation: stochastic gradient descent with
//! Nesterov momentum, a rate that falls to zero in a straight line, gradients clipped by their norm over all layers, weight
//! decay toward the identity. As there, the rate is times 1 − momentum, since momentum makes steps so much longer.

use super::LensLimits;
use super::tune_recipe::{Passage, TuneError, TuneRecipe};
use super::tune_state::identity;
use super::tuner::{TuneHooks, Tuned, Tuner};
use crate::archive::Source;
use crate::student::{Model, placed};

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

/// Goes on from a saved [`TuneState`](super::TuneState), which is read tensor by tensor. Everything else must be as it was
/// then. On the CPU the result equals that of an undisturbed run bit for bit.
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
