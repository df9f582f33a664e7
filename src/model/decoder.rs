//! What a decoder-only transformer is made of: the one description that every architecture comes down to. Everything
//! after this file is the same for all architectures.

use super::kernels::{Activation, Heads, Normal, Shaping};
use super::layers::Layers;
use super::rotary::Rotary;

/// The shape of a decoder-only transformer.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that architectures differ in")]
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// Number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// Largest number of positions.
    pub context: usize,
    /// Width of the residual stream.
    pub d_model: usize,
    /// Width of token embeddings and of what the output head reads; a projection leads from and to the residual stream
    /// where it is another.
    pub embedding_width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_width: usize,
    /// Width of the hidden layer of a block's MLP.
    pub mlp_width: usize,
    /// How many positions a query sees, its own included, in layers with a window; all earlier ones where there is no such
    /// number.
    pub window: Option<usize>,
    /// The layers with a window, where there is one.
    pub windowed: Layers,
    /// Where positions enter: rotary angles, or else a table of learned embeddings.
    pub rotary: Option<Rotary>,
    /// The rotary angles of layers with a window, where they are others.
    pub windowed_rotary: Option<Rotary>,
    /// The layers whose queries and keys are rotated, where positions enter by angles.
    pub rotary_layers: Layers,
    /// Rows of the table of learned positions before that of the first position.
    pub positions_from: usize,
    /// How rows are normalised.
    pub normal: Normal,
    /// Where rows are normalised in each sublayer of a block.
    pub norms: Norms,
    /// How queries and keys are normalised before they are rotated.
    pub head_norms: HeadNorms,
    /// Whether there is a norm after the last block.
    pub final_norm: bool,
    /// Factor on the attention scores.
    pub score_scale: ScoreScale,
    /// The cap `c` of attention scores, which become `c · tanh(score / c)`.
    pub score_cap: Option<f64>,
    /// The activation of the MLP.
    pub activation: Activation,
    /// Whether the activation gates a second projection.
    pub gated: bool,
    /// What the two sublayers of a block read.
    pub sublayers: Sublayers,
    /// Which projections have a bias.
    pub biases: Biases,
    /// Whether weights are stored `[in, out]` rather than `[out, in]`.
    pub input_major: bool,
    /// Whether the one tensor of queries, keys and values is stored head by head, the three of a head together.
    pub interleaved: bool,
    /// Factor on token embeddings.
    pub embedding_scale: f64,
    /// Factor on what each sublayer of a block adds to the residual stream.
    pub residual_scale: f64,
    /// Factor on the logits.
    pub logit_scale: f64,
    /// The cap `c` of logits, which become `c · tanh(logit / c)`.
    pub logit_cap: Option<f64>,
    /// Whether the output head is the token embedding.
    pub tied: bool,
    /// Fractions that are dropped while training.
    pub dropout: DropoutRates,
    /// Standard deviation of initial weights.
    pub initializer_range: f64,
    /// Whether the projections that add to the residual stream start smaller by the root of their number.
    pub residual_init: bool,
    /// The token a sequence begins with, if the tokenizer has one.
    pub bos_token_id: Option<u32>,
    /// The tokens that end a sequence; empty if the tokenizer has none.
    pub eos_token_ids: Vec<u32>,
}

/// Where rows are normalised in each sublayer of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norms {
    /// What the sublayer reads.
    Pre,
    /// What the sublayer adds to the residual stream.
    Output,
    /// What the sublayer reads, and what it adds.
    PreAndOutput,
    /// The residual stream after the sublayer has added to it (Vaswani et al. 2017).
    Post,
}

impl Norms {
    /// Whether what a sublayer adds is normalised.
    pub(crate) fn added(self) -> bool {
        matches!(self, Self::Output | Self::PreAndOutput)
    }
}

/// What the two sublayers of a block read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sublayers {
    /// The second sublayer reads the stream to which the first has added.
    Sequential,
    /// Both read the stream before the block, each through its own norm.
    Parallel,
    /// Both read the stream before the block through the same norm.
    ParallelOneNorm,
}

/// How queries and keys are normalised before they are rotated. There is one gain for the queries of a layer and one for its
/// keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadNorms {
    /// They are not.
    None,
    /// Each head by itself; all heads share the gain.
    Each,
    /// All heads together.
    All,
}

/// The factor on attention scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreScale {
    /// One over the root of a head's width.
    Width,
    /// One over the root of this number.
    Root(f64),
    /// This factor.
    Factor(f64),
}

/// Which projections have a bias.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that architectures differ in")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Biases {
    /// Those to queries, keys and values.
    pub qkv: bool,
    /// That from the heads back to the stream.
    pub attention_out: bool,
    /// Those of the MLP.
    pub mlp: bool,
    /// The output head.
    pub head: bool,
}

/// The fractions that an architecture drops while it is trained, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DropoutRates {
    /// Of the embeddings.
    pub embedding: f64,
    /// Of the attention probabilities.
    pub attention: f64,
    /// Of what a block adds to the stream.
    pub residual: f64,
}

impl Decoder {
    /// Sizes of the attention of a layer.
    pub(crate) fn attention(&self, layer: usize) -> Heads {
        let scale = match self.score_scale {
            ScoreScale::Width => 1.0 / (self.head_width as f32).sqrt(),
            ScoreScale::Root(of) => (1.0 / of.sqrt()) as f32,
            ScoreScale::Factor(factor) => factor as f32,
        };
        Heads {
            count: self.heads,
            kv_count: self.kv_heads,
            width: self.head_width,
            scale,
            window: self.window.filter(|_| self.windowed.has(layer)),
            cap: self.score_cap.map(|cap| cap as f32),
        }
    }

    /// What becomes of the logits; `None` where they stay as they are.
    pub(crate) fn shaping(&self) -> Option<Shaping> {
        let shaped = self.logit_cap.is_some() || self.logit_scale.to_bits() != 1.0_f64.to_bits();
        shaped.then(|| Shaping { scale: self.logit_scale as f32, cap: self.logit_cap.map(|cap| cap as f32) })
    }

    /// Whether projections lead from the token embeddings to the residual stream and back.
    pub(crate) fn projected(&self) -> bool {
        self.embedding_width != self.d_model
    }
}
