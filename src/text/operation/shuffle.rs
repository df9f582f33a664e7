//! Shuffling: the same information, in no order.

use std::ops::Range;

use crate::fingerprint::{ContentHash, Draw, Term};

use super::Level;

/// Puts a rationale's units in random order.
///
/// Words and sentences change places, while punctuation around words and white space stay where they are. Tokens are
/// written apart, one space between them, as in the paper's example of shuffled attributed tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shuffle {
    /// What a unit is.
    pub level: Level,
}

impl ContentHash for Shuffle {
    fn term(&self) -> Term {
        let Self { level } = self;
        Term::record([("level", level.term())])
    }
}

impl Shuffle {
    pub(super) fn apply(self, text: &str, units: &[Range<usize>], draw: &mut Draw) -> String {
        let mut pieces: Vec<&str> = units.iter().map(|range| &text[range.clone()]).collect();
        draw.shuffle(&mut pieces);
        if self.level == Level::Token {
            return pieces.join(" ");
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (range, piece) in units.iter().zip(pieces) {
            out.push_str(&text[at..range.start]);
            out.push_str(piece);
            at = range.end;
        }
        out.push_str(&text[at..]);
        out
    }
}
