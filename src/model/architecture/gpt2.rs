//! GPT-2 (Radford et al. 2019): learned positions, layer norm before each sublayer of a block, one fused projection to
//! queries, keys and values, and weights stored `[in, out]`.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::Size;
use super::written::{one_or_many, shortest};
use super::{Family, llama};
use crate::decoder::{Biases, Decoder, DropoutRates};
use crate::error::ConfigError;
use crate::kernels::{Activation, Normal};
use crate::tensors::Names;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &NAMES, groups: false };

const NAMES: Names = Names {
    base: "transformer.",
    embedding: "transformer.wte.weight",
    positions: "transformer.wpe.weight",
    block: "transformer.h.",
    norm1: "ln_1",
    norm2: "ln_2",
    qkv: &["attn.c_attn"],
    attention_out: "attn.c_proj",
    mlp_in: &["mlp.c_fc"],
    mlp_out: "mlp.c_proj",
    norm: "transformer.ln_f",
    lora: &["c_attn"],
    ignored: &[".attn.bias", ".attn.masked_bias"],
    ..llama::NAMES
};

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    let known = [
        ("gelu_new", Activation::GeluTanh),
        ("gelu_pytorch_tanh", Activation::GeluTanh),
        ("gelu", Activation::Gelu),
        ("gelu_python", Activation::Gelu),
    ];
    let activation = fields.one_of("activation_function", &known)?;
    fields.only("scale_attn_weights", true)?;
    fields.only("scale_attn_by_inverse_layer_idx", false)?;
    fields.only("add_cross_attention", false)?;
    let size = Size {
        vocab_size: fields.count("vocab_size")?,
        // The oldest files call it `n_ctx`; where they disagree, the table of positions decides, as in transformers.
        context: either(fields, &["n_positions", "max_position_embeddings", "n_ctx"])?.unwrap_or(1024),
        d_model: required(fields, &["n_embd", "hidden_size"])?,
        layers: required(fields, &["n_layer", "num_hidden_layers"])?,
        heads: required(fields, &["n_head", "num_attention_heads"])?,
        kv_heads: None,
    };
    if !size.d_model.is_multiple_of(size.heads) {
        let problem = format!("must divide `n_embd` ({}), not `{}`", size.d_model, size.heads);
        return Err(fields.error("n_head", &problem));
    }
    let fresh = fresh(size);
    Ok(Decoder {
        activation,
        mlp_width: fields.optional_count("n_inner")?.unwrap_or(fresh.mlp_width),
        normal: Normal { epsilon: fields.positive("layer_norm_epsilon", 1e-5)? as f32, ..fresh.normal },
        dropout: DropoutRates {
            embedding: fields.rate("embd_pdrop", 0.1)?,
            attention: fields.rate("attn_pdrop", 0.1)?,
            residual: fields.rate("resid_pdrop", 0.1)?,
        },
        initializer_range: fields.positive("initializer_range", 0.02)?,
        tied: fields.flag("tie_word_embeddings", true)?,
        bos_token_id: fields.token("bos_token_id")?,
        eos_token_ids: fields.tokens("eos_token_id")?,
        ..fresh
    })
}

/// The value of the first of some names of one field that is there.
fn either(fields: &Fields<'_>, names: &[&str]) -> Result<Option<usize>, ConfigError> {
    names.iter().find_map(|name| fields.optional_count(name).transpose()).transpose()
}

fn required(fields: &Fields<'_>, names: &[&str]) -> Result<usize, ConfigError> {
    either(fields, names)?.ok_or_else(|| fields.error(names[0], "is missing"))
}

fn fresh(size: Size) -> Decoder {
    Decoder {
        mlp_width: 4 * size.d_model,
        rotary: None,
        normal: Normal { epsilon: 1e-5, centred: true, offset: 0.0 },
        activation: Activation::GeluTanh,
        gated: false,
        biases: Biases { qkv: true, attention_out: true, mlp: true, head: false },
        input_major: true,
        tied: true,
        residual_init: true,
        ..llama::fresh(Size { kv_heads: None, ..size })
    }
}

fn write(decoder: &Decoder) -> Value {
    json!({
        "activation_function": if decoder.activation == Activation::Gelu { "gelu" } else { "gelu_new" },
        "architectures": ["GPT2LMHeadModel"],
        "attn_pdrop": decoder.dropout.attention,
        "bos_token_id": decoder.bos_token_id,
        "embd_pdrop": decoder.dropout.embedding,
        "eos_token_id": one_or_many(&decoder.eos_token_ids),
        "initializer_range": decoder.initializer_range,
        "layer_norm_epsilon": shortest(decoder.normal.epsilon),
        "model_type": "gpt2",
        "n_embd": decoder.d_model,
        "n_head": decoder.heads,
        "n_inner": decoder.mlp_width,
        "n_layer": decoder.layers,
        "n_positions": decoder.context,
        "resid_pdrop": decoder.dropout.residual,
        "tie_word_embeddings": decoder.tied,
        "torch_dtype": "float32",
        "vocab_size": decoder.vocab_size,
    })
}
