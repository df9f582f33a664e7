//! The steps of tuning: passages in a random order, their gradients, and descent along them.

use std::io;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorMetadata, TensorPrimitive};

use super::gradients::{Gradients, gradients};
use super::translators::{Held, Translator};
use super::tune_recipe::{Passage, TuneError, TuneRecipe, TuneStep};
use super::tune_state::{self, TuneState};
use super::{LensLimits, Translators};
use crate::archive::{Entry, Give, Source};
use crate::device::{DeviceError, guarded};
use crate::error::ModelError;
use crate::init::{Random, permutation};
use crate::kernels::{Kernels, Real};
use crate::network::Network;
use crate::saved::StateError;

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

/// The passages of each step: a new random order each time all were seen.
struct Reader<'a> {
    text: &'a [Passage],
    seed: u64,
    epoch: u64,
    order: Vec<usize>,
}

impl Reader<'_> {
    /// Takes passages until they come to `places`, at least one.
    fn take(&mut self, places: usize) -> Vec<usize> {
        let (mut taken, mut count) = (Vec::new(), 0);
        while count < places.max(1) {
            let next = self.order.pop().unwrap_or_else(|| {
                let random = Random::new("retort 2026 order of passages", self.seed, &self.epoch.to_le_bytes());
                self.order = permutation(self.text.len(), random);
                self.epoch += 1;
                self.order.pop().expect("there is text")
            });
            taken.push(next);
            count += self.text[next].places();
        }
        taken
    }
}

/// Translators on their way.
pub(super) struct Tuner<'a, B: Kernels> {
    network: &'a Network<B>,
    text: &'a [Passage],
    recipe: &'a TuneRecipe,
    limits: &'a LensLimits,
    translators: Vec<Held<B>>,
    /// What momentum keeps.
    moving: Vec<Held<B>>,
}

impl<'a, B: Kernels> Tuner<'a, B> {
    pub(super) fn new(
        network: &'a Network<B>,
        text: &'a [Passage],
        recipe: &'a TuneRecipe,
        limits: &'a LensLimits,
    ) -> Self {
        let identity = Translators::identity(network.config(), recipe.bias_only);
        let place = || identity.layers.iter().map(|one| Held::place(network, one)).collect();
        Self { network, text, recipe, limits, translators: place(), moving: place() }
    }

    /// Goes on from the steps that are done.
    pub(super) fn run(
        mut self,
        identity: &str,
        mut steps: Vec<TuneStep>,
        hooks: &mut dyn TuneHooks,
    ) -> Result<Tuned, TuneError> {
        let mut reader = Reader { text: self.text, seed: self.recipe.seed, epoch: 0, order: Vec::new() };
        for _ in &steps {
            reader.take(self.recipe.tokens);
        }
        let steps_total = self.recipe.steps;
        for done in steps.len()..steps_total {
            let taken = reader.take(self.recipe.tokens);
            let lr = self.recipe.lr * (1.0 - self.recipe.momentum) * (steps_total - done) as f64 / steps_total as f64;
            let (divergence, grad_norm) = self.step(&taken, lr)?;
            let step = done + 1;
            if !(divergence.is_finite() && grad_norm.is_finite()) {
                return Err(TuneError::Diverged { step, divergence });
            }
            let places = taken.iter().map(|&passage| self.text[passage].places()).sum();
            steps.push(TuneStep { step, steps_total, divergence, grad_norm, lr, places });
            let stopping = !hooks.seen(&steps[done]);
            if step < steps_total && (stopping || hooks.save_due()) {
                self.save(identity, &steps, hooks)?;
                if stopping {
                    return Err(TuneError::Stopped { step });
                }
            }
        }
        let device = |error: DeviceError| TuneError::Model(error.into());
        let layers = self.translators.iter().map(|held| {
            let weight = held.weight.as_ref().map(|weight| self.network.read(weight.clone())).transpose()?;
            Ok(Translator { weight, bias: self.network.read(held.bias.clone())? })
        });
        let layers = layers.collect::<Result<_, DeviceError>>().map_err(device)?;
        Ok(Tuned { translators: Translators { layers }, steps })
    }

    /// The tensors that a state has: of each layer the translator, then what momentum keeps.
    fn kept(&self) -> Vec<(Entry, &Real<B>)> {
        let mut kept = Vec::new();
        for (shelf, all) in [("translators", &self.translators), ("momentum", &self.moving)] {
            for (layer, Held { weight, bias }) in all.iter().enumerate() {
                let tensors = weight.iter().map(|weight| ("weight", weight)).chain([("bias", bias)]);
                for (name, tensor) in tensors {
                    kept.push((Entry { name: format!("{shelf}/{layer}.{name}"), shape: shape_of(tensor) }, tensor));
                }
            }
        }
        kept
    }

