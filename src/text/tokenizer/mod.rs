//! Text to token ids with their places, and back.
//!
//! A [`Tokenizer`] is Hugging Face's `tokenizer.json`, read from bytes and written back to bytes. [`train_bpe`] makes
//! one out of texts in the layout of GPT-2's: bytes as letters, GPT-2's pattern for the pieces that merges stay within,
//! no normaliser. The same texts give the same bytes on every machine and with any number of threads. The trainer of
//! the `tokenizers` crate promises no such thing: it may queue one pair several times, each with part of its places,
//! in the order of a randomly seeded map.

mod bpe;
mod file;
mod likeness;
mod soundness;

use std::ops::Range;

pub use bpe::train_bpe;
pub use file::Tokenizer;

/// One token of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number in the vocabulary.
    pub id: u32,
    /// The bytes of the text it stands for, without white space at their ends; a token of nothing but white space has
    /// all of its own. Tokens that share one character, as emoji often do, all have the whole character.
    pub span: Range<usize>,
}

/// A tokenizer that cannot be read, made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenizerError {
    /// The bytes are no `tokenizer.json`.
    #[error("cannot read the tokenizer: {why}")]
    Read {
        /// What the parser said.
        why: String,
    },
    /// The tokenizer cannot be written as JSON.
    #[error("cannot write the tokenizer: {why}")]
    Write {
        /// What the writer said.
        why: String,
    },
    /// A token cannot be added.
    #[error("cannot add the token `{token}` to the tokenizer: {why}")]
    Add {
        /// The token.
        token: String,
        /// Why not.
        why: String,
    },
    /// Text cannot be encoded.
    #[error("cannot encode `{text}`: {why}")]
    Encode {
        /// The text, cut to 60 characters.
        text: String,
        /// What the tokenizer said.
        why: String,
    },
    /// Ids cannot be decoded.
    #[error("cannot decode {count} token ids: {why}")]
    Decode {
        /// How many there are.
        count: usize,
        /// What the tokenizer said.
        why: String,
    },
    /// A vocabulary has no room for what it must hold.
    #[error("cannot train a tokenizer with a vocabulary of {asked}: its 256 bytes and its special tokens need {least}")]
    Vocabulary {
        /// The size that was asked for.
        asked: usize,
        /// The least size.
        least: usize,
    },
}

#[cfg(test)]
mod tests;
