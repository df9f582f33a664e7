//! A tokenizer read from, and written to, Hugging Face's `tokenizer.json`.

use std::ops::Range;
use std::str::FromStr;

use tokenizers::AddedToken;

use super::soundness::{self, Growth, TEXT_BYTES_MAX};
use super::{Token, TokenizerError};
use crate::words::trimmed;

/// Hugging Face's tokenizer, without truncation, padding or tokens added around a text.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    size: usize,
    /// How long its normalizer can make a text.
    encoding: Growth,
    /// How long its decoder can make one.
    decoding: Growth,
}

impl Tokenizer {
    /// Reads the bytes of a `tokenizer.json`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let why = |why: String| TokenizerError::Read { why };
        let text = str::from_utf8(bytes).map_err(|error| why(error.to_string()))?;
        let mut inner = tokenizers::Tokenizer::from_str(text).map_err(|error| why(error.to_string()))?;
        // A file may carry settings of whoever saved it; how long a text may be is for the student to say.
        inner.with_truncation(None).map_err(|error| why(error.to_string()))?;
        inner.with_padding(None);
        soundness::chance(inner.get_model()).map_or(Ok(Self::new(inner)), |said| Err(why(said)))
    }

    pub(super) fn new(inner: tokenizers::Tokenizer) -> Self {
        let size = rows(&inner);
        let growth = |part: Option<serde_json::Value>| part.as_ref().map_or(Growth::NONE, Growth::of);
        let encoding = growth(inner.get_normalizer().and_then(|part| serde_json::to_value(part).ok()));
        let decoding = growth(inner.get_decoder().and_then(|part| serde_json::to_value(part).ok()));
        Self { inner, size, encoding, decoding }
    }

    /// Writes the bytes of a `tokenizer.json`; equal tokenizers give equal bytes.
    pub fn to_json(&self) -> Result<Vec<u8>, TokenizerError> {
        let written = self.inner.to_string(false);
        written.map(String::into_bytes).map_err(|error| TokenizerError::Write { why: error.to_string() })
    }

    /// Returns the number of rows that a table of embeddings needs: one more than the largest id.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Adds tokens that are never split and never merged with what surrounds them, in their order, behind the ids that
    /// are there. A token that the tokenizer has already keeps its id. Returns by how much [`size`](Self::size) grew.
    pub fn add_special(&mut self, tokens: &[&str]) -> Result<usize, TokenizerError> {
        let before = self.size;
        for &token in tokens {
            let fail = |why: String| TokenizerError::Add { token: token.to_owned(), why };
            if token.trim().is_empty() {
                return Err(fail("it is blank".into()));
            }
            let added = AddedToken::from(token, true).normalized(false);
            self.inner.add_special_tokens([added]).map_err(|error| fail(error.to_string()))?;
        }
        self.size = rows(&self.inner);
        Ok(self.size - before)
    }

    /// Returns the id of a token as the vocabulary spells it, such as `[FIN_LABEL]` or `ĠB`.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Returns a token as the vocabulary spells it.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Encodes a text; nothing is added at its ends.
    pub fn encode(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        let fail = |why: String| TokenizerError::Encode { text: text.chars().take(60).collect(), why };
        if !self.encoding.allows(text.len()) {
            return Err(fail(format!("its normalizer can make more than {TEXT_BYTES_MAX} bytes of the text")));
        }
        let encoding = self.inner.encode(text, false).map_err(|error| fail(error.to_string()))?;
        let token = |(&id, &(start, end)): (&u32, &(usize, usize))| Token { id, span: span(text, start, end) };
        Ok(encoding.get_ids().iter().zip(encoding.get_offsets()).map(token).collect())
    }

    /// Encodes a text and returns the ids alone.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        Ok(self.encode(text)?.into_iter().map(|token| token.id).collect())
    }

    /// Decodes ids, special tokens included; ids that the vocabulary lacks are left out, and bytes that are not UTF-8
    /// become `�`.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        let fail = |why: String| TokenizerError::Decode { count: ids.len(), why };
        // Few tokens are longer than this, and few decoders make text longer at all.
        if !self.decoding.allows(ids.len() * 1024) {
            let bytes = ids.iter().filter_map(|id| self.token(*id)).map(|token| token.len()).sum();
            if !self.decoding.allows(bytes) {
                return Err(fail(format!("its decoder can make more than {TEXT_BYTES_MAX} bytes of them")));
            }
        }
        let decoded = self.inner.decode(ids, false);
        decoded.map_err(|error| fail(error.to_string()))
    }

    pub(super) fn inner(&self) -> &tokenizers::Tokenizer {
        &self.inner
    }
}

fn rows(tokenizer: &tokenizers::Tokenizer) -> usize {
    tokenizer.get_vocab(true).into_values().max().map_or(0, |last| last as usize + 1)
}

/// Widens a range to whole characters, then takes white space off its ends unless there is nothing else.
fn span(text: &str, start: usize, end: usize) -> Range<usize> {
    let start = text.floor_char_boundary(start.min(text.len()));
    let end = text.ceil_char_boundary(end.clamp(start, text.len()));
    let inner = trimmed(text, start..end);
    if inner.is_empty() { start..end } else { inner }
}
