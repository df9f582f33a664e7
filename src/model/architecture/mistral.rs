//! Mistral (Jiang et al. 2023): as Llama, with grouped keys and values and, in its first version, a sliding window.

use serde_json::{Value, json};

use super::fields::Fields;
use super::llama;
use super::size::Size;
use super::written::{common, object, shortest};
use crate::decoder::Decoder;
use crate::error::ConfigError;

pub(super) fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    fields.one_of("hidden_act", &[("silu", ()), ("swish", ())])?;
    // What a file leaves out is as in the first Mistral; null is none.
    let window = match fields.json.get("sliding_window") {
        None => Some(4096),
        Some(_) => fields.optional_count("sliding_window")?,
    };
    Ok(Decoder { window, ..llama::read_shared(fields, Some(8), fresh)? })
}

pub(super) fn fresh(size: Size) -> Decoder {
    llama::fresh(size)
}

pub(super) fn write(decoder: &Decoder) -> Value {
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["MistralForCausalLM"],
        "head_dim": decoder.head_width,
        "hidden_act": "silu",
        "model_type": "mistral",
        "rms_norm_eps": shortest(decoder.normal.epsilon),
        "sliding_window": decoder.window,
    })));
    Value::Object(json)
}
