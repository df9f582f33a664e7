//! Shuffling: the same information, in no order.

use std::ops::Range;

use super::Level;
use retort_fingerprint::Draw;

/// Puts the units of a text in random order.
///
/// Words and sentences change places, while punctuation around words and white space stay where they are. Tokens are
/// written apart, one space between them, as in the paper's example of shuffled attributed tokens.
pub fn shuffled(text: &str, units: &[Range<usize>], level: Level, draw: &mut Draw) -> String {
    let mut pieces: Vec<&str> = units.iter().map(|range| &text[range.clone()]).collect();
    draw.shuffle(&mut pieces);
    if level == Level::Token {
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
