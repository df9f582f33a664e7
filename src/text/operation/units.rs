//! The units of a rationale.

use std::ops::Range;

use super::{Level, OperationError};
use crate::artifact::Rationale;
use crate::text::tokenizer::Tokenizer;
use crate::text::words;

/// Returns the byte ranges of the units: in order, apart from each other, none empty or of nothing but white space.
pub(super) fn units(
    rationale: &Rationale,
    level: Level,
    tokenizer: Option<&Tokenizer>,
) -> Result<Vec<Range<usize>>, OperationError> {
    let Rationale { id, text, .. } = rationale;
    Ok(match level {
        Level::Word => words::words(text),
        Level::Sentence => words::sentences(text),
        Level::Token => {
            let tokenizer = tokenizer.ok_or_else(|| OperationError::NoTokenizer { id: id.clone() })?;
            let tokens =
                tokenizer.encode(text).map_err(|source| OperationError::Tokenizer { id: id.clone(), source })?;
            apart(text, tokens.into_iter().map(|token| token.span))
        }
    })
}

/// Takes ranges that overlap, as those of tokens within one character do, as one, and leaves blank ones out. The ranges
/// must be in the order of their starts.
pub(super) fn apart(text: &str, ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !text[range.clone()].trim().is_empty()) {
        match apart.last_mut().filter(|last| range.start < last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => apart.push(range),
        }
    }
    apart
}
