//! A tokenizer read from, and written to, Hugging Face's `tokenizer.json`.

use std::ops::Range;
use std::str::FromStr;

use serde_json::{Map, Value as Json, json};
use tokenizers::{AddedToken, PostProcessorWrapper};

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
        let text = str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
            .map_err(|error| why(error.to_string()))?;
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
    /// are there. A token that the tokenizer has already keeps its id. Returns the ids of those that it had not.
    ///
    /// Each is one position wherever it stands: it takes in the white space before it, as the mask token of published
    /// tokenizers does, so that `a [MASK] b` has three tokens and no lone space between them. Tokenizers that put a space
    /// of their own before each piece of text (the first Llama's) would write two behind such a token; there it takes in
    /// the white space behind it as well.
    pub fn add_special(&mut self, tokens: &[&str]) -> Result<Vec<u32>, TokenizerError> {
        let mut new = Vec::new();
        for &token in tokens {
            if token.trim().is_empty() {
                return Err(TokenizerError::Add { token: token.to_owned(), why: "it is blank".into() });
            }
            let was_there = self.id(token).is_some();
            self.add_one(token, false)?;
            let count = |text: &str| self.encode(text).map(|tokens| tokens.len());
            if count(&format!("a {token} a"))? > count("a a")? + 1 {
                self.add_one(token, true)?;
            }
            if let Some(id) = self.id(token).filter(|_| !was_there) {
                new.push(id);
            }
        }
        self.size = rows(&self.inner);
        Ok(new)
    }

    /// Adds a token, or changes it, so that it takes in the white space before it and, if said so, behind it.
    fn add_one(&mut self, token: &str, behind: bool) -> Result<(), TokenizerError> {
        let added = AddedToken::from(token, true).normalized(false).lstrip(true).rstrip(behind);
        let added = self.inner.add_special_tokens([added]);
        added.map(|_| ()).map_err(|error| TokenizerError::Add { token: token.to_owned(), why: error.to_string() })
    }

    /// Returns the tokens that the tokenizer itself puts before a text: what its post-processor adds there, such as `<s>`.
    pub fn begin(&self) -> Result<Vec<String>, TokenizerError> {
        let text = "a";
        let encoding = self.inner.encode(text, true).map_err(|error| encode_error(text, &error))?;
        let added = encoding.get_special_tokens_mask().iter().take_while(|special| **special == 1).count();
        let spell = |id: &u32| {
            self.token(*id).ok_or_else(|| TokenizerError::Read {
                why: format!("its post-processor puts the token {id} before a text, which it does not have"),
            })
        };
        encoding.get_ids()[..added].iter().map(spell).collect()
    }

    /// Makes the tokenizer put exactly these tokens before a text and nothing behind it, whatever it did before, so that
    /// everyone who reads its file asks as it was taught.
    pub fn set_begin(&mut self, tokens: &[String]) -> Result<(), TokenizerError> {
        let wrong = |error: serde_json::Error| TokenizerError::Write { why: error.to_string() };
        let old = serde_json::to_value(self.inner.get_post_processor()).map_err(wrong)?;
        let parts = match &old["processors"] {
            Json::Array(parts) => parts.clone(),
            _ => vec![old],
        };
        // What only trims places stays.
        let mut parts: Vec<Json> = parts.into_iter().filter(|part| part["type"] == "ByteLevel").collect();
        if !tokens.is_empty() {
            parts.push(self.template(tokens)?);
        }
        let new = match parts.len() {
            0 => None,
            1 => parts.pop(),
            _ => Some(json!({ "type": "Sequence", "processors": parts })),
        };
        let new: Option<PostProcessorWrapper> = new.map(serde_json::from_value).transpose().map_err(wrong)?;
        self.inner.with_post_processor(new);
        Ok(())
    }

    /// A post-processor that puts tokens before a text, and before each of a pair.
    fn template(&self, tokens: &[String]) -> Result<Json, TokenizerError> {
        let mut special = Map::new();
        for token in tokens {
            let id = self.id(token).ok_or_else(|| TokenizerError::Add {
                token: token.clone(),
                why: "it cannot stand before texts, since the vocabulary does not have it".into(),
            })?;
            special.insert(token.clone(), json!({ "id": token, "ids": [id], "tokens": [token] }));
        }
        let one = |text: &str, of: usize| {
            let before = tokens.iter().map(|token| json!({ "SpecialToken": { "id": token, "type_id": of } }));
            before.chain([json!({ "Sequence": { "id": text, "type_id": of } })]).collect::<Vec<_>>()
        };
        let pair = [one("A", 0), one("B", 1)].concat();
        Ok(json!({
            "type": "TemplateProcessing",
            "single": one("A", 0),
            "pair": pair,
            "special_tokens": special,
        }))
    }

    /// Returns the id of a token as the vocabulary spells it, such as `[FIN_LABEL]` or `ĠB`.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Says whether a token is one that was added to the vocabulary, and is never split.
    pub fn is_added(&self, token: &str) -> bool {
        self.inner.get_added_vocabulary().get_vocab().contains_key(token)
    }

    /// Returns a token as the vocabulary spells it.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Encodes a text; nothing is added at its ends.
    pub fn encode(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        if !self.encoding.allows(text.len()) {
            let why = format!("its normalizer can make more than {TEXT_BYTES_MAX} bytes of the text");
            return Err(TokenizerError::Encode { text: text.chars().take(60).collect(), why });
        }
        let encoding = self.inner.encode(text, false).map_err(|error| encode_error(text, &error))?;
        let token = |(&id, &(start, end)): (&u32, &(usize, usize))| Token { id, span: span(text, start, end) };
        Ok(encoding.get_ids().iter().zip(encoding.get_offsets()).map(token).collect())
    }

    /// Encodes a text and returns the ids alone.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        Ok(self.encode(text)?.into_iter().map(|token| token.id).collect())
    }

    /// Encodes a text and one that follows it: the ids of the first, and the tokens of the second with their places in it.
    ///
    /// Tokenizers like SentencePiece put a `▁` before a text that stands alone, so that the second has the tokens it has in
    /// the whole, as in lm-evaluation-harness. Where a token of the whole lies across the border, nobody who is asked with
    /// the first could write the second so; then it has the tokens that it has alone.
    pub fn encode_pair(&self, first: &str, second: &str) -> Result<(Vec<u32>, Vec<Token>), TokenizerError> {
        let before = self.ids(first)?;
        let mut whole = self.encode(&format!("{first}{second}"))?;
        if whole.len() < before.len() || whole.iter().zip(&before).any(|(token, id)| token.id != *id) {
            return Ok((before, self.encode(second)?));
        }
        let mut behind = whole.split_off(before.len());
        for Token { span, .. } in &mut behind {
            *span = span.start.saturating_sub(first.len())..span.end.saturating_sub(first.len());
        }
        Ok((before, behind))
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

fn encode_error(text: &str, error: &tokenizers::Error) -> TokenizerError {
    TokenizerError::Encode { text: text.chars().take(60).collect(), why: error.to_string() }
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
