//! How much memory a training takes at its peak, reckoned from the shape of its model, its recipe and its longest batch.
//!
//! What the forward pass keeps is counted operation by operation, as `kernels` and `forward` keep it. The peak is the most of
//! four moments: the loss is known; the backward pass begins; it ends; the optimiser steps. `tests/peak` compares the result
//! with what is used.

use super::config::Config;
use super::decoder::{Decoder, HeadNorms, Norms, Sublayers};
use super::error::RecipeError;
use super::kernels::LEAST_NARROW;
use super::recipe::{Checkpointing, Moments, Recipe};
use super::tensors::TensorSpec;
use super::weights::is_vocabulary;

/// Bytes of one number.
const NUMBER: u64 = 4;
/// Queries whose attention scores are there at once on the CPU.
const QUERIES: u64 = 256;

/// The bytes that a training takes at its peak, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainingMemory {
    /// The weights, and what adapts them.
    pub weights: u64,
    /// The gradients.
    pub gradients: u64,
    /// Both moments of the optimiser.
    pub moments: u64,
    /// What was learned at the best evaluation.
    pub best: u64,
    /// What there is at the peak besides: activations, logits, and what operations need while they run.
    pub activations: u64,
}

/// The batch that takes the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargestBatch {
    /// Its sequences.
    pub sequences: u64,
    /// Tokens of the longest.
    pub length: u64,
    /// Tokens of a sequence that carry loss.
    pub carrying: u64,
}

impl TrainingMemory {
    /// Reckons the memory of a training on a batch. `padded` says that operations are put together and sequences padded, as on
    /// CUDA, where allocators take more besides.
    pub fn of(config: &Config, recipe: &Recipe, batch: LargestBatch, padded: bool) -> Result<Self, RecipeError> {
        let all = config.tensors();
        let bytes = |spec: &TensorSpec| NUMBER * spec.count() as u64;
        let (learned, graded, kept) = match (&recipe.lora, &recipe.freeze) {
            (Some(lora), _) => {
                let (adapted, mut specs) = lora.adapted(config)?;
                let tables = all.iter().enumerate().filter(|(_, spec)| is_vocabulary(spec) && !lora.rows.is_empty());
                let graded: Vec<usize> = adapted.iter().copied().chain(tables.clone().map(|(i, _)| i)).collect();
                for (_, spec) in tables {
                    let shape = std::iter::once(lora.rows.len()).chain(spec.shape.iter().skip(1).copied()).collect();
                    specs.push(TensorSpec { shape, ..spec.clone() });
                }
                // Adapted weights are there as they were, and with what was learned.
                let kept = adapted.iter().map(|&i| bytes(&all[i])).sum::<u64>() + specs.iter().map(bytes).sum::<u64>();
                (specs, graded, kept)
            }
            (None, freeze) => {
                let frozen = freeze.as_ref().map(|freeze| freeze.of(config)).transpose()?;
                let learns = |i: &usize| frozen.as_ref().is_none_or(|frozen| !frozen[*i]);
                let places: Vec<usize> = (0..all.len()).filter(learns).collect();
                (places.iter().map(|&i| all[i].clone()).collect(), places, 0)
            }
        };
        let moment = |spec: &TensorSpec| match recipe.moments {
            Moments::F32 => 2 * bytes(spec),
            Moments::Bf16 => bytes(spec),
            Moments::Bits8 if spec.count() < LEAST_NARROW => 2 * bytes(spec),
            Moments::Bits8 => 2 * (spec.count() as u64 + NUMBER * (spec.count() as u64).div_ceil(256)),
        };
        let of_learned: u64 = learned.iter().map(bytes).sum();
        let of_graded: u64 = graded.iter().map(|&i| bytes(&all[i])).sum();
        let head = all.iter().enumerate().filter(|(i, spec)| is_vocabulary(spec) && graded.contains(i));
        let head = head.map(|(_, spec)| bytes(spec)).max().unwrap_or(0);
        // The gradients of one batch are all there before they are added to those of the batches before it.
        let several = recipe.accumulate > 1 && recipe.checkpointing == Checkpointing::None;
        let gradients = if several { 2 * of_graded } else { of_graded };
        let gradients = gradients + if recipe.lora.is_some() { of_learned } else { 0 };
        let part = Part { decoder: config.decoder(), batch, padded };
        let earlier = if recipe.accumulate > 1 { of_graded } else { 0 };
        let chunk = recipe.loss_chunk.map_or(u64::MAX, |chunk| chunk as u64);
        let rows = part.batch.sequences * part.batch.carrying;
        let logits = NUMBER * part.logits() * rows.min(chunk);
        // What the head makes chunk by chunk is added up: one sum, and one more part of it.
        let chunked = if chunk < rows { head } else { 0 };
        let kept_of_blocks = match recipe.checkpointing {
            Checkpointing::None => part.layers() * part.block(),
            Checkpointing::Blocks => part.layers() * part.stream(),
        };
        let again = if recipe.checkpointing == Checkpointing::Blocks { part.block() } else { 0 };
        let stream = part.stream();
        let peaks = [
            // The loss is known.
            earlier + kept_of_blocks + 3 * stream + logits + 2 * chunked,
            // The backward pass begins.
            earlier + kept_of_blocks + 3 * stream + head.max(chunked) + logits.min(head) + again.max(part.passing()),
            // It ends.
            gradients + again + part.passing() + stream,
            // The forward pass of a batch that follows others.
            earlier + kept_of_blocks + part.passing(),
            gradients,
        ];
        let peak = peaks.into_iter().max().unwrap_or(0);
        Ok(Self {
            weights: all.iter().map(bytes).sum::<u64>() + kept,
            gradients,
            moments: learned.iter().map(moment).sum(),
            best: if recipe.eval_every.is_some() { of_learned } else { 0 },
            activations: peak - gradients,
        })
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        let Self { weights, gradients, moments, best, activations } = *self;
        weights + gradients + moments + best + activations
    }
}

