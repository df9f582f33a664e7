//! Models: devices, architectures, weights in and out, fitting, generation, attribution and lenses.
//!
//! The only room that names `burn`. What enters and leaves is plain: token ids, `f32` slices, bytes, paths. Inside, a
//! model is a `network` on one of two backends, Burn's CPU backend or CUDA, chosen when it is made; the way through it
//! (`forward`) is written once, generic over the backend's `kernels`. Each `architecture` comes down to one description,
//! the `decoder`; only its own file knows how its configuration and tensors are called.
//!
//! On the CPU everything is deterministic: equal inputs give equal bits, whatever the number of threads. Elements are
//! dropped in training alone, by a seed of the recipe's.

mod architecture;
mod archive;
mod attribute;
mod blockwise;
mod config;
mod decoder;
mod device;
mod divergence;
mod early_stopping;
mod error;
mod example;
mod fit;
mod fit_log;
mod fit_state;
mod flops;
mod footprint;
mod forest;
mod forward;
mod freeze;
mod generate;
mod infer;
mod init;
mod kernels;
mod layers;
mod layout;
mod learn;
mod lens;
mod likelihood;
mod lora;
mod nameplate;
mod network;
mod order;
mod quadrature;
mod recipe;
mod rotary;
mod saved;
mod schedule;
mod sealed;
mod student;
mod tasks;
mod teaching;
mod tensors;
#[cfg(test)]
mod tests;
mod trained;
mod training;
mod upload;
mod weighing;
mod weights;

pub use self::architecture::{Architecture, Size};
pub use self::archive::{Misfit, Source, WeightsError, WeightsFile};
pub use self::attribute::{
    AttributeError, Attributed, Baseline, Completeness, IntegratedGradients, Over, Reduction, Request, Scorer, Scores,
    Unfit, attribute,
};
pub use self::config::Config;
pub use self::decoder::{Biases, Decoder, DropoutRates, HeadNorms, Norms, ScoreScale, Sublayers};
pub use self::device::{Device, DeviceChoice, DeviceError};
pub use self::divergence::{Distributions, Divergence, DivergenceKind};
pub use self::error::{ConfigError, FitError, ModelError, RecipeError, SequenceError};
pub use self::example::{Example, Task};
pub use self::fit::{FitHooks, fit, resume};
pub use self::fit_log::{Evaluation, FitLog, StepReport};
pub use self::fit_state::TrainState;
pub use self::flops::peak_flops;
pub use self::footprint::{LargestBatch, TrainingMemory};
pub use self::freeze::Freeze;
pub use self::generate::{Budget, GenerateOptions, Generated, Sampling, StopReason, generate, generate_each};
pub use self::kernels::{Activation, Normal, Precision};
pub use self::layers::Layers;
pub use self::lens::{
    LensError, LensLimits, LensRequest, Passage, Reading, Translators, TuneError, TuneHooks, TuneRecipe, TuneState,
    TuneStep, Tuned, read_layers, resume_tuning, tune,
};
pub use self::likelihood::{Continuation, log_probabilities};
pub use self::lora::Lora;
pub use self::quadrature::Quadrature;
pub use self::recipe::{Checkpointing, Decay, Length, LossType, Moments, Recipe};
pub use self::rotary::{Rotary, RotaryScaling};
pub use self::saved::StateError;
pub use self::schedule::{DecayType, Falling, Schedule};
pub use self::student::Model;
pub use self::teaching::distributions;
pub use self::weighing::{Ramp, TokenWeight};
