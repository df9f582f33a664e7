//! What every architecture writes of its configuration in the same way.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::rope;
use crate::decoder::Decoder;
use crate::error::ConfigError;
use crate::kernels::Activation;

/// The keys that all but GPT-2 write alike.
pub(super) fn common(decoder: &Decoder) -> Map<String, Value> {
    let mut json = object(json!({
        "attention_dropout": decoder.dropout.attention,
        "bos_token_id": decoder.bos_token_id,
        "eos_token_id": one_or_many(&decoder.eos_token_ids),
        "hidden_size": decoder.d_model,
        "initializer_range": decoder.initializer_range,
        "intermediate_size": decoder.mlp_width,
        "max_position_embeddings": decoder.context,
        "num_attention_heads": decoder.heads,
        "num_hidden_layers": decoder.layers,
        "num_key_value_heads": decoder.kv_heads,
        "tie_word_embeddings": decoder.tied,
        "torch_dtype": "float32",
        "vocab_size": decoder.vocab_size,
    }));
    rope::write(decoder, &mut json);
    json
}

pub(super) fn object(json: Value) -> Map<String, Value> {
    match json {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// One id as such, several as a list, none as null.
pub(super) fn one_or_many(ids: &[u32]) -> Value {
    match ids {
        [] => Value::Null,
        [id] => json!(id),
        ids => json!(ids),
    }
}

/// The shortest decimal number that reads back as `x`.
pub(super) fn shortest(x: f32) -> Value {
    x.to_string().parse::<f64>().map_or(Value::Null, |x| json!(x))
}

/// The activations of an MLP without a gate, by their names; each is written by the first.
const ACTIVATIONS: &[(&str, Activation)] = &[
    ("gelu", Activation::Gelu),
    ("gelu_python", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
];

/// Reads the activation that `field` names; `usual` where there is none.
pub(super) fn activation(fields: &Fields<'_>, field: &str, usual: Activation) -> Result<Activation, ConfigError> {
    if fields.get(field).is_none() { Ok(usual) } else { fields.one_of(field, ACTIVATIONS) }
}

/// The name of an activation.
pub(super) fn activation_name(activation: Activation) -> &'static str {
    ACTIVATIONS.iter().find(|(_, known)| *known == activation).map_or("gelu", |(name, _)| name)
}
