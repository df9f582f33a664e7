//! Qwen 3 (Yang et al. 2025): as Llama, with a norm on each head of queries and keys, and heads of a width of their own.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, Unsaid};
use super::written::{common, object, shortest};
use super::{Family, llama, windows};
use crate::decoder::{Decoder, HeadNorms};
use crate::error::ConfigError;
use crate::tensors::Names;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &NAMES, groups: true };

/// Gemma 3 and OLMo 2 call the norms of queries and keys the same.
pub(super) const HEAD_NORMS: [&str; 2] = ["self_attn.q_norm", "self_attn.k_norm"];

const NAMES: Names = Names { head_norms: HEAD_NORMS, ..llama::NAMES };

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    let unsaid = Unsaid { kv_heads: Some(32), head_width: Some(128) };
    windows::read_switched(fields, llama::read_biased(fields, unsaid, fresh)?)
}

fn fresh(size: Size) -> Decoder {
    Decoder { head_norms: HeadNorms::Each, ..llama::fresh(size) }
}

fn write(decoder: &Decoder) -> Value {
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["Qwen3ForCausalLM"],
        "attention_bias": decoder.biases.qkv,
        "head_dim": decoder.head_width,
        "hidden_act": "silu",
        "layer_types": windows::written(decoder),
        "model_type": "qwen3",
        "rms_norm_eps": shortest(decoder.normal.epsilon),
        "sliding_window": decoder.window,
        "use_sliding_window": decoder.window.is_some(),
    })));
    Value::Object(json)
}
