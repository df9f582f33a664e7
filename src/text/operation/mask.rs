//! Masking: less information, in the same order.

use std::ops::Range;

use crate::fingerprint::{ContentHash, Draw, Term};
use crate::text::Fraction;

use super::Level;

/// The default mask token.
pub const MASK: &str = "[MASK]";

/// Masks a share of a rationale's units at random. Their number is exact: the fraction of all units, rounded.
///
/// Punctuation around a word stays, as in the paper's examples: `nerds, which` becomes `[MASK], [MASK]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// The share of units that are masked.
    pub fraction: Fraction,
    /// What a unit is.
    pub level: Level,
    /// What stands in a unit's place; `None` deletes the unit and the white space before it, and a rationale of which
    /// only punctuation is left altogether.
    pub with: Option<String>,
}

impl ContentHash for Mask {
    fn term(&self) -> Term {
        let Self { fraction, level, with } = self;
        Term::record([("fraction", fraction.term()), ("level", level.term()), ("with", with.term())])
    }
}

impl Mask {
    pub(super) fn apply(&self, text: &str, units: &[Range<usize>], draw: &mut Draw) -> String {
        let chosen = draw.sample(units.len(), self.fraction.of(units.len()));
        let chosen = chosen.into_iter().map(|index| units[index].clone());
        match &self.with {
            Some(mask) => replaced(text, chosen, mask),
            None => deleted(text, chosen),
        }
    }
}

fn replaced(text: &str, chosen: impl Iterator<Item = Range<usize>>, mask: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in chosen {
        out.push_str(&text[at..range.start]);
        out.push_str(mask);
        at = range.end;
    }
    out.push_str(&text[at..]);
    out
}

/// Takes units out, each with the white space before it, except where that would glue a letter to a letter.
fn deleted(text: &str, chosen: impl Iterator<Item = Range<usize>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in chosen {
        out.push_str(&text[at..range.start]);
        if !text[range.end..].starts_with(char::is_alphanumeric) {
            out.truncate(out.trim_end().len());
        }
        at = range.end;
    }
    out.push_str(&text[at..]);
    if at > 0 && !out.contains(char::is_alphanumeric) {
        return String::new();
    }
    out.trim().to_owned()
}
