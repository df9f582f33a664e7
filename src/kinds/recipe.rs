//! The recipe of a training as a pipeline writes it.

use retort_model::{self as model, Decay, Precision, Schedule};
use retort_stage::params::{Count, PositiveReal, UnitReal};

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
        /// The projections that are adapted, such as `q_proj`; those that PEFT adapts by default where this is empty.
        pub targets: Vec<String> = Vec::new(),
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
        /// What the learning rate does then: falls to zero in a line (`linear`) or along a `cosine`, or stays (`constant`).
        pub schedule: Schedule = Schedule::Linear,
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
            group_by_length: *group_by_length,
            lora: lora.as_ref().map(|LoraRecipe { rank, alpha, targets }| model::Lora {
                rank: rank.get(),
                alpha: alpha.get(),
                targets: targets.clone(),
                rows: Vec::new(),
            }),
            ramp: None,
            seed,
        }
    }
}
