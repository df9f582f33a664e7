//! Granite 3 (Granite Team 2024): as Llama, with factors on embeddings, attention scores, what blocks add, and logits.

use serde_json::{Value, json};

use super::fields::Fields;
use super::size::{Size, Unsaid};
use super::written::{common, object, shortest};
use super::{Family, llama};
use crate::decoder::{Decoder, ScoreScale};
use crate::error::ConfigError;

pub(super) const FAMILY: Family = Family { read, write, fresh, names: &llama::NAMES, groups: true };

fn read(fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
    Ok(Decoder {
        embedding_scale: fields.positive("embedding_multiplier", 1.0)?,
        residual_scale: fields.positive("residual_multiplier", 1.0)?,
        score_scale: ScoreScale::Factor(fields.positive("attention_multiplier", 1.0)?),
        logit_scale: 1.0 / fields.positive("logits_scaling", 1.0)?,
        ..llama::read_biased(fields, Unsaid::default(), fresh)?
    })
}

fn fresh(size: Size) -> Decoder {
    let llama = llama::fresh(size);
    Decoder { score_scale: ScoreScale::Factor(1.0 / (llama.head_width as f64).sqrt()), ..llama }
}

fn write(decoder: &Decoder) -> Value {
    let factor = match decoder.score_scale {
        ScoreScale::Width => 1.0 / (decoder.head_width as f64).sqrt(),
        ScoreScale::Root(of) => 1.0 / of.sqrt(),
        ScoreScale::Factor(factor) => factor,
    };
    let mut json = common(decoder);
    json.extend(object(json!({
        "architectures": ["GraniteForCausalLM"],
        "attention_bias": decoder.biases.qkv,
        "attention_multiplier": factor,
        "embedding_multiplier": decoder.embedding_scale,
        "hidden_act": "silu",
        "logits_scaling": 1.0 / decoder.logit_scale,
        "mlp_bias": decoder.biases.mlp,
        "model_type": "granite",
        "residual_multiplier": decoder.residual_scale,
        "rms_norm_eps": shortest(decoder.normal.epsilon),
    })));
    Value::Object(json)
}
