//! GPT-2 (Radford et al. 2019): learned positions, layer norm before each half of a block, one fused projection to
//! queries, keys and values, and weights stored `[in, out]`. Dropout is off: a student here is regularised by its data.

use serde_json::{Value, json};

use super::config::{ConfigError, Fields, Init, TensorSpec};
use super::kernels::{Blocks, Heads, Kernels, Real};
use super::layout::Layout;

/// The shape of a GPT-2. Field names are those of Hugging Face.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpt2Config {
    /// Number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// Largest number of positions.
    pub n_positions: usize,
    /// Width of the residual stream.
    pub n_embd: usize,
    /// Number of blocks.
    pub n_layer: usize,
    /// Number of attention heads; divides `n_embd`.
    pub n_head: usize,
    /// Width of the hidden layer of a block's second half.
    pub n_inner: usize,
    /// Term under the root of layer normalisation.
    pub layer_norm_epsilon: f64,
    /// Standard deviation of initial weights.
    pub initializer_range: f64,
    /// Whether the output head is the token embedding.
    pub tie_word_embeddings: bool,
    /// The token a sequence begins with, if the tokenizer has one.
    pub bos_token_id: Option<u32>,
    /// The token a sequence ends with, if the tokenizer has one.
    pub eos_token_id: Option<u32>,
}

