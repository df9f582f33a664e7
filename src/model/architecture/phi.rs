//! Phi (Li et al. 2023): both sublayers of a block read one layer norm, a fraction of each head is rotated by its position, and
//! every projection has a bias, the output head too.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, size};
use super::written::{common, object, shortest};
use super::{Family, llama, rope};
use crate::decoder::{Biases, Decoder, DropoutRates, Sublayers};
use crate::error::ConfigError;
use crate::kernels::{Activation, Normal};
use crate::rotary::{Rotary, RotaryScaling};
use crate::tensors::Names;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &NAMES, groups: true };

const NAMES: Names = Names {
    norm2: "",
    attention_out: "self_attn.dense",
    mlp_in: &["mlp.fc1"],
    mlp_out: "mlp.fc2",
    norm: "model.final_layernorm",
    lora: &["q_proj", "v_proj", "fc1", "fc2"],
    ..llama::NAMES
};

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    fields.one_of("hidden_act", &[("gelu_new", ()), ("gelu_pytorch_tanh", ())])?;
    fields.only("qk_layernorm", false)?;
    let size = size(fields, None)?;
    let fresh = fresh(size);
    let head_width = fields.head_width(size.d_model, size.heads, None)?;
    let (rotary, windowed_rotary) = rope::read(fields, &fresh, head_width)?;
    Ok(Decoder {
        head_width,
        mlp_width: fields.count("intermediate_size")?,
        rotary: Some(rotary),
        windowed_rotary,
        normal: Normal { epsilon: fields.positive("layer_norm_eps", 1e-5)? as f32, ..fresh.normal },
        dropout: DropoutRates {
            embedding: fields.rate("embd_pdrop", 0.0)?,
            attention: fields.rate("attention_dropout", 0.0)?,
            residual: fields.rate("resid_pdrop", 0.0)?,
        },
        initializer_range: fields.positive("initializer_range", 0.02)?,
        tied: fields.flag("tie_word_embeddings", false)?,
        bos_token_id: fields.token("bos_token_id")?,
        eos_token_ids: fields.tokens("eos_token_id")?,
        ..fresh
    })
}

fn fresh(size: Size) -> Decoder {
    Decoder {
        mlp_width: 4 * size.d_model,
        rotary: Some(Rotary { theta: 10_000.0, fraction: 0.5, scaling: RotaryScaling::None }),
        normal: Normal { epsilon: 1e-5, centred: true, offset: 0.0 },
        activation: Activation::GeluTanh,
        gated: false,
        sublayers: Sublayers::ParallelOneNorm,
        biases: Biases { qkv: true, attention_out: true, mlp: true, head: true },
        ..llama::fresh(size)
    }
}

fn write(decoder: &Decoder) -> Value {
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["PhiForCausalLM"],
        "embd_pdrop": decoder.dropout.embedding,
        "hidden_act": "gelu_new",
        "layer_norm_eps": shortest(decoder.normal.epsilon),
        "model_type": "phi",
        "qk_layernorm": false,
        "resid_pdrop": decoder.dropout.residual,
    })));
    Value::Object(json)
}
