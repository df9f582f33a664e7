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
mod size;
#[cfg(test)]
mod tests;
mod written;

use serde_json::Value;

pub(super) use self::fields::Fields;
pub use self::size::Size;
use super::decoder::{Decoder, Names};
use super::error::ConfigError;

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
