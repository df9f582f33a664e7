//! Keeping units by their place: the first, the last, every other.

use std::ops::Range;

use super::{Level, attached};

/// Keeps the units at some indices, which must rise. Units that stood beside each other stay as they stood, with all that
/// was between them; others are written as [`Level::between`] says. Punctuation against a word stays with it.
pub fn kept(text: &str, units: &[Range<usize>], indices: &[usize], level: Level) -> String {
    let mut out = String::new();
    for run in indices.chunk_by(|a, b| a + 1 == *b) {
        let (Some(&first), Some(&last)) = (run.first(), run.last()) else { continue };
        if !out.is_empty() {
            out.push_str(level.between());
        }
        let (first, last) = (attached(text, &units[first], level), attached(text, &units[last], level));
        out.push_str(&text[first.start..last.end]);
    }
    out
}
