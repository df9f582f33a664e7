//! Llama (Touvron et al. 2023): RMS norm, rotary positions, grouped keys and values, and a gated MLP.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, Unsaid, size};
use super::written::{common, object, shortest};
use super::{Family, rope};
use crate::decoder::{Biases, Decoder, DropoutRates, HeadNorms, Norms, ScoreScale, Sublayers};
use crate::error::ConfigError;
use crate::kernels::{Activation, Normal};
use crate::layers::Layers;
use crate::rotary::{Rotary, RotaryScaling};
use crate::tensors::Names;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &NAMES, groups: true };

/// Most architectures call their tensors the same, or nearly so.
pub(super) const NAMES: Names = Names {
    base: "model.",
    embedding: "model.embed_tokens.weight",
    positions: "",
    project: ["", ""],
    block: "model.layers.",
    norm1: "input_layernorm",
    added1: "",
    norm2: "post_attention_layernorm",
    added2: "",
    head_norms: ["", ""],
    qkv: &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    attention_out: "self_attn.o_proj",
    mlp_in: &["mlp.gate_proj", "mlp.up_proj"],
    mlp_out: "mlp.down_proj",
    norm: "model.norm",
    head: "lm_head",
    lora: &["q_proj", "v_proj"],
    ignored: &[".rotary_emb.inv_freq"],
};

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    read_biased(fields, Unsaid::default(), fresh)
}

/// As [`read_shared`], for a gate by SiLU and biases as Llama's file tells of them.
pub(super) fn read_biased(
    fields: &Fields<'_>,
    unsaid: Unsaid,
    fresh: impl Fn(Size) -> Decoder,
) -> Result<Decoder, ConfigError> {
    fields.one_of("hidden_act", &[("silu", ()), ("swish", ())])?;
    let attention = fields.flag("attention_bias", false)?;
    let mlp = fields.flag("mlp_bias", false)?;
    let read = read_shared(fields, unsaid, fresh)?;
    Ok(Decoder { biases: Biases { qkv: attention, attention_out: attention, mlp, head: false }, ..read })
}

/// Reads what most architectures spell alike; the rest is as `fresh` makes it.
pub(super) fn read_shared(
    fields: &Fields<'_>,
    unsaid: Unsaid,
    fresh: impl Fn(Size) -> Decoder,
) -> Result<Decoder, ConfigError> {
    let size = size(fields, unsaid.kv_heads)?;
    let fresh = fresh(size);
    let head_width = fields.head_width(size.d_model, size.heads, unsaid.head_width)?;
    let (rotary, windowed_rotary) = rope::read(fields, &fresh, head_width)?;
    let epsilon = fields.positive("rms_norm_eps", f64::from(fresh.normal.epsilon))?;
    Ok(Decoder {
        head_width,
        mlp_width: fields.count("intermediate_size")?,
        rotary: Some(rotary),
        windowed_rotary,
        normal: Normal { epsilon: epsilon as f32, ..fresh.normal },
        dropout: DropoutRates { attention: fields.rate("attention_dropout", 0.0)?, ..DropoutRates::default() },
        initializer_range: fields.positive("initializer_range", 0.02)?,
        tied: fields.flag("tie_word_embeddings", fresh.tied)?,
        bos_token_id: fields.token("bos_token_id")?,
        eos_token_ids: fields.tokens("eos_token_id")?,
        ..fresh
    })
}

/// The form that other architectures are said to differ from.
pub(super) fn fresh(size: Size) -> Decoder {
    let Size { vocab_size, context, d_model, layers, heads, kv_heads } = size;
    Decoder {
        vocab_size,
        context,
        d_model,
        embedding_width: d_model,
        layers,
        heads,
        kv_heads: kv_heads.unwrap_or(heads),
        head_width: d_model / heads,
        // Two thirds of four times the width, so that three matrices weigh as much as two (Touvron et al. 2023, 2.2).
        mlp_width: (8 * d_model / 3).next_multiple_of(32),
        window: None,
        windowed: Layers::All,
        rotary: Some(Rotary { theta: 10_000.0, fraction: 1.0, scaling: RotaryScaling::None }),
        windowed_rotary: None,
        rotary_layers: Layers::All,
        positions_from: 0,
        normal: Normal { epsilon: 1e-6, centred: false, offset: 0.0 },
        norms: Norms::Pre,
        head_norms: HeadNorms::None,
        final_norm: true,
        score_scale: ScoreScale::Width,
        score_cap: None,
        activation: Activation::Silu,
        gated: true,
        sublayers: Sublayers::Sequential,
        biases: Biases::default(),
        input_major: false,
        interleaved: false,
        embedding_scale: 1.0,
        residual_scale: 1.0,
        logit_scale: 1.0,
        logit_cap: None,
        tied: false,
        dropout: DropoutRates::default(),
        initializer_range: 0.02,
        residual_init: false,
        bos_token_id: None,
        eos_token_ids: Vec::new(),
    }
}

fn write(decoder: &Decoder) -> Value {
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": decoder.biases.qkv,
        "head_dim": decoder.head_width,
        "hidden_act": "silu",
        "mlp_bias": decoder.biases.mlp,
        "model_type": "llama",
        "rms_norm_eps": shortest(decoder.normal.epsilon),
    })));
    Value::Object(json)
}