    fn save(&self, identity: &str, steps: &[TuneStep], hooks: &mut dyn TuneHooks) -> Result<(), TuneError> {
        let (entries, tensors): (Vec<Entry>, Vec<&Real<B>>) = self.kept().into_iter().unzip();
        let give = |at: usize, give: &mut Give<'_, io::Error>| {
            self.network.whole_in_pieces(tensors[at]).try_for_each(|some| give(&some.map_err(io::Error::other)?))
        };
        hooks.save(&TuneState { identity, steps, entries: &entries, give: &give }).map_err(TuneError::Save)
    }

    /// Puts a saved state back; returns the steps that it was saved after.
    pub(super) fn restore(&mut self, identity: &str, state: Box<dyn Source + '_>) -> Result<Vec<TuneStep>, StateError> {
        let entries: Vec<Entry> = self.kept().into_iter().map(|(entry, _)| entry).collect();
        let network = self.network;
        let held = self.translators.iter_mut().chain(&mut self.moving);
        let mut places = held.flat_map(|held| held.weight.iter_mut().chain([&mut held.bias]));
        tune_state::restore(identity, &entries, state, |entry, data| {
            *places.next().expect("as many tensors as entries") = network.upload(data, &entry.shape);
        })
    }

    /// One step over passages; the divergence before it, averaged over places and layers, and the gradient's norm.
    fn step(&mut self, taken: &[usize], lr: f64) -> Result<(f64, f64), ModelError> {
        let places: usize = taken.iter().map(|&passage| self.text[passage].places()).sum();
        let len = |passage: usize| self.text[passage].ids.len();
        // Passages of like length share a pass, so that padding is short.
        let mut order = taken.to_vec();
        order.sort_by_key(|&passage| len(passage));
        let mut sum: Option<Gradients<B>> = None;
        self.limits.budget.share(&order, usize::MAX, len, |some| {
            let passages: Vec<&Passage> = some.iter().map(|&passage| &self.text[passage]).collect();
            let made = guarded(self.network.label(), || {
                gradients(self.network, &passages, &self.translators, self.limits, 1.0 / places as f32)
                    .map_err(ModelError::from)
            });
            if made.is_err() {
                B::memory_cleanup(self.network.device());
            }
            made?.into_iter().for_each(|more| Gradients::add(&mut sum, more));
            Ok(())
        })?;
        let Some(sum) = sum else { return Ok((f64::NAN, f64::NAN)) };
        let layers = sum.divergences.len().max(1);
        let divergence = sum.divergences.iter().sum::<f64>() / places as f64 / layers as f64;
        let grad_norm = guarded(self.network.label(), || {
            let grad_norm = B::sum_squares(&sum.tensors()).sqrt();
            let clip = self.recipe.max_grad_norm.map_or(1.0, |most| (most / (grad_norm + 1e-6)).min(1.0));
            let update = Update {
                lr: lr as f32,
                momentum: self.recipe.momentum as f32,
                decay: self.recipe.weight_decay as f32,
                clip: clip as f32,
            };
            for ((translator, moving), grad) in self.translators.iter_mut().zip(&mut self.moving).zip(&sum.grads) {
                update.apply::<B>(&mut translator.bias, &mut moving.bias, &grad.bias);
                if let (Some(weight), Some(moving), Some(grad)) =
                    (&mut translator.weight, &mut moving.weight, &grad.weight)
                {
                    update.apply::<B>(weight, moving, grad);
                }
            }
            Ok::<_, ModelError>(grad_norm)
        })?;
        Ok((divergence, grad_norm))
    }
}

fn shape_of<T: TensorMetadata>(tensor: &T) -> Vec<usize> {
    let shape = tensor.shape();
    (0..shape.num_dims()).map(|dimension| shape[dimension]).collect()
}

/// The numbers of one step of gradient descent.
#[derive(Clone, Copy)]
struct Update {
    lr: f32,
    momentum: f32,
    decay: f32,
    clip: f32,
}

impl Update {
    /// Moves one tensor as PyTorch's SGD with Nesterov momentum does.
    fn apply<B: Backend>(self, value: &mut Real<B>, moving: &mut Real<B>, grad: &Real<B>) {
        let shape = value.shape();
        let flat = |x: &Real<B>| {
            let flat = B::float_reshape(x.clone(), [shape.num_elements()].into());
            Tensor::<B, 1>::from_primitive(TensorPrimitive::Float(flat))
        };
        let shaped = |x: Tensor<B, 1>| B::float_reshape(x.into_primitive().tensor(), shape.clone());
        let grad = flat(grad) * self.clip + flat(value) * self.decay;
        let kept = flat(moving) * self.momentum + grad.clone();
        *value = shaped(flat(value) - (grad + kept.clone() * self.momentum) * self.lr);
        *moving = shaped(kept);
    }
}
