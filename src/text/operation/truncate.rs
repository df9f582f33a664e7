//! Truncation: the beginning alone.

use std::ops::Range;

use crate::fingerprint::{ContentHash, Term};

use super::Level;

/// Cuts a rationale off after its first units. Punctuation that stands against the last word stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncate {
    /// The largest number of units that stay; a shorter rationale stays as it is.
    pub units_max: usize,
    /// What a unit is.
    pub level: Level,
}

impl ContentHash for Truncate {
    fn term(&self) -> Term {
        let Self { units_max, level } = self;
        Term::record([("units_max", units_max.term()), ("level", level.term())])
    }
}

impl Truncate {
    pub(super) fn apply(self, text: &str, units: &[Range<usize>]) -> String {
        if units.len() <= self.units_max {
            return text.to_owned();
        }
        let Some(last) = self.units_max.checked_sub(1) else { return String::new() };
        let end = units[last].end;
        let rest = &text[end..];
        let attached = match self.level {
            Level::Word => rest.find(|c: char| c.is_whitespace() || c.is_alphanumeric()).unwrap_or(rest.len()),
            Level::Token | Level::Sentence => 0,
        };
        text[..end + attached].to_owned()
    }
}
