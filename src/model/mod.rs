//! Models: devices, architectures, weights in and out, fitting, generation and attribution.
//!
//! The only room that names `burn`. What enters and leaves is plain: token ids, `f32` slices, bytes, paths. Inside, a
//! model is a `network` on one of two backends, Burn's CPU backend or CUDA, chosen when it is made; every pass is
//! written once, generic over the backend's `kernels`. Weights are plain named tensors in the order of the
//! architecture, which alone knows their roles.
//!
//! On the CPU everything is deterministic: equal inputs give equal bits, whatever the number of threads. Dropout is off
//! everywhere.

mod archive;
mod attribute;
mod config;
mod device;
mod early_stopping;
mod fit;
mod fit_state;
mod generate;
mod gpt2;
mod infer;
mod init;
mod kernels;
mod layout;
mod learn;
mod network;
mod quadrature;
mod recipe;
mod student;
#[cfg(test)]
mod tests;

pub use self::archive::{Misfit, WeightsError};
pub use self::attribute::{
    AttributeError, AttributeOptions, Attributed, Attributions, Baseline, Reduction, integrated_gradients,
};
pub use self::config::{ARCHITECTURES, Config, ConfigError};
pub use self::device::{Device, DeviceChoice, DeviceError};
pub use self::fit::{Evaluation, Example, FitError, FitHooks, FitLog, StepReport, fit, resume};
pub use self::fit_state::{StateError, TrainState};
pub use self::generate::{GenerateOptions, Generated, StopReason, generate};
pub use self::gpt2::Gpt2Config;
pub use self::quadrature::Quadrature;
pub use self::recipe::{Decay, Length, Recipe, RecipeError, Schedule};
pub use self::student::{Model, ModelError, SequenceError};
