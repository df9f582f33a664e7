//! Gemma 2 (Gemma Team 2024): as Gemma, with norms before and behind each sublayer of a block, caps on scores and logits, and a
//! window in every other layer.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::size::Size;
use super::written::{common, object, shortest};
use super::{Family, gemma, llama, windows};
use crate::decoder::{Decoder, Norms, ScoreScale};
use crate::error::ConfigError;
use crate::layers::Layers;
use crate::tensors::Names;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &NAMES, groups: true };

/// Gemma 3 adds names to these.
pub(super) const NAMES: Names = Names {
    added1: "post_attention_layernorm",
    norm2: "pre_feedforward_layernorm",
    added2: "post_feedforward_layernorm",
    ..llama::NAMES
};

/// How many positions a query sees in a layer with a window, where nothing is said of it.
const WINDOW: usize = 4096;

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    let read = read_windowed(fields, fresh)?;
    let cap = |field: &str, unsaid: f64| match fields.json.get(field) {
        None => Ok(Some(unsaid)),
        Some(_) => fields.optional_positive(field),
    };
    Ok(Decoder {
        score_cap: cap("attn_logit_softcapping", 50.0)?,
        logit_cap: cap("final_logit_softcapping", 30.0)?,
        ..read
    })
}

/// Reads what Gemma 2 and 3 spell alike; `fresh` says which layers have a window where the file does not.
pub(super) fn read_windowed(fields: &Fields<'_>, fresh: impl Fn(Size) -> Decoder) -> Result<Decoder, ConfigError> {
    let read = gemma::read_shared(fields, 4, fresh)?;
    let window = match fields.json.get("sliding_window") {
        None => Some(WINDOW),
        Some(_) => fields.optional_count("sliding_window")?,
    };
    Ok(Decoder {
        window,
        windowed: windows::read(fields, read.layers, read.windowed.clone())?,
        score_scale: ScoreScale::Root(fields.positive("query_pre_attn_scalar", 256.0)?),
        ..read
    })
}

pub(super) fn fresh(size: Size) -> Decoder {
    let gemma = gemma::fresh(size);
    Decoder {
        kv_heads: size.kv_heads.unwrap_or(size.heads),
        norms: Norms::PreAndOutput,
        window: Some(WINDOW),
        windowed: Layers::all_but_every(2, size.layers),
        score_scale: ScoreScale::Root(gemma.head_width as f64),
        score_cap: Some(50.0),
        logit_cap: Some(30.0),
        ..gemma
    }
}

fn write(decoder: &Decoder) -> Value {
    let mut json = written(decoder);
    json.extend(object(json!({
        "architectures": ["Gemma2ForCausalLM"],
        "attn_logit_softcapping": decoder.score_cap,
        "final_logit_softcapping": decoder.logit_cap,
        "model_type": "gemma2",
    })));
    Value::Object(json)
}

/// What Gemma 2 and 3 write alike.
pub(super) fn written(decoder: &Decoder) -> Map<String, Value> {
    let under_root = match decoder.score_scale {
        ScoreScale::Width => decoder.head_width as f64,
        ScoreScale::Root(of) => of,
        ScoreScale::Factor(factor) => 1.0 / (factor * factor),
    };
    // Transformers takes whole numbers alone.
    let whole = under_root.fract().to_bits() == 0.0_f64.to_bits();
    let mut json = common(decoder);
    json.extend(object(json!({
        "attention_bias": decoder.biases.qkv,
        "head_dim": decoder.head_width,
        "hidden_activation": "gelu_pytorch_tanh",
        "layer_types": windows::written(decoder),
        "query_pre_attn_scalar": if whole { json!(under_root as u64) } else { json!(under_root) },
        "rms_norm_eps": shortest(decoder.normal.epsilon),
        "sliding_window": decoder.window,
    })));
    json
}
