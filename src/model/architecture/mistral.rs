//! Mistral (Jiang et al. 2023): as Llama, with grouped keys and values and, in its first version, a sliding window.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::Unsaid;
use super::written::{common, object, shortest};
use super::{Family, llama};
use crate::decoder::Decoder;
use crate::error::ConfigError;

pub(super) const FAMILY: Family = Family { read, write, fresh: llama::fresh, names: &llama::NAMES, groups: true };

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    fields.one_of("hidden_act", &[("silu", ()), ("swish", ())])?;
    // What a file leaves out is as in the first Mistral; null is none.
    let window = match fields.json.get("sliding_window") {
        None => Some(4096),
        Some(_) => fields.optional_count("sliding_window")?,
    };
    Ok(Decoder {
        window,
        ..llama::read_shared(fields, Unsaid { kv_heads: Some(8), ..Unsaid::default() }, llama::fresh)?
    })
}

fn write(decoder: &Decoder) -> Value {
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
