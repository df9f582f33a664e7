//! Llama (Touvron et al. 2023): RMS norm, rotary positions, grouped keys and values, and a gated feed-forward half.

use serde_json::{Value, json};

use super::fields::Fields;
use super::rope;
use super::size::{Size, size};
use super::written::{common, object, shortest};
use crate::decoder::{Biases, Decoder, DropoutRates, Names};
use crate::error::ConfigError;
use crate::kernels::{Activation, Normal};
use crate::rotary::{Rotary, RotaryScaling};

/// Gemma and Mistral call their tensors the same.
pub(super) const NAMES: Names = Names {
    base: "model.",
    embedding: "model.embed_tokens.weight",
    positions: "",
    block: "model.layers.",
    norm1: "input_layernorm",
    norm2: "post_attention_layernorm",
    qkv: &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    attention_out: "self_attn.o_proj",
    inner_in: &["mlp.gate_proj", "mlp.up_proj"],
    inner_out: "mlp.down_proj",
    norm: "model.norm",
    lora: &["q_proj", "v_proj"],
    ignored: &[".rotary_emb.inv_freq"],
};

pub(super) fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    fields.one_of("hidden_act", &[("silu", ()), ("swish", ())])?;
    let attention = fields.flag("attention_bias", false)?;
    let inner = fields.flag("mlp_bias", false)?;
    let fresh = read_shared(fields, None, fresh)?;
    Ok(Decoder { biases: Biases { qkv: attention, attention_out: attention, inner, head: false }, ..fresh })
}

/// Reads what Llama, Gemma and Mistral spell alike; the rest is as `fresh` makes it, and `kv_heads` counts where the file
/// does not say.
pub(super) fn read_shared(
    fields: &Fields<'_>,
    kv_heads: Option<usize>,
    fresh: impl Fn(Size) -> Decoder,
) -> Result<Decoder, ConfigError> {
    let size = size(fields, kv_heads)?;
    let fresh = fresh(size);
    Ok(Decoder {
        head_width: fields.head_width(size.d_model, size.heads)?,
        inner: fields.count("intermediate_size")?,
        rotary: Some(rope::read(fields, 1.0)?),
        normal: Normal { epsilon: fields.positive("rms_norm_eps", 1e-6)? as f32, ..fresh.normal },
        dropout: DropoutRates { attention: fields.rate("attention_dropout", 0.0)?, ..DropoutRates::default() },
        initializer_range: fields.positive("initializer_range", 0.02)?,
        tied: fields.flag("tie_word_embeddings", fresh.tied)?,
        bos_token_id: fields.token("bos_token_id")?,
        eos_token_ids: fields.tokens("eos_token_id")?,
        ..fresh
    })
}

pub(super) fn fresh(size: Size) -> Decoder {
    let Size { vocab_size, context, d_model, layers, heads, kv_heads } = size;
    Decoder {
        vocab_size,
        context,
        d_model,
        layers,
        heads,
        kv_heads: kv_heads.unwrap_or(heads),
        head_width: d_model / heads,
        // Two thirds of four times the width, so that three matrices weigh as much as two (Touvron et al. 2023, 2.2).
        inner: (8 * d_model / 3).next_multiple_of(32),
        window: None,
        rotary: Some(Rotary { theta: 10_000.0, share: 1.0, scaling: RotaryScaling::None }),
        normal: Normal { epsilon: 1e-6, centred: false, offset: 0.0 },
        activation: Activation::Silu,
        gated: true,
        parallel: false,
        biases: Biases::default(),
        input_major: false,
        embedding_scale: 1.0,
        tied: false,
        dropout: DropoutRates::default(),
        initializer_range: 0.02,
        residual_init: false,
        bos_token_id: None,
        eos_token_ids: Vec::new(),
    }
}

pub(super) fn write(decoder: &Decoder) -> Value {
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": decoder.biases.qkv,
        "head_dim": decoder.head_width,
        "hidden_act": "silu",
        "mlp_bias": decoder.biases.inner,
        "model_type": "llama",
        "rms_norm_eps": shortest(decoder.normal.epsilon),
    })));
    Value::Object(json)
}
