//! Tuning: translators learn to say at their layer what the model says at its end.
//!
//! The recipe is that of Belrose et al. (2023), appendix A, and of their implementation: stochastic gradient descent with
//! Nesterov momentum, a rate that falls to zero in a straight line, gradients clipped by their norm over all layers, weight
//! decay toward the identity. As there, the rate is times 1 − momentum, since momentum makes steps so much longer.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorMetadata, TensorPrimitive};

use super::translators::{FORM, Held, Translator};
use super::tune_state::{self, TuneState, identity};
use super::{LensLimits, Translators};
use crate::model::archive::Entry;
use crate::model::device::{DeviceError, guarded};
use crate::model::init::{Random, permutation};
use crate::model::kernels::{Kernels, Real, Wanted};
use crate::model::layout::Layout;
use crate::model::network::Network;
use crate::model::saved::StateError;
use crate::model::student::{Model, ModelError, SequenceError, placed};

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

/// Goes on from the bytes of a saved [`TuneState`]. Everything else must be as it was then. On the CPU the result equals
/// that of an undisturbed run bit for bit.
pub fn resume_tuning(
    model: &Model,
    text: &[Passage],
    recipe: &TuneRecipe,
    limits: &LensLimits,
    state: &[u8],
    hooks: &mut dyn TuneHooks,
) -> Result<Tuned, TuneError> {
    from(model, text, recipe, limits, Some(state), hooks)
}

fn from(
    model: &Model,
    text: &[Passage],
    recipe: &TuneRecipe,
    limits: &LensLimits,
    state: Option<&[u8]>,
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

impl Passage {
    fn places(&self) -> usize {
        self.ids.len() - self.from
    }
}

/// What a pass over some passages adds: the gradient of each layer's translator, and each layer's divergence, `[1]`.
struct Gathered<B: Kernels> {
    grads: Vec<Held<B>>,
    divergences: Vec<Real<B>>,
}

struct Tuner<'a, B: Kernels> {
    network: &'a Network<B>,
    text: &'a [Passage],
    recipe: &'a TuneRecipe,
    limits: &'a LensLimits,
    translators: Vec<Held<B>>,
    /// What momentum keeps.
    moving: Vec<Held<B>>,
}

impl<'a, B: Kernels> Tuner<'a, B> {
    fn new(network: &'a Network<B>, text: &'a [Passage], recipe: &'a TuneRecipe, limits: &'a LensLimits) -> Self {
        let identity = Translators::identity(network.config(), recipe.bias_only);
        let place = || identity.layers.iter().map(|one| Held::place(network, one)).collect();
        Self { network, text, recipe, limits, translators: place(), moving: place() }
    }

    /// Goes on from the steps that are done.
    fn run(mut self, identity: &str, mut steps: Vec<TuneStep>, hooks: &mut dyn TuneHooks) -> Result<Tuned, TuneError> {
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
        let read = |at: usize| self.network.read(tensors[at].clone());
        hooks.save(&TuneState { identity, steps, entries: &entries, read: &read }).map_err(TuneError::Save)
    }

    /// Puts a saved state back; returns the steps that it was saved after.
    fn restore(&mut self, identity: &str, state: &[u8]) -> Result<Vec<TuneStep>, StateError> {
        let entries: Vec<Entry> = self.kept().into_iter().map(|(entry, _)| entry).collect();
        let (steps, tensors) = tune_state::restore(identity, &entries, state)?;
        let network = self.network;
        let mut placed = entries.iter().zip(tensors).map(|(entry, data)| network.upload(data, &entry.shape));
        for held in self.translators.iter_mut().chain(&mut self.moving) {
            for tensor in held.weight.iter_mut().chain([&mut held.bias]) {
                *tensor = placed.next().expect("as many tensors as entries");
            }
        }
        Ok(steps)
    }

