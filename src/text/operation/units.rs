//! The units of a text.

use std::ops::Range;

use super::{Level, apart};
use crate::tokenizer::{Tokenizer, TokenizerError};
use crate::words;

/// Units that cannot be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitsError {
    /// The level is `token`, and there is no tokenizer.
    #[error("no tokenizer is given; name one as `tokenizer`, or use the level `word`")]
    NoTokenizer,
    /// The tokenizer refuses the text.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Returns the byte ranges of the units: in order, apart from each other, none empty or of nothing but white space.
pub fn units(text: &str, level: Level, tokenizer: Option<&Tokenizer>) -> Result<Vec<Range<usize>>, UnitsError> {
    Ok(match level {
        Level::Word => words::words(text),
        Level::Sentence => words::sentences(text),
        Level::Token => {
            let tokens = tokenizer.ok_or(UnitsError::NoTokenizer)?.encode(text)?;
            apart(text, tokens.into_iter().map(|token| token.span))
        }
    })
}
