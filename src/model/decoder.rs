//! What a decoder-only transformer is made of: the one description that every architecture comes down to, and the tensors
//! that follow from it. Everything after this file is the same for all architectures.

use super::kernels::{Activation, Heads, Normal};
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
    /// Number of blocks.
    pub layers: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_width: usize,
    /// Width of the hidden layer of a block's feed-forward half.
    pub inner: usize,
    /// How many positions a query sees, its own included; all earlier ones where there is no such number.
    pub window: Option<usize>,
    /// Where positions enter: rotary angles, or else a table of learned embeddings.
    pub rotary: Option<Rotary>,
    /// How rows are normalised.
    pub normal: Normal,
    /// The activation of the feed-forward half.
    pub activation: Activation,
    /// Whether the activation gates a second projection.
    pub gated: bool,
    /// Whether both halves of a block read the same normalised stream.
    pub parallel: bool,
    /// Which projections have a bias.
    pub biases: Biases,
    /// Whether weights are stored `[in, out]` rather than `[out, in]`.
    pub input_major: bool,
    /// Factor on token embeddings.
    pub embedding_scale: f64,
    /// Whether the output head is the token embedding.
    pub tied: bool,
    /// Shares that are dropped while training.
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

/// Which projections have a bias.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that architectures differ in")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Biases {
    /// Those to queries, keys and values.
    pub qkv: bool,
    /// That from the heads back to the stream.
    pub attention_out: bool,
    /// Those of the feed-forward half.
    pub inner: bool,
    /// The output head.
    pub head: bool,
}

/// The shares that an architecture drops while it is trained, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DropoutRates {
    /// Of the embeddings.
    pub embedding: f64,
    /// Of the attention probabilities.
    pub attention: f64,
    /// Of what a block adds to the stream.
    pub residual: f64,
}

/// The names of an architecture's tensors in Hugging Face files. Projections are named without `.weight` and `.bias`.
pub(crate) struct Names {
    /// The first part of all names but the head's, which a file of the bare model lacks.
    pub(crate) base: &'static str,
    /// The token embedding.
    pub(crate) embedding: &'static str,
    /// The position embedding, where there is one.
    pub(crate) positions: &'static str,
    /// What stands before a block's number.
    pub(crate) block: &'static str,
    /// The norm before attention.
    pub(crate) norm1: &'static str,
    /// The norm before the feed-forward half.
    pub(crate) norm2: &'static str,
    /// Queries, keys and values: one tensor, or three that are stacked.
    pub(crate) qkv: &'static [&'static str],
    /// From the heads back to the stream.
    pub(crate) attention_out: &'static str,
    /// Into the feed-forward half: one tensor, or gate and up, stacked.
    pub(crate) inner_in: &'static [&'static str],
    /// Out of the feed-forward half.
    pub(crate) inner_out: &'static str,
    /// The last norm.
    pub(crate) norm: &'static str,
    /// The projections that PEFT adapts by default.
    pub(crate) lora: &'static [&'static str],
    /// The ends of names that published files have beside the weights.
    pub(crate) ignored: &'static [&'static str],
}

/// The output head's name, which all architectures share.
pub(crate) const HEAD: &str = "lm_head";

/// One tensor of a model: what the model holds as one, and a file as one or several stacked along the first dimension.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorSpec {
    /// Its parts in a Hugging Face file, each with its number of rows.
    pub(crate) parts: Vec<(String, usize)>,
    /// The shape of all parts together.
    pub(crate) shape: Vec<usize>,
    /// How it starts out.
    pub(crate) init: Init,
    /// Whether the Hugging Face Trainer's default exempts it from weight decay: biases and normalisation.
    pub(crate) exempt: bool,
}

impl TensorSpec {
    /// Its name: that of its first part.
    pub(crate) fn name(&self) -> &str {
        &self.parts[0].0
    }

    /// Number of elements.
    pub(crate) fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// How a tensor starts out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Init {
    /// All zero.
    Zero,
    /// All one.
    One,
    /// Normal with this standard deviation.
    Normal(f64),
    /// Evenly between this bound and its negative.
    Uniform(f64),
}

/// The weights of a decoder, or one `T` for each of them.
pub(crate) struct Weights<T> {
    /// `[vocab, d_model]`.
    pub(crate) token_embedding: T,
    /// `[positions, d_model]`.
    pub(crate) position_embedding: Option<T>,
    /// The blocks in their order.
    pub(crate) blocks: Vec<Block<T>>,
    /// The norm after the last block.
    pub(crate) norm: Affine<T>,
    /// `[vocab, d_model]`, where it is not the token embedding.
    head: Option<T>,
    /// `[vocab]`.
    pub(crate) head_bias: Option<T>,
}

/// The weights of one block.
pub(crate) struct Block<T> {
    /// Before attention, or before both halves where they are parallel.
    pub(crate) norm1: Affine<T>,
    /// Queries, keys and values, stacked.
    pub(crate) qkv: Affine<T>,
    /// From the heads back to the stream.
    pub(crate) attention_out: Affine<T>,
    /// Before the feed-forward half.
    pub(crate) norm2: Option<Affine<T>>,
    /// Into the feed-forward half; gate and up, stacked, where it is gated.
    pub(crate) inner_in: Affine<T>,
    /// Out of the feed-forward half.
    pub(crate) inner_out: Affine<T>,
}

