//! OPT (Zhang et al. 2022): as GPT-2, with ReLU, positions that begin at the third row of their table, and in one model norms
//! behind each sublayer of a block and embeddings narrower than the stream.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, size};
use super::written::{activation, activation_name, one_or_many};
use super::{Family, llama};
use crate::decoder::{Biases, Decoder, DropoutRates, Norms};
use crate::error::ConfigError;
use crate::kernels::{Activation, Normal};
use crate::tensors::Names;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &NAMES, groups: false };

const NAMES: Names = Names {
    embedding: "model.decoder.embed_tokens.weight",
    positions: "model.decoder.embed_positions.weight",
    project: ["model.decoder.project_in", "model.decoder.project_out"],
    block: "model.decoder.layers.",
    norm1: "self_attn_layer_norm",
    norm2: "final_layer_norm",
    attention_out: "self_attn.out_proj",
    mlp_in: &["fc1"],
    mlp_out: "fc2",
    norm: "model.decoder.final_layer_norm",
    ignored: &[],
    ..llama::NAMES
};

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    fields.only("enable_bias", true)?;
    fields.only("layer_norm_elementwise_affine", true)?;
    if fields.rate("layerdrop", 0.0)? > 0.0 {
        return Err(fields.error("layerdrop", "must be 0: no layers are dropped here"));
    }
    let size = Size { kv_heads: None, ..size(fields, None)? };
    let fresh = fresh(size);
    let before = fields.flag("do_layer_norm_before", true)?;
    Ok(Decoder {
        embedding_width: fields.optional_count("word_embed_proj_dim")?.unwrap_or(size.d_model),
        head_width: fields.head_width(size.d_model, size.heads, None)?,
        mlp_width: fields.count("ffn_dim")?,
        norms: if before { Norms::Pre } else { Norms::Post },
        final_norm: before && !fields.flag("_remove_final_layer_norm", false)?,
        activation: activation(fields, "activation_function", Activation::Relu)?,
        dropout: DropoutRates {
            embedding: 0.0,
            attention: fields.rate("attention_dropout", 0.0)?,
            residual: fields.rate("dropout", 0.1)?,
        },
        initializer_range: fields.positive("init_std", 0.02)?,
        tied: fields.flag("tie_word_embeddings", true)?,
        bos_token_id: fields.token("bos_token_id")?,
        eos_token_ids: fields.tokens("eos_token_id")?,
        ..fresh
    })
}

fn fresh(size: Size) -> Decoder {
    Decoder {
        mlp_width: 4 * size.d_model,
        rotary: None,
        positions_from: 2,
        normal: Normal { epsilon: 1e-5, centred: true, offset: 0.0 },
        activation: Activation::Relu,
        gated: false,
        biases: Biases { qkv: true, attention_out: true, mlp: true, head: false },
        tied: true,
        ..llama::fresh(Size { kv_heads: None, ..size })
    }
}

fn write(decoder: &Decoder) -> Value {
    let before = decoder.norms == Norms::Pre;
    json!({
        "_remove_final_layer_norm": before && !decoder.final_norm,
        "activation_function": activation_name(decoder.activation),
        "architectures": ["OPTForCausalLM"],
        "attention_dropout": decoder.dropout.attention,
        "bos_token_id": decoder.bos_token_id,
        "do_layer_norm_before": before,
        "dropout": decoder.dropout.residual,
        "eos_token_id": one_or_many(&decoder.eos_token_ids),
        "ffn_dim": decoder.mlp_width,
        "hidden_size": decoder.d_model,
        "init_std": decoder.initializer_range,
        "max_position_embeddings": decoder.context,
        "model_type": "opt",
        "num_attention_heads": decoder.heads,
        "num_hidden_layers": decoder.layers,
        "pad_token_id": null,
        "tie_word_embeddings": decoder.tied,
        "torch_dtype": "float32",
        "vocab_size": decoder.vocab_size,
        "word_embed_proj_dim": decoder.embedding_width,
    })
}
