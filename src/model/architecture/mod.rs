//! The architectures: how each reads and writes its Hugging Face `config.json`, and what it calls its tensors.
//!
//! One file for each. All come down to the same [`Decoder`], so that nothing outside this folder knows which is which.

mod fields;
mod gemma;
mod gpt2;
mod llama;
mod mistral;
mod phi;
mod rope;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub(super) use self::fields::Fields;
use super::config::ConfigError;
use super::decoder::{Decoder, Names};

/// An architecture that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// GPT-2 (Radford et al. 2019).
    Gpt2,
    /// Phi 1, 1.5 and 2 (Li et al. 2023).
    Phi,
    /// Gemma (Gemma Team 2024), the first generation.
    Gemma,
    /// Llama (Touvron et al. 2023) in all its generations that transformers calls `llama`.
    Llama,
    /// Mistral (Jiang et al. 2023).
    Mistral,
}

retort_fingerprint::words!(Architecture { Gpt2 = "gpt2", Phi = "phi", Gemma = "gemma", Llama = "llama", Mistral = "mistral" });

/// The sizes of a model that is started from scratch; all else is the architecture's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// Largest number of positions.
    pub context: usize,
    /// Width of the residual stream; a multiple of `heads`.
    pub d_model: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads, which divides `heads`; the architecture's habit where it is not given.
    pub kv_heads: Option<usize>,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 5] = [Self::Gpt2, Self::Phi, Self::Gemma, Self::Llama, Self::Mistral];

    /// Its `model_type` in Hugging Face.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::Phi => "phi",
            Self::Gemma => "gemma",
            Self::Llama => "llama",
            Self::Mistral => "mistral",
        }
    }

    pub(super) fn read(self, fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
        let decoder = match self {
            Self::Gpt2 => gpt2::read(fields),
            Self::Phi => phi::read(fields),
            Self::Gemma => gemma::read(fields),
            Self::Llama => llama::read(fields),
            Self::Mistral => mistral::read(fields),
        }?;
        fields.check(&decoder)?;
        Ok(decoder)
    }

    pub(super) fn write(self, decoder: &Decoder) -> Value {
        match self {
            Self::Gpt2 => gpt2::write(decoder),
            Self::Phi => phi::write(decoder),
            Self::Gemma => gemma::write(decoder),
            Self::Llama => llama::write(decoder),
            Self::Mistral => mistral::write(decoder),
        }
    }

    pub(super) fn fresh(self, size: Size) -> Decoder {
        match self {
            Self::Gpt2 => gpt2::fresh(size),
            Self::Phi => phi::fresh(size),
            Self::Gemma => gemma::fresh(size),
            Self::Llama => llama::fresh(size),
            Self::Mistral => mistral::fresh(size),
        }
    }

    pub(crate) fn names(self) -> &'static Names {
        match self {
            Self::Gpt2 => &gpt2::NAMES,
            Self::Phi => &phi::NAMES,
            Self::Gemma | Self::Llama | Self::Mistral => &llama::NAMES,
        }
    }
}

/// The sizes that all but GPT-2 spell alike. `kv_heads` is how many heads of keys and values there are where the file does
/// not say, as transformers has it; one for each head without such a number, and where the file says null.
fn size(fields: &Fields<'_>, kv_heads: Option<usize>) -> Result<Size, ConfigError> {
    let heads = fields.count("num_attention_heads")?;
    Ok(Size {
        vocab_size: fields.count("vocab_size")?,
        context: fields.count("max_position_embeddings")?,
        d_model: fields.count("hidden_size")?,
        layers: fields.count("num_hidden_layers")?,
        heads,
        kv_heads: Some(match fields.optional_count("num_key_value_heads")? {
            Some(count) => count,
            None if fields.json.get("num_key_value_heads").is_some() => heads,
            None => kv_heads.unwrap_or(heads),
        }),
    })
}

/// The keys that all but GPT-2 write alike.
fn common(decoder: &Decoder) -> Map<String, Value> {
    let mut json = object(json!({
        "attention_dropout": decoder.dropout.attention,
        "bos_token_id": decoder.bos_token_id,
        "eos_token_id": one_or_many(&decoder.eos_token_ids),
        "hidden_size": decoder.d_model,
        "initializer_range": decoder.initializer_range,
        "intermediate_size": decoder.inner,
        "max_position_embeddings": decoder.context,
        "num_attention_heads": decoder.heads,
        "num_hidden_layers": decoder.layers,
        "num_key_value_heads": decoder.kv_heads,
        "tie_word_embeddings": decoder.tied,
        "torch_dtype": "float32",
        "vocab_size": decoder.vocab_size,
    }));
    if let Some(rotary) = &decoder.rotary {
        rope::write(rotary, &mut json);
    }
    json
}

fn object(json: Value) -> Map<String, Value> {
    match json {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// One id as such, several as a list, none as null.
fn one_or_many(ids: &[u32]) -> Value {
    match ids {
        [] => Value::Null,
        [id] => json!(id),
        ids => json!(ids),
    }
}

/// The shortest decimal number that reads back as `x`.
fn shortest(x: f32) -> Value {
    x.to_string().parse::<f64>().map_or(Value::Null, |x| json!(x))
}
