//! GPT-NeoX (Black et al. 2022), the architecture of Pythia: both sublayers of a block read the stream, each through a layer
//! norm of its own, a quarter of each head is rotated, and queries, keys and values are stored head by head.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, size};
use super::written::{activation, activation_name, common, object, shortest};
use super::{Family, llama, rope};
use crate::decoder::{Biases, Decoder, DropoutRates, Sublayers};
use crate::error::ConfigError;
use crate::kernels::{Activation, Normal};
use crate::rotary::{Rotary, RotaryScaling};
use crate::tensors::Names;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &NAMES, groups: false };

const NAMES: Names = Names {
    base: "gpt_neox.",
    embedding: "gpt_neox.embed_in.weight",
    block: "gpt_neox.layers.",
    qkv: &["attention.query_key_value"],
    attention_out: "attention.dense",
    mlp_in: &["mlp.dense_h_to_4h"],
    mlp_out: "mlp.dense_4h_to_h",
    norm: "gpt_neox.final_layer_norm",
    head: "embed_out",
    lora: &["query_key_value"],
    ignored: &[".attention.bias", ".attention.masked_bias", ".attention.rotary_emb.inv_freq"],
    ..llama::NAMES
};

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    let size = Size { kv_heads: None, ..size(fields, None)? };
    let fresh = fresh(size);
    let head_width = fields.head_width(size.d_model, size.heads, None)?;
    let usual = Rotary {
        theta: fields.positive("rotary_emb_base", 10_000.0)?,
        fraction: fields.positive("rotary_pct", 0.25)?,
        scaling: RotaryScaling::None,
    };
    let (rotary, _) = rope::read(fields, &Decoder { rotary: Some(usual), ..fresh.clone() }, head_width)?;
    let attention = fields.flag("attention_bias", true)?;
    let parallel = fields.flag("use_parallel_residual", true)?;
    let dropped = fields.rate("hidden_dropout", 0.0)?;
    Ok(Decoder {
        head_width,
        mlp_width: fields.count("intermediate_size")?,
        rotary: Some(rotary),
        normal: Normal { epsilon: fields.positive("layer_norm_eps", 1e-5)? as f32, ..fresh.normal },
        activation: activation(fields, "hidden_act", Activation::Gelu)?,
        sublayers: if parallel { Sublayers::Parallel } else { Sublayers::Sequential },
        biases: Biases { qkv: attention, attention_out: attention, mlp: true, head: false },
        dropout: DropoutRates {
            embedding: dropped,
            attention: fields.rate("attention_dropout", 0.0)?,
            residual: dropped,
        },
        initializer_range: fields.positive("initializer_range", 0.02)?,
        tied: fields.flag("tie_word_embeddings", false)?,
        bos_token_id: fields.token("bos_token_id")?,
        eos_token_ids: fields.tokens("eos_token_id")?,
        ..fresh
    })
}

fn fresh(size: Size) -> Decoder {
    let llama = llama::fresh(Size { kv_heads: None, ..size });
    // Of narrow heads a quarter would be nothing.
    let fraction = if llama.head_width < 8 { 1.0 } else { 0.25 };
    Decoder {
        mlp_width: 4 * size.d_model,
        rotary: Some(Rotary { theta: 10_000.0, fraction, scaling: RotaryScaling::None }),
        normal: Normal { epsilon: 1e-5, centred: true, offset: 0.0 },
        activation: Activation::Gelu,
        gated: false,
        sublayers: Sublayers::Parallel,
        biases: Biases { qkv: true, attention_out: true, mlp: true, head: false },
        interleaved: true,
        ..llama
    }
}

fn write(decoder: &Decoder) -> Value {
    let rotary = decoder.rotary.as_ref();
    let mut json = common(decoder);
    json.remove("num_key_value_heads");
    json.extend(object(json!({
        "architectures": ["GPTNeoXForCausalLM"],
        "attention_bias": decoder.biases.qkv,
        "hidden_act": activation_name(decoder.activation),
        "hidden_dropout": decoder.dropout.residual,
        "layer_norm_eps": shortest(decoder.normal.epsilon),
        "model_type": "gpt_neox",
        "rotary_emb_base": rotary.map(|rotary| rotary.theta),
        "rotary_pct": rotary.map(|rotary| rotary.fraction),
        "use_parallel_residual": decoder.sublayers == Sublayers::Parallel,
    })));
    Value::Object(json)
}
