//! A tokenizer as a file.

use super::{Artifact, ArtifactKind, CodecError, Parts};

/// The bytes of a Hugging Face `tokenizer.json`. Part: `tokenizer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizerFile {
    /// The file, as JSON.
    pub json: Vec<u8>,
}

impl Artifact for TokenizerFile {
    const KIND: ArtifactKind = ArtifactKind::Tokenizer;

    fn encode(&self) -> Parts {
        Parts::from([("tokenizer".to_owned(), self.json.clone())])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let missing = || CodecError::MissingPart { format: "tokenizer", part: "tokenizer".to_owned() };
        Ok(Self { json: parts.get("tokenizer").ok_or_else(missing)?.clone() })
    }
}
