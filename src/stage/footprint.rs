//! What a stage is expected to take up, said before it runs.

use serde::Serialize;

/// What a stage is expected to take up: bytes on disk, and bytes of the device's memory at its peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Footprint {
    /// Bytes of its result while something still reads them.
    pub disk_bytes: u64,
    /// Bytes of its result that stay once all that reads them is done.
    pub kept_bytes: u64,
    /// The device's memory.
    pub memory: Memory,
}

/// The device's memory that a training needs, by what it is for; activations are those of the longest batch there can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The weights.
    pub weights_bytes: u64,
    /// Their gradients.
    pub gradients_bytes: u64,
    /// Both moments of the optimiser.
    pub moments_bytes: u64,
    /// The weights of the best evaluation so far.
    pub best_bytes: u64,
    /// What the backward pass needs of a batch, and its logits.
    pub activations_bytes: u64,
}

impl Memory {
    /// Returns the sum.
    pub fn total_bytes(&self) -> u64 {
        let Self { weights_bytes, gradients_bytes, moments_bytes, best_bytes, activations_bytes } = *self;
        let parts = [weights_bytes, gradients_bytes, moments_bytes, best_bytes, activations_bytes];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}
