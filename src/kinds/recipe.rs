//! The recipe of a training as a pipeline writes it.

use retort_model::{self as model, Checkpointing, Decay, DecayType, LossType, Moments, Precision, Schedule};
use retort_stage::params::{Count, Later, PositiveReal, UnitReal};

use super::recipe_parts::{AdaptedProjections, LayerRange};

/// How a dev question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalBy {
    /// By what the student writes, read as `evaluate` reads it.
    Generation,
    /// By the label it holds for the likeliest: quicker, and only where the label comes first.
    Likelihood,
}

retort_stage::words!(EvalBy { Generation = "generation", Likelihood = "likelihood" });

retort_stage::params! {
    /// Low-rank adaptation: matrices of low rank learn, the weights they are added to do not.
    pub struct LoraRecipe {
        /// The rank of the matrices.
        pub rank: Count = Count::of(8),
        /// The factor on their product, over the rank.
        pub alpha: PositiveReal = PositiveReal::of(16.0),
        /// The projections that are adapted, such as `q_proj`: a list, or `all-linear` for every one but the output head;
        /// those that PEFT adapts by default where this is empty.
        pub targets: AdaptedProjections = AdaptedProjections::default(),
    }
}

retort_stage::params! {
    /// Parts of the student that do not learn. They have no gradients and no moments, so that they take less memory.
    pub struct FreezeRecipe {
        /// Freezes the embeddings of tokens, and of positions where there are any.
        pub embeddings: bool = false,
        /// Freezes layers, counted from 0: a list of numbers and of ranges with both ends, such as `[0-11, 14]`.
        pub layers: Vec<LayerRange> = Vec::new(),
        /// Freezes the output head, where it is not the token embedding.
        pub head: bool = false,
    }
}

retort_stage::params! {
    /// How to train: the settings of the Hugging Face Trainer, under its meanings.
    pub struct TrainRecipe {
        /// The highest learning rate.
        pub lr: PositiveReal = PositiveReal::of(5e-5),
        /// Examples in a batch.
        pub batch: Count = Count::of(8),
        /// Batches whose gradients make one step.
        pub accumulate: Count = Count::of(1),
        /// Passes over the examples; 3 where neither this nor `steps` is given.
        pub epochs: Option<PositiveReal>,
        /// Steps, instead of epochs.
        pub steps: Option<Count>,
        /// Steps over which the learning rate rises from zero.
        pub warmup_steps: u64 = 0,
        /// The fraction of all steps over which it does, instead of `warmup_steps`.
        pub warmup_ratio: UnitReal = UnitReal::of(0.0),
        /// What the learning rate does then: falls in a line (`linear`) or along a `cosine`, stays (`constant`), or stays and
        /// falls over the last steps (`warmup_stable_decay`).
        pub schedule: Schedule = Schedule::Linear,
        /// The learning rate at the end as a fraction of the highest, from 0 to 1; 0 where this is not given.
        pub min_lr_ratio: Later<UnitReal>,
        /// The number of last steps over which the learning rate of `warmup_stable_decay` falls.
        pub decay_steps: Later<Count>,
        /// The same as a fraction of all steps, rounded up, instead of `decay_steps`.
        pub decay_ratio: Later<UnitReal>,
        /// The curve along which the learning rate of `warmup_stable_decay` falls: `linear`, `cosine` or `1-sqrt`; `cosine`
        /// where this is not given.
        pub decay_type: Later<DecayType>,
        /// Decoupled weight decay.
        pub weight_decay: f64 = 0.0,
        /// What decays: `matrices`, so that biases and normalisation are exempt, or `all`.
        pub decay: Decay = Decay::Matrices,
        /// Decay of AdamW's first moment.
        pub beta1: f64 = 0.9,
        /// Decay of AdamW's second moment.
        pub beta2: f64 = 0.999,
        /// The term in AdamW's denominator.
        pub epsilon: f64 = 1e-8,
        /// The largest norm of the gradient over all weights.
        pub max_grad_norm: PositiveReal = PositiveReal::of(1.0),
        /// Steps from one evaluation on the dev split to the next; the best weights are kept. Without it the last are.
        pub eval_every: Option<Count>,
        /// Evaluations in a row without an improvement above `threshold` after which training stops.
        pub patience: Option<Count>,
        /// The improvement in dev accuracy that must be exceeded, from 0 to 1.
        pub threshold: f64 = 0.0,
        /// Dev questions to evaluate on, the first ones; all where this is not given.
        pub eval_questions: Option<Count>,
        /// What decides a dev answer: what is written (`generation`), or the label of highest `likelihood`, which is
        /// quicker but knows no unreadable answers; the latter needs the label first.
        pub eval_by: EvalBy = EvalBy::Generation,
        /// The most tokens that may be written to answer a dev question, as `max_new` of `evaluate`.
        pub eval_max_new: Option<Count>,
        /// The fraction that dropout drops everywhere; what the model's configuration says where this is not given.
        pub dropout: Option<UnitReal>,
        /// The precision of matrix products: `f32`, or `bf16` over weights in `f32`.
        pub precision: Precision = Precision::F32,
        /// `blocks` recomputes each layer in the backward pass instead of keeping its activations: less memory for about a
        /// third more time, and the same weights bit for bit on the CPU. `none` where this is not given.
        pub checkpointing: Later<Checkpointing>,
        /// The number of tokens with loss whose logits are computed at a time; all of a batch where this is not given. It
        /// saves memory with large vocabularies and long targets; losses are equal up to rounding.
        pub loss_chunk: Later<Count>,
        /// The loss of a token: `nll`, its cross-entropy, or `dft`, its cross-entropy weighted by its own probability, which
        /// is treated as a constant (dynamic fine-tuning, Wu et al. 2025). `nll` where this is not given.
        pub loss_type: Later<LossType>,
        /// The format of AdamW's moments: `f32`, `bf16`, or `8bit` (block-wise dynamic quantisation, as in bitsandbytes).
        /// Rounded to `bf16`, second moments hardly fall if `beta2` is above 0.99. `f32` where this is not given.
        pub moments: Later<Moments>,
        /// Parts of the student that do not learn.
        pub freeze: Later<FreezeRecipe>,
        /// Whether batches are made of examples of like length, the longest first.
        pub group_by_length: bool = false,
        /// Adapts the weights by matrices of low rank instead of changing them all. The rows of tokens that the stage adds
        /// to the vocabulary, the marker's among them, are trained in full, in the embedding and in the head.
        pub lora: Option<LoraRecipe>,
    }
}

