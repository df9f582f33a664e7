//! A tokenizer read from, and written to, Hugging Face's `tokenizer.json`.

use std::ops::Range;
use std::str::FromStr;

use tokenizers::AddedToken;

use super::{Token, TokenizerError};
use crate::words::trimmed;

/// Hugging Face's tokenizer, without truncation, padding or tokens added around a text.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    size: usize,
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
        Ok(Self::new(inner))
    }

    pub(super) fn new(inner: tokenizers::Tokenizer) -> Self {
        let size = rows(&inner);
        Self { inner, size }
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
        let encoding = self.inner.encode(text, false).map_err(|error| TokenizerError::Encode {
            text: text.chars().take(60).collect(),
            why: error.to_string(),
        })?;
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
        let decoded = self.inner.decode(ids, false);
        decoded.map_err(|error| TokenizerError::Decode { count: ids.len(), why: error.to_string() })
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