    /// One step over passages; the divergence before it, averaged over places and layers, and the gradient's norm.
    fn step(&mut self, taken: &[usize], lr: f64) -> Result<(f64, f64), ModelError> {
        let places: usize = taken.iter().map(|&passage| self.text[passage].places()).sum();
        let scale = 1.0 / places as f32;
        // Passages of like length share a pass, so that padding is short.
        let mut order = taken.to_vec();
        order.sort_by_key(|&passage| self.text[passage].ids.len());
        let mut sum: Option<Gathered<B>> = None;
        let len = |passage: usize| self.text[passage].ids.len();
        self.limits.budget.share(&order, usize::MAX, len, |some| {
            let made = guarded(self.network.label(), || Ok::<_, ModelError>(self.gather(some, scale)));
            if made.is_err() {
                B::memory_cleanup(self.network.device());
            }
            let made = made?;
            sum = Some(match sum.take() {
                Some(sum) => sum.plus(made),
                None => made,
            });
            Ok(())
        })?;
        let Some(Gathered { grads, divergences }) = sum else { return Ok((f64::NAN, f64::NAN)) };
        guarded(self.network.label(), || {
            let flat: Vec<Real<B>> =
                grads.iter().flat_map(|grad| grad.weight.iter().chain([&grad.bias]).cloned()).collect();
            let grad_norm = B::sum_squares(&flat).sqrt();
            let clip = self.recipe.max_grad_norm.map_or(1.0, |most| (most / (grad_norm + 1e-6)).min(1.0));
            let update = Update {
                lr: lr as f32,
                momentum: self.recipe.momentum as f32,
                decay: self.recipe.weight_decay as f32,
                clip: clip as f32,
            };
            for ((translator, moving), grad) in self.translators.iter_mut().zip(&mut self.moving).zip(grads) {
                update.apply::<B>(&mut translator.bias, &mut moving.bias, &grad.bias);
                if let (Some(weight), Some(moving), Some(grad)) =
                    (&mut translator.weight, &mut moving.weight, &grad.weight)
                {
                    update.apply::<B>(weight, moving, grad);
                }
            }
            let mut total = 0.0;
            let layers = divergences.len();
            for divergence in divergences {
                total += self.network.read(divergence)?.first().copied().map_or(f64::NAN, f64::from);
            }
            Ok((total / layers.max(1) as f64, grad_norm))
        })
    }

    /// Runs passages side by side and compares every layer with the last.
    fn gather(&self, some: &[usize], scale: f32) -> Gathered<B> {
        const INPUT: Wanted = Wanted { input: true, weight: false, bias: false };
        let network = self.network;
        let lens: Vec<usize> = some.iter().map(|&passage| self.text[passage].ids.len()).collect();
        let layout = if B::RAGGED { Layout::packed(&lens) } else { Layout::padded_right(&lens) };
        let weights = network.parameters(&network.values);
        let pass = network.pass(&layout, &vec![0; lens.len()]);
        let ids = layout.spread(some.iter().map(|&passage| self.text[passage].ids.as_slice()));
        let mut streams = Vec::new();
        let stream = pass.stream::<B>(&weights, B::pick_rows(&weights.token_embedding, &ids));
        let hidden = pass.hidden::<B>(&weights, stream, |stream: &Real<B>| streams.push(stream.clone()));
        let rows: Vec<u32> = (layout.spans.iter().zip(some))
            .flat_map(|(span, &passage)| (span.start + self.text[passage].from..span.end).map(|row| row as u32))
            .collect();
        let (norm, normal) = (&weights.norm, pass.decoder.normal);
        let mut sum: Option<Gathered<B>> = None;
        for rows in rows.chunks(self.limits.places(network.config().vocab_size())) {
            let finals = pass.head::<B>(&weights, &B::pick_rows(&hidden, rows));
            let (mut grads, mut divergences) = (Vec::new(), Vec::new());
            for (stream, translator) in streams.iter().zip(&self.translators) {
                let x = B::pick_rows(stream, rows);
                let moved = translator.apply(&x);
                let (normed, stats) = B::normalise(&moved, &norm.weight, norm.bias.as_ref(), normal);
                let logits = pass.head::<B>(&weights, &normed);
                let (divergence, slope) = B::divergence(logits, &finals, scale);
                let slope = B::affine_backward(&slope, &normed, weights.head(), pass.head_form(), INPUT).input;
                let slope = slope.expect("the gradient of the input was asked for");
                let slope = B::normalise_backward(slope, &moved, &stats, &norm.weight, normal, INPUT).input;
                let slope = slope.expect("the gradient of the input was asked for");
                let wanted = Wanted { input: false, weight: translator.weight.is_some(), bias: true };
                // Without a matrix there is none to ask the gradient of, and none is looked at.
                let matrix = translator.weight.as_ref().unwrap_or(&x);
                let made = B::affine_backward(&slope, &x, matrix, FORM, wanted);
                grads.push(Held { weight: made.weight, bias: made.bias.expect("the bias's gradient was asked for") });
                divergences.push(divergence);
            }
            let made = Gathered { grads, divergences };
            sum = Some(match sum.take() {
                Some(sum) => sum.plus(made),
                None => made,
            });
        }
        sum.unwrap_or(Gathered { grads: Vec::new(), divergences: Vec::new() })
    }
}

impl<B: Kernels> Gathered<B> {
    fn plus(self, other: Self) -> Self {
        let held = |(a, b): (Held<B>, Held<B>)| Held {
            weight: a.weight.zip(b.weight).map(|(a, b)| B::float_add(a, b)),
            bias: B::float_add(a.bias, b.bias),
        };
        let divergences = self.divergences.into_iter().zip(other.divergences).map(|(a, b)| B::float_add(a, b));
        Self { grads: self.grads.into_iter().zip(other.grads).map(held).collect(), divergences: divergences.collect() }
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
