//! The architectures: how each reads and writes its Hugging Face `config.json`, and what it calls its tensors.
//!
//! One file for each, which ends in a [`Family`]. All come down to the same [`Decoder`], so that nothing outside this folder
//! knows which is which. To add one, write its file, and name it in [`Architecture`] and in `Architecture::family`.

mod family;
mod fields;
mod gemma;
mod gemma2;
mod gemma3;
mod gpt2;
mod gpt_neox;
mod granite;
mod llama;
mod mistral;
mod olmo2;
mod opt;
mod phi;
mod phi3;
mod qwen2;
mod qwen3;
mod rope;
mod size;
mod smollm3;
#[cfg(test)]
mod tests;
mod unsupported;
mod windows;
mod written;

use retort_fingerprint::Words;
use serde_json::Value;

use self::family::Family;
pub(super) use self::fields::Fields;
pub use self::size::Size;
pub(super) use self::unsupported::missing;
use super::decoder::Decoder;
use super::error::ConfigError;
use super::tensors::Names;

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
    /// Qwen 1.5, 2 and 2.5 (Yang et al. 2024).
    Qwen2,
    /// Qwen 3 (Yang et al. 2025).
    Qwen3,
    /// GPT-NeoX (Black et al. 2022), the architecture of Pythia (Biderman et al. 2023).
    GptNeox,
    /// Phi 3, 3.5 and 4 mini (Abdin et al. 2024).
    Phi3,
    /// `SmolLM3` (Bakouch et al. 2025).
    Smollm3,
    /// OLMo 2 (OLMo Team 2025).
    Olmo2,
    /// Gemma 2 (Gemma Team 2024).
    Gemma2,
    /// Gemma 3 (Gemma Team 2025), the models that read text alone.
    Gemma3,
    /// OPT (Zhang et al. 2022).
    Opt,
    /// Granite 3 (Granite Team 2024).
    Granite,
}

retort_fingerprint::words!(Architecture {
    Gpt2 = "gpt2",
    Phi = "phi",
    Gemma = "gemma",
    Llama = "llama",
    Mistral = "mistral",
    Qwen2 = "qwen2",
    Qwen3 = "qwen3",
    GptNeox = "gpt_neox",
    Phi3 = "phi3",
    Smollm3 = "smollm3",
    Olmo2 = "olmo2",
    Gemma2 = "gemma2",
    Gemma3 = "gemma3_text",
    Opt = "opt",
    Granite = "granite",
});

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 15] = [
        Self::Gpt2,
        Self::Phi,
        Self::Gemma,
        Self::Llama,
        Self::Mistral,
        Self::Qwen2,
        Self::Qwen3,
        Self::GptNeox,
        Self::Phi3,
        Self::Smollm3,
        Self::Olmo2,
        Self::Gemma2,
        Self::Gemma3,
        Self::Opt,
        Self::Granite,
    ];

    fn family(self) -> &'static Family {
        match self {
            Self::Gpt2 => &gpt2::FAMILY,
            Self::Phi => &phi::FAMILY,
            Self::Gemma => &gemma::FAMILY,
            Self::Llama => &llama::FAMILY,
            Self::Mistral => &mistral::FAMILY,
            Self::Qwen2 => &qwen2::FAMILY,
            Self::Qwen3 => &qwen3::FAMILY,
            Self::GptNeox => &gpt_neox::FAMILY,
            Self::Phi3 => &phi3::FAMILY,
            Self::Smollm3 => &smollm3::FAMILY,
            Self::Olmo2 => &olmo2::FAMILY,
            Self::Gemma2 => &gemma2::FAMILY,
            Self::Gemma3 => &gemma3::FAMILY,
            Self::Opt => &opt::FAMILY,
            Self::Granite => &granite::FAMILY,
        }
    }

    /// Its `model_type` in Hugging Face.
    pub fn name(self) -> &'static str {
        self.word()
    }

    /// Whether several query heads may share a head of keys and values.
    pub fn shares_keys(self) -> bool {
        self.family().groups
    }

    pub(super) fn read(self, fields: &Fields<'_>) -> Result<Decoder, ConfigError> {
        let decoder = (self.family().read)(fields)?;
        fields.check(&decoder)?;
        Ok(decoder)
    }

    pub(super) fn write(self, decoder: &Decoder) -> Value {
        (self.family().write)(decoder)
    }

    pub(super) fn fresh(self, size: Size) -> Decoder {
        (self.family().fresh)(size)
    }

    pub(crate) fn names(self) -> &'static Names {
        self.family().names
    }
}