/// A matrix or gain, and the bias where there is one.
pub(crate) struct Affine<T> {
    /// The matrix of a projection or the gain of a norm.
    pub(crate) weight: T,
    /// The bias.
    pub(crate) bias: Option<T>,
}

impl<T> Weights<T> {
    /// The table whose rows give the logits.
    pub(crate) fn head(&self) -> &T {
        self.head.as_ref().unwrap_or(&self.token_embedding)
    }
}

impl Decoder {
    /// Sizes of the attention.
    pub(crate) fn attention(&self) -> Heads {
        Heads {
            count: self.heads,
            kv_count: self.kv_heads,
            width: self.head_width,
            scale: 1.0 / (self.head_width as f32).sqrt(),
            window: self.window,
        }
    }

    /// Builds the weights from whatever `make` gives for each tensor, in a fixed order.
    pub(crate) fn build<T>(&self, names: &Names, make: &mut impl FnMut(TensorSpec) -> T) -> Weights<T> {
        let mut maker = Maker { decoder: self, make };
        let normal = Init::Normal(self.initializer_range);
        // Radford et al. 2019, section 2.3.
        let residual = if self.residual_init {
            Init::Normal(self.initializer_range / (2.0 * self.layers as f64).sqrt())
        } else {
            normal
        };
        let (width, biases) = (self.d_model, self.biases);
        let heads = self.attention();
        let qkv_rows: &[usize] = match names.qkv.len() {
            1 => &[heads.qkv_width()],
            _ => &[heads.query_width(), heads.kv_width(), heads.kv_width()],
        };
        let inner_rows: &[usize] = if self.gated { &[self.inner; 2] } else { &[self.inner] };

        let token_embedding = maker.table(names.embedding, self.vocab_size);
        let position_embedding = self.rotary.is_none().then(|| maker.table(names.positions, self.context));
        let blocks = (0..self.layers)
            .map(|i| {
                let name = |part: &str| format!("{}{i}.{part}", names.block);
                let named = |parts: &[&str], rows: &[usize]| -> Vec<(String, usize)> {
                    parts.iter().zip(rows).map(|(part, &rows)| (name(part), rows)).collect()
                };
                Block {
                    norm1: maker.norm(&name(names.norm1)),
                    qkv: maker.projection(&named(names.qkv, qkv_rows), width, normal, biases.qkv),
                    attention_out: maker.projection(
                        &named(&[names.attention_out], &[width]),
                        heads.query_width(),
                        residual,
                        biases.attention_out,
                    ),
                    norm2: (!self.parallel).then(|| maker.norm(&name(names.norm2))),
                    inner_in: maker.projection(&named(names.inner_in, inner_rows), width, normal, biases.inner),
                    inner_out: maker.projection(
                        &named(&[names.inner_out], &[width]),
                        self.inner,
                        residual,
                        biases.inner,
                    ),
                }
            })
            .collect();
        let norm = maker.norm(names.norm);
        let head = (!self.tied).then(|| maker.table(&format!("{HEAD}.weight"), self.vocab_size));
        let head_bias = biases.head.then(|| maker.vector(format!("{HEAD}.bias"), self.vocab_size, Init::Zero));
        Weights { token_embedding, position_embedding, blocks, norm, head, head_bias }
    }
}

/// Makes tensors of a decoder by their kind.
struct Maker<'a, F> {
    decoder: &'a Decoder,
    make: &'a mut F,
}

impl<T, F: FnMut(TensorSpec) -> T> Maker<'_, F> {
    fn table(&mut self, name: &str, rows: usize) -> T {
        let shape = vec![rows, self.decoder.d_model];
        let init = Init::Normal(self.decoder.initializer_range);
        (self.make)(TensorSpec { parts: vec![(name.to_owned(), rows)], shape, init, exempt: false })
    }

    fn vector(&mut self, name: String, count: usize, init: Init) -> T {
        (self.make)(TensorSpec { parts: vec![(name, count)], shape: vec![count], init, exempt: true })
    }

    fn norm(&mut self, name: &str) -> Affine<T> {
        let width = self.decoder.d_model;
        // A gain to which one is added starts at zero.
        let init = if self.decoder.normal.offset == 0.0 { Init::One } else { Init::Zero };
        let weight = self.vector(format!("{name}.weight"), width, init);
        let bias = self.decoder.normal.centred.then(|| self.vector(format!("{name}.bias"), width, Init::Zero));
        Affine { weight, bias }
    }

    /// A projection whose outputs are those of `parts`, each with its number of outputs.
    fn projection(&mut self, parts: &[(String, usize)], inputs: usize, init: Init, bias: bool) -> Affine<T> {
        let outputs = parts.iter().map(|(_, rows)| rows).sum();
        let of =
            |suffix: &str| parts.iter().map(|(name, rows)| (format!("{name}.{suffix}"), *rows)).collect::<Vec<_>>();
        let (shape, stacked) = if self.decoder.input_major {
            // Only a single part can be stored this way: outputs of several would interleave.
            (vec![inputs, outputs], vec![(format!("{}.weight", parts[0].0), inputs)])
        } else {
            (vec![outputs, inputs], of("weight"))
        };
        let weight = (self.make)(TensorSpec { parts: stacked, shape, init, exempt: false });
        let bias = bias.then(|| {
            (self.make)(TensorSpec { parts: of("bias"), shape: vec![outputs], init: Init::Zero, exempt: true })
        });
        Affine { weight, bias }
    }
}
