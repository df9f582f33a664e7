//! The units of a text.

use std::ops::Range;

use super::{Level, apart};
use crate::tokenizer::{Tokenizer, TokenizerError};
use crate::{steps, words};

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
        Level::Step => steps::steps(text).into_iter().map(|step| step.range).collect(),
        Level::Paragraph => steps::paragraphs(text),
        Level::Token => {
            let tokens = tokenizer.ok_or(UnitsError::NoTokenizer)?.encode(text)?;
            apart(text, tokens.into_iter().map(|token| token.span))
        }
    })
}

/// Returns what of each unit may give way to something else: a step's number or bullet stays where it is, as the
/// punctuation around a word does.
pub fn exchangeable(text: &str, units: Vec<Range<usize>>, level: Level) -> Vec<Range<usize>> {
    match level {
        Level::Step => steps::steps(text).into_iter().map(|step| step.body).collect(),
        Level::Word | Level::Token | Level::Sentence | Level::Paragraph => units,
    }
}

/// Writes something else in the place of some ranges of a text, which must be in order and apart.
pub fn exchanged<'t>(text: &str, pieces: impl IntoIterator<Item = (Range<usize>, &'t str)>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (range, piece) in pieces {
        out.push_str(&text[at..range.start]);
        out.push_str(piece);
        at = range.end;
    }
    out.push_str(&text[at..]);
    out
}

/// Returns a unit with what belongs to it where units are put together: the punctuation around a word.
pub(super) fn attached(text: &str, unit: &Range<usize>, level: Level) -> Range<usize> {
    if level != Level::Word {
        return unit.clone();
    }
    let before = text[..unit.start].char_indices().rev().find(|(_, c)| c.is_whitespace());
    let start = before.map_or(0, |(at, c)| at + c.len_utf8());
    let end = text[unit.end..].find(char::is_whitespace).map_or(text.len(), |at| unit.end + at);
    start..end
}
