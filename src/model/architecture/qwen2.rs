//! Qwen 1.5, 2 and 2.5 (Yang et al. 2024): as Llama, with biases on queries, keys and values.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, Unsaid};
use super::written::{common, object, shortest};
use super::{Family, llama, windows};
use crate::decoder::{Biases, Decoder};
use crate::error::ConfigError;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &llama::NAMES, groups: true };

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    fields.one_of("hidden_act", &[("silu", ()), ("swish", ())])?;
    let unsaid = Unsaid { kv_heads: Some(32), ..Unsaid::default() };
    windows::read_switched(fields, llama::read_shared(fields, unsaid, fresh)?)
}

fn fresh(size: Size) -> Decoder {
    Decoder { biases: Biases { qkv: true, ..Biases::default() }, ..llama::fresh(size) }
}

fn write(decoder: &Decoder) -> Value {
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["Qwen2ForCausalLM"],
        "hidden_act": "silu",
        "layer_types": windows::written(decoder),
        "model_type": "qwen2",
        "rms_norm_eps": shortest(decoder.normal.epsilon),
        "sliding_window": decoder.window,
        "use_sliding_window": decoder.window.is_some(),
    })));
    // The width of a head is no field of these files.
    Value::Object(json)
}
