//! What a student learns from, sequence by sequence.

use std::sync::Arc;

use super::divergence::{Distributions, Lessons};
use super::error::FitError;
use super::learn::Batch;
use super::recipe::Recipe;
use super::weighing::{TokenWeight, weights};

/// Which task a sequence teaches, and whose sequences go together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// The task, counted from 0.
    pub index: usize,
    /// The weight of its mean loss, above 0, the same in every sequence of the task.
    pub weight: f64,
    /// The question: sequences of one question are in one batch.
    pub question: usize,
}

/// Tokens to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The tokens.
    pub ids: Vec<u32>,
    /// The index of the first token that carries loss. The first token of all never does, as nothing predicts it.
    pub loss_from: usize,
    /// What each of the tokens weighs in the loss, where it carries loss; all weigh 1 where this is not given.
    pub weights: Option<Vec<TokenWeight>>,
    /// The task that it teaches, where a student learns several at a time: then every example has one.
    pub task: Option<Task>,
    /// What a teacher says of each token that carries loss, where its distributions are learned.
    pub teacher: Option<Arc<Distributions>>,
}

impl Example {
    /// Whether there is something to learn from it, in every step; `index` stands in errors.
    pub(crate) fn check(&self, index: usize, recipe: &Recipe) -> Result<(), FitError> {
        let Self { ids, loss_from, weights: tokens, task, teacher } = self;
        let from = (*loss_from).max(1);
        if from >= ids.len() {
            return Err(FitError::NoTarget { example: index, tokens: ids.len() });
        }
        if let Some(task) = task.filter(|task| !(task.weight.is_finite() && task.weight > 0.0)) {
            return Err(FitError::TaskWeight { example: index, weight: task.weight });
        }
        if recipe.divergence.is_some() {
            let positions = teacher.as_ref().map_or(0, |teacher| teacher.positions());
            if positions != ids.len() - from || !teacher.as_ref().is_some_and(|teacher| teacher.is_sound()) {
                return Err(FitError::Untaught { example: index, positions, wanted: ids.len() - from });
            }
        }
        let Some(tokens) = tokens else { return Ok(()) };
        if tokens.len() != ids.len() {
            return Err(FitError::Weights { example: index, weights: tokens.len(), tokens: ids.len() });
        }
        let sound = |token: &&TokenWeight| token.factor.is_finite() && token.factor >= 0.0;
        if let Some(token) = tokens.iter().find(|token| !sound(token)) {
            return Err(FitError::Weight { example: index, weight: token.factor });
        }
        // What weighs something at both ends of a line does so everywhere in between.
        let weightless = |factor: f64| weights(&tokens[from..], factor).iter().all(|&weight| weight <= 0.0);
        if recipe.ramp.map_or([1.0; 2], |ramp| ramp.ends()).into_iter().any(weightless) {
            return Err(FitError::Weightless { example: index });
        }
        Ok(())
    }

    /// Hashes all of it.
    pub(crate) fn identify(&self, hasher: &mut blake3::Hasher) {
        let Self { ids, loss_from, weights, task, teacher } = self;
        hasher.update(&(ids.len() as u64).to_le_bytes());
        hasher.update(&(*loss_from as u64).to_le_bytes());
        for id in ids {
            hasher.update(&id.to_le_bytes());
        }
        hasher.update(&[u8::from(weights.is_some())]);
        for TokenWeight { factor, ramped } in weights.iter().flatten() {
            hasher.update(&factor.to_bits().to_le_bytes());
            hasher.update(&[u8::from(*ramped)]);
        }
        if let Some(Task { index, weight, question }) = task {
            hasher.update(b"task");
            hasher.update(&(*index as u64).to_le_bytes());
            hasher.update(&weight.to_bits().to_le_bytes());
            hasher.update(&(*question as u64).to_le_bytes());
        }
        if let Some(teacher) = teacher {
            hasher.update(b"teacher");
            teacher.identify(hasher);
        }
    }
}

/// The examples at these indices as one batch, with what their tokens weigh at a factor of the ramp; where a mass is given, the
/// tokens of each weigh that much together.
pub(crate) fn batch_of<'a>(
    examples: &'a [Example],
    chosen: &[usize],
    mass: Option<f64>,
    ramp: f64,
    recipe: &Recipe,
) -> Batch<'a> {
    let chosen = || chosen.iter().map(|&i| &examples[i]);
    let weigh = |example: &Example| {
        let mut weighed = match &example.weights {
            Some(tokens) => weights(tokens, ramp),
            None => vec![1.0; example.ids.len()],
        };
        if let Some(mass) = mass {
            let carrying = &mut weighed[example.loss_from.max(1)..];
            let sum: f64 = carrying.iter().map(|&weight| f64::from(weight)).sum();
            carrying.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * mass / sum) as f32);
        }
        weighed
    };
    let weighted = mass.is_some() || chosen().any(|example| example.weights.is_some());
    let lessons = recipe.divergence.and_then(|divergence| {
        let of: Option<Vec<&Distributions>> = chosen().map(|example| example.teacher.as_deref()).collect();
        of.map(|of| Lessons { divergence, of })
    });
    Batch {
        sequences: chosen().map(|example| example.ids.as_slice()).collect(),
        loss_from: chosen().map(|example| example.loss_from).collect(),
        weights: weighted.then(|| chosen().map(weigh).collect()),
        lessons,
    }
}
