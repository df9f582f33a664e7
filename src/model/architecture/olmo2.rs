//! OLMo 2 (OLMo Team 2025): as Llama, but norms stand behind each sublayer of a block and not before it, and queries and keys
//! are normalised over all heads.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, Unsaid};
use super::written::{common, object, shortest};
use super::{Family, llama, qwen3};
use crate::decoder::{Decoder, HeadNorms, Norms};
use crate::error::ConfigError;
use crate::kernels::Normal;
use crate::tensors::Names;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &NAMES, groups: true };

const NAMES: Names = Names {
    norm1: "",
    added1: "post_attention_layernorm",
    norm2: "",
    added2: "post_feedforward_layernorm",
    head_norms: qwen3::HEAD_NORMS,
    ..llama::NAMES
};

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    llama::read_biased(fields, Unsaid::default(), fresh)
}

fn fresh(size: Size) -> Decoder {
    let llama = llama::fresh(size);
    Decoder {
        normal: Normal { epsilon: 1e-5, ..llama.normal },
        norms: Norms::Output,
        head_norms: HeadNorms::All,
        ..llama
    }
}

fn write(decoder: &Decoder) -> Value {
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["Olmo2ForCausalLM"],
        "attention_bias": decoder.biases.qkv,
        "hidden_act": "silu",
        "model_type": "olmo2",
        "pad_token_id": null,
        "rms_norm_eps": shortest(decoder.normal.epsilon),
    })));
    Value::Object(json)
}
