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

mod activations;
mod chunked;
mod composed;
mod confidence;
mod contract;
mod distributions;
mod flex;
pub(crate) mod host;
mod long;
mod narrow_moments;
mod operands;
#[cfg(any(test, feature = "cuda"))]
mod padded;
mod plain;
mod taught;
#[cfg(test)]
mod tests;
mod tracked;

pub(crate) use self::chunked::{chunked_head_loss, fed};
pub(crate) use self::contract::{Blocks, Kernels};
#[cfg(test)]
pub(crate) use self::flex::{elements as elements_of, tensor as flex_of};
pub(crate) use self::host::distributions::{BLOCK, SURVEY};
pub(crate) use self::host::dropout::Dropout;
pub(crate) use self::host::heads::Heads;
pub(crate) use self::host::moments::{LEAST as LEAST_NARROW, Narrow};
pub use self::host::norm::Normal;
pub use self::host::pointwise::Activation;
pub use self::operands::Precision;
pub(crate) use self::operands::{
    AdamWStep, AffineGrads, Form, Major, Real, RequiresGrad, Rotation, Shaping, Targets, Tracked,
};
#[cfg(test)]
pub(crate) use self::taught::taught as taught_of_burn;
pub(crate) use self::tracked::head_loss;
use super::layout::Layout;
