//! Phi (Li et al. 2023): both halves of a block read one layer norm, a share of each head is turned by its position, and
//! every projection has a bias, the output head too.

use serde_json::{Value, json};

use super::fields::Fields;
use super::rope;
use super::size::{Size, size};
use super::written::{common, object, shortest};
use crate::decoder::{Biases, Decoder, DropoutRates, Names};
use crate::error::ConfigError;
use crate::kernels::{Activation, Normal};
use crate::rotary::{Rotary, RotaryScaling};

pub(super) const NAMES: Names = Names {
    base: "model.",
    embedding: "model.embed_tokens.weight",
    positions: "",
    block: "model.layers.",
    norm1: "input_layernorm",
    norm2: "",
    qkv: &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    attention_out: "self_attn.dense",
    inner_in: &["mlp.fc1"],
    inner_out: "mlp.fc2",
    norm: "model.final_layernorm",
    lora: &["q_proj", "v_proj", "fc1", "fc2"],
    ignored: &[".rotary_emb.inv_freq"],
};

pub(super) fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    fields.one_of("hidden_act", &[("gelu_new", ()), ("gelu_pytorch_tanh", ())])?;
    fields.only("qk_layernorm", false)?;
    let size = size(fields, None)?;
    let fresh = fresh(size);
    Ok(Decoder {
        head_width: fields.head_width(size.d_model, size.heads)?,
        inner: fields.count("intermediate_size")?,
        rotary: Some(rope::read(fields, 0.5)?),
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

pub(super) fn fresh(size: Size) -> Decoder {
    let Size { vocab_size, context, d_model, layers, heads, kv_heads } = size;
    Decoder {
        vocab_size,
        context,
        d_model,
        layers,
        heads,
        kv_heads: kv_heads.unwrap_or(heads),
        head_width: d_model / heads,
        inner: 4 * d_model,
        window: None,
        rotary: Some(Rotary { theta: 10_000.0, share: 0.5, scaling: RotaryScaling::None }),
        normal: Normal { epsilon: 1e-5, centred: true, offset: 0.0 },
        activation: Activation::GeluTanh,
        gated: false,
        parallel: true,
        biases: Biases { qkv: true, attention_out: true, inner: true, head: true },
        input_major: false,
        embedding_scale: 1.0,
        tied: false,
        dropout: DropoutRates::default(),
        initializer_range: 0.02,
        residual_init: false,
        bos_token_id: None,
        eos_token_ids: Vec::new(),
    }
}

pub(super) fn write(decoder: &Decoder) -> Value {
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
