//! The operations a transformer is made of, on each backend, with their gradients.
//!
//! [`Kernels`] is the contract of a backend: each operation with its hand-written backward pass, on plain tensors.
//! Each is a composition of Burn operations (`composed`, `distributions`) unless a backend has a better one. CUDA takes the
//! compositions, which Burn fuses; the CPU backend has fused passes over slices (`flex`, `host`). [`Blocks`] is what an
//! architecture calls: the same operations on tensors that may be tracked (`tracked`) or not (`plain`). Token matrices are
//! `[tokens, width]`; a [`Layout`] says which rows form a sequence.
//!
//! To add an operation that Burn's own operations make up, write it once, as a default of [`Blocks`]: Burn finds its gradient.
//! One with a gradient written by hand is a pair of functions of [`Kernels`] and a node in `tracked`; a fused version for the
//! CPU is then an override in `flex`.

mod composed;
mod contract;
mod distributions;
mod flex;
pub(crate) mod host;
mod operands;
mod padded;
mod plain;
#[cfg(test)]
mod tests;
mod tracked;

pub(crate) use self::contract::{Blocks, Kernels};
pub(crate) use self::host::attention::Heads;
pub(crate) use self::host::distributions::{BLOCK, SURVEY};
pub(crate) use self::host::dropout::Dropout;
pub use self::host::norm::Normal;
pub use self::host::pointwise::Activation;
pub use self::operands::Precision;
pub(crate) use self::operands::{
    AdamWStep, AffineGrads, Form, Major, Real, RequiresGrad, Rotation, Shaping, Targets, Tracked,
};
pub(crate) use self::tracked::head_loss;
use super::layout::Layout;