/// What a batch takes of one part of a decoder, in bytes where nothing else is said.
struct Part<'a> {
    decoder: &'a Decoder,
    batch: LargestBatch,
    padded: bool,
}

impl Part<'_> {
    fn layers(&self) -> u64 {
        self.decoder.layers as u64
    }

    fn tokens(&self) -> u64 {
        self.batch.sequences * self.batch.length
    }

    fn queries(&self) -> u64 {
        (self.decoder.heads * self.decoder.head_width) as u64
    }

    fn keys(&self) -> u64 {
        (self.decoder.kv_heads * self.decoder.head_width) as u64
    }

    /// The residual stream.
    fn stream(&self) -> u64 {
        NUMBER * self.tokens() * self.decoder.d_model as u64
    }

    /// Numbers for each logit.
    fn logits(&self) -> u64 {
        // The gradient takes the place of the logits, but where these are read once more, or there are no fused operations.
        let shaped = if self.decoder.shaping().is_some() { 2 } else { 0 };
        (if self.padded { 4 } else { 1 } + shaped) * self.decoder.vocab_size as u64
    }

    /// What the backward pass needs of a block.
    fn block(&self) -> u64 {
        let Decoder { d_model, mlp_width, gated, norms, sublayers, head_norms, heads, .. } = *self.decoder;
        // The stream behind each sublayer and what each reads.
        let streams = match (norms, sublayers) {
            (Norms::Output, _) | (_, Sublayers::ParallelOneNorm) => 2,
            (_, Sublayers::Parallel) => 3,
            (_, Sublayers::Sequential) => 4,
        };
        let streams = streams + if norms.added() { 2 } else { 0 };
        let hidden = mlp_width as u64 * if gated { 3 } else { 2 };
        let normed = if head_norms == HeadNorms::None { 0 } else { self.queries() + self.keys() };
        let scores = heads as u64 * if self.padded { self.batch.length } else { 1 };
        let mixed = 2 * self.queries() + 2 * self.keys() + normed;
        NUMBER * self.tokens() * (streams * d_model as u64 + mixed + hidden + scores + 8)
    }

    /// What passes through a block while it is run, and is not kept: gradients of its widest part, and attention's own.
    fn passing(&self) -> u64 {
        let wide = self.decoder.mlp_width as u64 * if self.decoder.gated { 3 } else { 2 } + self.decoder.d_model as u64;
        let attention = 2 * (self.queries() + 2 * self.keys());
        let scores = if self.padded {
            4 * self.decoder.heads as u64 * self.tokens() * self.batch.length
        } else {
            let parts = self.batch.sequences * self.decoder.kv_heads as u64;
            let threads = (rayon::current_num_threads() as u64).min(parts);
            let length = self.batch.length.next_multiple_of(16);
            threads * (2 * length.min(QUERIES) * length + 6 * length * self.decoder.head_width as u64)
        };
        NUMBER * (self.tokens() * wide.max(attention) + scores)
    }
}