impl Gpt2Config {
    /// A GPT-2 of this size with Hugging Face's defaults for the rest. `n_head` must divide `n_embd`.
    pub fn new(vocab_size: usize, n_positions: usize, n_embd: usize, n_layer: usize, n_head: usize) -> Self {
        Self {
            vocab_size,
            n_positions,
            n_embd,
            n_layer,
            n_head,
            n_inner: 4 * n_embd,
            layer_norm_epsilon: 1e-5,
            initializer_range: 0.02,
            tie_word_embeddings: true,
            bos_token_id: None,
            eos_token_id: None,
        }
    }

    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ConfigError> {
        let vocab_size = fields.count("vocab_size", None)?;
        let n_embd = fields.count("n_embd", None)?;
        let config = Self {
            vocab_size,
            n_positions: fields.count("n_positions", None)?,
            n_embd,
            n_layer: fields.count("n_layer", None)?,
            n_head: fields.count("n_head", None)?,
            n_inner: fields.count("n_inner", Some(4 * n_embd))?,
            layer_norm_epsilon: fields.positive("layer_norm_epsilon", 1e-5)?,
            initializer_range: fields.positive("initializer_range", 0.02)?,
            tie_word_embeddings: fields.flag("tie_word_embeddings", true)?,
            bos_token_id: fields.token("bos_token_id")?,
            eos_token_id: fields.token("eos_token_id")?,
        };
        if !config.n_embd.is_multiple_of(config.n_head) {
            let problem = format!("must divide `n_embd` ({}), not `{}`", config.n_embd, config.n_head);
            return Err(fields.error("n_head", &problem));
        }
        let activation = fields.text("activation_function", "gelu_new")?;
        if !["gelu_new", "gelu_pytorch_tanh"].contains(&activation.as_str()) {
            let problem = format!("must be `gelu_new` or `gelu_pytorch_tanh`, not `{activation}`");
            return Err(fields.error("activation_function", &problem));
        }
        for (field, expected) in
            [("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false), ("add_cross_attention", false)]
        {
            if fields.flag(field, expected)? != expected {
                return Err(fields.error(field, &format!("must be {expected}")));
            }
        }
        Ok(config)
    }

    pub(super) fn write(&self) -> Value {
        let Self {
            vocab_size,
            n_positions,
            n_embd,
            n_layer,
            n_head,
            n_inner,
            layer_norm_epsilon,
            initializer_range,
            tie_word_embeddings,
            bos_token_id,
            eos_token_id,
        } = self;
        json!({
            "activation_function": "gelu_new",
            "architectures": ["GPT2LMHeadModel"],
            "attn_pdrop": 0.0,
            "bos_token_id": bos_token_id,
            "embd_pdrop": 0.0,
            "eos_token_id": eos_token_id,
            "initializer_range": initializer_range,
            "layer_norm_epsilon": layer_norm_epsilon,
            "model_type": "gpt2",
            "n_embd": n_embd,
            "n_head": n_head,
            "n_inner": n_inner,
            "n_layer": n_layer,
            "n_positions": n_positions,
            "resid_pdrop": 0.0,
            "tie_word_embeddings": tie_word_embeddings,
            "torch_dtype": "float32",
            "vocab_size": vocab_size,
        })
    }

    /// Builds the weights from whatever `make` gives for each tensor, in a fixed order.
    pub(crate) fn build<T>(&self, make: &mut impl FnMut(TensorSpec) -> T) -> Gpt2<T> {
        let (width, inner) = (self.n_embd, self.n_inner);
        let normal = Init::Normal(self.initializer_range);
        // The projections that add to the residual stream start smaller by the root of their number (Radford et al. 2019).
        let residual = Init::Normal(self.initializer_range / (2.0 * self.n_layer as f64).sqrt());
        let mut tensor = |name: String, shape: &[usize], init: Init, exempt: bool| {
            make(TensorSpec { name: format!("transformer.{name}"), shape: shape.to_vec(), init, exempt })
        };
        let token_embedding = tensor("wte.weight".to_owned(), &[self.vocab_size, width], normal, false);
        let position_embedding = tensor("wpe.weight".to_owned(), &[self.n_positions, width], normal, false);
        let blocks = (0..self.n_layer)
            .map(|i| {
                let mut affine = |name: &str, shape: [usize; 2], init: Init| Affine {
                    weight: tensor(format!("h.{i}.{name}.weight"), &shape, init, false),
                    bias: tensor(format!("h.{i}.{name}.bias"), &shape[1..], Init::Zero, true),
                };
                let attention = affine("attn.c_attn", [width, 3 * width], normal);
                let attention_out = affine("attn.c_proj", [width, width], residual);
                let inner_in = affine("mlp.c_fc", [width, inner], normal);
                let inner_out = affine("mlp.c_proj", [inner, width], residual);
                let mut norm = |name: &str| Affine {
                    weight: tensor(format!("h.{i}.{name}.weight"), &[width], Init::One, true),
                    bias: tensor(format!("h.{i}.{name}.bias"), &[width], Init::Zero, true),
                };
                Block { norm1: norm("ln_1"), attention, attention_out, norm2: norm("ln_2"), inner_in, inner_out }
            })
            .collect();
        let norm = Affine {
            weight: tensor("ln_f.weight".to_owned(), &[width], Init::One, true),
            bias: tensor("ln_f.bias".to_owned(), &[width], Init::Zero, true),
        };
        let head = (!self.tie_word_embeddings).then(|| {
            make(TensorSpec {
                name: "lm_head.weight".to_owned(),
                shape: vec![self.vocab_size, width],
                init: normal,
                exempt: false,
            })
        });
        Gpt2 { token_embedding, position_embedding, blocks, norm, head }
    }

    /// Sizes of the attention.
    fn heads(&self) -> Heads {
        let width = self.n_embd / self.n_head;
        Heads { count: self.n_head, width, scale: 1.0 / (width as f32).sqrt() }
    }
}

/// The weights of a GPT-2, or one `T` for each of them.
pub(crate) struct Gpt2<T> {
    /// `[vocab, d_model]`.
    pub(crate) token_embedding: T,
    /// `[positions, d_model]`.
    pub(crate) position_embedding: T,
    blocks: Vec<Block<T>>,
    norm: Affine<T>,
    /// `[vocab, d_model]`, where it is not the token embedding.
    head: Option<T>,
}

struct Block<T> {
    norm1: Affine<T>,
    attention: Affine<T>,
    attention_out: Affine<T>,
    norm2: Affine<T>,
    inner_in: Affine<T>,
    inner_out: Affine<T>,
}

struct Affine<T> {
    weight: T,
    bias: T,
}

impl<T> Gpt2<T> {
    /// The table whose rows give the logits.
    pub(crate) fn head(&self) -> &T {
        self.head.as_ref().unwrap_or(&self.token_embedding)
    }
}

/// The residual stream `[tokens, d_model]` before the first block, from embeddings of the tokens.
pub(crate) fn positioned<B: Blocks>(weights: &Gpt2<Real<B>>, embedded: Real<B>, positions: &[u32]) -> Real<B> {
    B::add(embedded, B::gather(&weights.position_embedding, positions))
}

/// Runs the blocks and the final norm on the residual stream; `seen` is shown the stream before each block.
pub(crate) fn hidden<B: Blocks>(
    config: &Gpt2Config,
    weights: &Gpt2<Real<B>>,
    mut stream: Real<B>,
    layout: &Layout,
    mut seen: impl FnMut(&Real<B>),
) -> Real<B> {
    let epsilon = config.layer_norm_epsilon as f32;
    for block in &weights.blocks {
        seen(&stream);
        let normed = B::layer_norm(&stream, &block.norm1.weight, &block.norm1.bias, epsilon);
        let qkv = B::linear(&normed, &block.attention.weight, &block.attention.bias);
        let mixed = B::attention(&qkv, config.heads(), layout);
        stream = second_half::<B>(block, &mixed, &stream, epsilon);
    }
    B::layer_norm(&stream, &weights.norm.weight, &weights.norm.bias, epsilon)
}

/// As [`hidden`], for positions that follow those in `memory`, one per block.
pub(crate) fn hidden_cached<B: Kernels>(
    config: &Gpt2Config,
    weights: &Gpt2<Real<B>>,
    mut stream: Real<B>,
    layout: &Layout,
    memory: &mut [B::Memory],
) -> Real<B> {
    let epsilon = config.layer_norm_epsilon as f32;
    for (block, memory) in weights.blocks.iter().zip(memory) {
        let normed = <B as Blocks>::layer_norm(&stream, &block.norm1.weight, &block.norm1.bias, epsilon);
        let qkv = <B as Blocks>::linear(&normed, &block.attention.weight, &block.attention.bias);
        let mixed = B::attend_cached(&qkv, config.heads(), layout, memory);
        stream = second_half::<B>(block, &mixed, &stream, epsilon);
    }
    <B as Blocks>::layer_norm(&stream, &weights.norm.weight, &weights.norm.bias, epsilon)
}

fn second_half<B: Blocks>(block: &Block<Real<B>>, mixed: &Real<B>, stream: &Real<B>, epsilon: f32) -> Real<B> {
    let stream = B::linear_residual(mixed, &block.attention_out.weight, &block.attention_out.bias, stream);
    let normed = B::layer_norm(&stream, &block.norm2.weight, &block.norm2.bias, epsilon);
    let inner = B::linear_gelu(&normed, &block.inner_in.weight, &block.inner_in.bias);
    B::linear_residual(&inner, &block.inner_out.weight, &block.inner_out.bias, &stream)
}
