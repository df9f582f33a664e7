//! A tokenizer as a file.

use super::codec::bytes_of;
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
        Parts::from([("tokenizer".to_owned(), self.json.clone().into())])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        Ok(Self { json: bytes_of(parts, "tokenizer", "tokenizer")?.to_vec() })
    }
}
