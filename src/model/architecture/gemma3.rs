//! Gemma 3 (Gemma Team 2025), the models that read text alone: as Gemma 2 without caps, with a norm on each head of queries
//! and keys, and five layers with a window and angles of their own before one without.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::Size;
use super::written::object;
use super::{Family, gemma2, qwen3};
use crate::decoder::{Decoder, HeadNorms};
use crate::error::ConfigError;
use crate::layers::Layers;
use crate::rotary::{Rotary, RotaryScaling};
use crate::tensors::Names;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &NAMES, groups: true };

const NAMES: Names = Names { head_norms: qwen3::HEAD_NORMS, ..gemma2::NAMES };

/// Every so many layers one has no window.
const PATTERN: usize = 6;

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    fields.absent("attn_logit_softcapping", "Gemma 3 has no cap on attention scores")?;
    let pattern = fields.optional_count("sliding_window_pattern")?.unwrap_or(PATTERN);
    let usual = |size: Size| Decoder { windowed: Layers::all_but_every(pattern, size.layers), ..fresh(size) };
    Ok(Decoder {
        logit_cap: fields.optional_positive("final_logit_softcapping")?,
        ..gemma2::read_windowed(fields, usual)?
    })
}

fn fresh(size: Size) -> Decoder {
    let angles = |theta: f64| Some(Rotary { theta, fraction: 1.0, scaling: RotaryScaling::None });
    Decoder {
        head_norms: HeadNorms::Each,
        windowed: Layers::all_but_every(PATTERN, size.layers),
        rotary: angles(1_000_000.0),
        windowed_rotary: angles(10_000.0),
        score_cap: None,
        logit_cap: None,
        ..gemma2::fresh(size)
    }
}

fn write(decoder: &Decoder) -> Value {
    let mut json = gemma2::written(decoder);
    json.extend(object(json!({
        "architectures": ["Gemma3ForCausalLM"],
        "attn_logit_softcapping": null,
        "final_logit_softcapping": decoder.logit_cap,
        "model_type": "gemma3_text",
    })));
    Value::Object(json)
}