impl TrainRecipe {
    /// The recipe as the model's room takes it.
    pub(super) fn with_seed(&self, seed: u64) -> model::Recipe {
        let Self {
            lr,
            batch,
            accumulate,
            epochs,
            steps,
            warmup_steps,
            warmup_ratio,
            schedule,
            min_lr_ratio,
            decay_steps,
            decay_ratio,
            decay_type,
            weight_decay,
            decay,
            beta1,
            beta2,
            epsilon,
            max_grad_norm,
            eval_every,
            patience,
            threshold,
            eval_questions: _,
            eval_by: _,
            eval_max_new: _,
            dropout,
            precision,
            checkpointing,
            loss_chunk,
            loss_type,
            moments,
            freeze,
            group_by_length,
            lora,
        } = self;
        let length = match (steps, epochs) {
            (Some(steps), _) => model::Length::Steps(steps.get() as u64),
            (None, epochs) => model::Length::Epochs(epochs.map_or(3.0, PositiveReal::get)),
        };
        model::Recipe {
            lr: lr.get(),
            batch: batch.get(),
            accumulate: accumulate.get(),
            length,
            warmup_steps: *warmup_steps,
            warmup_ratio: warmup_ratio.get(),
            schedule: *schedule,
            falling: model::Falling {
                min_lr_ratio: min_lr_ratio.get().map_or(0.0, |ratio| ratio.get()),
                decay_steps: decay_steps.get().map(|steps| steps.get() as u64),
                decay_ratio: decay_ratio.get().map(|ratio| ratio.get()),
                decay_type: decay_type.0,
            },
            weight_decay: *weight_decay,
            decay: *decay,
            beta1: *beta1,
            beta2: *beta2,
            epsilon: *epsilon,
            max_grad_norm: Some(max_grad_norm.get()),
            eval_every: eval_every.map(|every| every.get() as u64),
            patience: patience.map(|patience| u32::try_from(patience.get()).unwrap_or(u32::MAX)),
            threshold: *threshold,
            dropout: dropout.map(UnitReal::get),
            precision: *precision,
            checkpointing: checkpointing.0.unwrap_or(Checkpointing::None),
            loss_chunk: loss_chunk.get().map(|chunk| chunk.get()),
            loss_type: loss_type.0.unwrap_or(LossType::Nll),
            moments: moments.0.unwrap_or(Moments::F32),
            freeze: freeze.get().map(|FreezeRecipe { embeddings, layers, head }| model::Freeze {
                embeddings: *embeddings,
                layers: layers.iter().map(|layers| layers.range()).collect(),
                head: *head,
            }),
            group_by_length: *group_by_length,
            lora: lora.as_ref().map(|LoraRecipe { rank, alpha, targets }| model::Lora {
                rank: rank.get(),
                alpha: alpha.get(),
                targets: targets.names(),
                rows: Vec::new(),
            }),
            ramp: None,
            seed,
        }
    }
}
