//! What each layer of a model would say next if it were the last.
//!
//! | lens | what becomes of the residual stream `h` of a layer | source |
//! |---|---|---|
//! | logit lens | `head(norm(h))`, with the model's own last norm and head | nostalgebraist (2020) |
//! | tuned lens | `head(norm(h + A h + b))`, with a translator `A`, `b` for each layer | Belrose et al. (2023), equation 5 |
//!
//! Layer 0 is the embeddings, layer `k` the stream after `k` blocks, and the last layer, numbered by the blocks, the
//! model's own output: no translator touches it, and what is read there is what the model says, to the bit, where a block of
//! the vocabulary at all places of a sequence fits into memory.
//!
//! Memory is bounded twice: as many positions run side by side as the budget allows, and of them no more than `logits_max`
//! logits are held at once, those of a layer and those of the output that it is held against. The vocabulary is taken part by
//! part for that, all places of a part side by side, so that neither a long text nor a large vocabulary costs more; on the
//! CPU the parts give the same numbers as the whole, to the bit. Tuning goes through the parts twice, once for the sums and
//! once for the gradient, so it takes the places in turns first, each with the whole vocabulary, as long as that leaves
//! matrices with rows enough. The divergence is then the same to the bit as well, and gradients are up to rounding. In
//! reading on the CPU each sequence runs by itself, so that what is read of it does not depend on the others.

mod gradients;
mod head;
mod read;
mod tally;
#[cfg(test)]
mod tests;
mod translators;
mod tune;
mod tune_recipe;
mod tune_state;
mod tuner;

use std::ops::Range;

pub use self::read::read_layers;
pub use self::translators::Translators;
pub use self::tune::{resume_tuning, tune};
pub use self::tune_recipe::{Passage, TuneError, TuneRecipe, TuneStep};
pub use self::tune_state::TuneState;
pub use self::tuner::{TuneHooks, Tuned};

use super::attribute::Unfit;
use super::error::ModelError;
use super::kernels::BLOCK;

/// A sequence, and the places in it after which every layer is asked what comes next.
#[derive(Clone, Debug)]
pub struct LensRequest<'a> {
    /// The sequence; what follows the last place that is read does not matter.
    pub ids: &'a [u32],
    /// The indices of the tokens after which is read.
    pub read: Range<usize>,
    /// For each of them, the token whose probability and rank are read.
    pub targets: &'a [u32],
}

/// What one layer says at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The likeliest token.
    pub top: u32,
    /// Its probability.
    pub top_probability: f32,
    /// The probability of the target.
    pub probability: f32,
    /// The entropy of the layer's distribution, in nats.
    pub entropy: f32,
    /// The Kullback-Leibler divergence of the model's distribution from the layer's, in nats.
    pub divergence: f32,
    /// The rank of the target: 1 where nothing is likelier.
    pub rank: u32,
}

/// How much runs at once.
#[derive(Clone, Debug)]
pub struct LensLimits {
    /// The most positions side by side.
    pub budget: super::generate::Budget,
    /// The most logits that are held at once, those of a layer and of the output together: places times tokens of the
    /// vocabulary, twice; a block of it at one place at least.
    pub logits_max: usize,
}

/// How the logits of some places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Split {
    /// Places at once.
    places: usize,
    /// Tokens of the vocabulary at once, whole blocks of it or all.
    columns: usize,
}

/// So many rows keep a product with a head busy: with fewer, reading the head from memory takes longer than the arithmetic.
const ROWS_ENOUGH: usize = 32;

impl LensLimits {
    /// As many places as leave room for a block of the vocabulary, and then as much of that as there is room for: matrices
    /// of many rows are multiplied faster than those of few.
    fn split(&self, places: usize, vocab: usize) -> Split {
        let places = (self.side() / BLOCK.min(vocab.max(1))).clamp(1, places.max(1));
        let blocks = (self.side() / places / BLOCK).max(1);
        Split { places, columns: (blocks * BLOCK).min(vocab) }
    }

    /// As many places as leave room for the whole vocabulary, where these are enough; else as [`split`](Self::split).
    fn turns(&self, places: usize, vocab: usize) -> Split {
        let room = self.side() / vocab.max(1);
        if room < places.clamp(1, ROWS_ENOUGH) {
            return self.split(places, vocab);
        }
        Split { places: room.min(places.max(1)), columns: vocab }
    }

    /// The logits of one side: those of a layer, or of the output.
    fn side(&self) -> usize {
        self.logits_max / 2
    }
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum LensError {
    /// The model cannot take a request.
    #[error("cannot read sequence {request}: {why}")]
    Request {
        /// The index of the request.
        request: usize,
        /// What is wrong with it.
        why: Unfit,
    },
    /// The model has no such layer.
    #[error("cannot read layer {layer}: the model has layers 0 (its embeddings) to {last} (its output)")]
    Layer {
        /// The layer asked for.
        layer: usize,
        /// The last one.
        last: usize,
    },
    /// The device failed.
    #[error(transparent)]
    Model(#[from] ModelError),
}
