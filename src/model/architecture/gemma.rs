//! Gemma (Gemma Team 2024): as Llama, but for a gain that one is added to, embeddings scaled by the root of their width,
//! a gate by GELU, and in the smaller model a single head of keys and values.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, Unsaid};
use super::written::{common, object, shortest};
use super::{Family, llama};
use crate::decoder::{Biases, Decoder};
use crate::error::ConfigError;
use crate::kernels::{Activation, Normal};

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &llama::NAMES, groups: true };

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    // What a file leaves out is as in the larger Gemma.
    read_shared(fields, 16, fresh)
}

/// Reads what all generations spell alike; `kv_heads` counts where the file does not say.
pub(super) fn read_shared(
    fields: &Fields<'_>,
    kv_heads: usize,
    fresh: impl Fn(Size) -> Decoder,
) -> Result<Decoder, ConfigError> {
    // The first published files say `gelu` and mean its tanh form, as transformers reads them.
    let known = [("gelu_pytorch_tanh", ()), ("gelu", ()), ("gelu_new", ())];
    fields.one_of("hidden_act", &known)?;
    fields.one_of("hidden_activation", &known)?;
    fields.only("use_bidirectional_attention", false)?;
    let attention = fields.flag("attention_bias", false)?;
    let unsaid = Unsaid { kv_heads: Some(kv_heads), head_width: Some(256) };
    Ok(Decoder {
        biases: Biases { qkv: attention, attention_out: attention, mlp: false, head: false },
        ..llama::read_shared(fields, unsaid, fresh)?
    })
}

pub(super) fn fresh(size: Size) -> Decoder {
    Decoder {
        kv_heads: size.kv_heads.unwrap_or(1),
        normal: Normal { epsilon: 1e-6, centred: false, offset: 1.0 },
        activation: Activation::GeluTanh,
        embedding_scale: (size.d_model as f64).sqrt(),
        tied: true,
        ..llama::fresh(size)
    }
}

fn write(decoder: &Decoder) -> Value {
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["GemmaForCausalLM"],
        "attention_bias": decoder.biases.qkv,
        "head_dim": decoder.head_width,
        "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh",
        "model_type": "gemma",
        "rms_norm_eps": shortest(decoder.normal.epsilon),
    })));
    Value::Object(json)
}
