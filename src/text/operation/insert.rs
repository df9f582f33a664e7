//! Insertion: everything that was there, with something else between.

use std::ops::Range;

use super::{Level, attached};

/// Puts pieces between the units of a text. Each comes with the index of the unit that it is put before, or the number of
/// units where it is put behind the last; these must be in order.
pub fn inserted(text: &str, units: &[Range<usize>], pieces: &[(usize, &str)], level: Level) -> String {
    let between = level.between();
    let end = units.last().map_or(0, |last| attached(text, last, level).end);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (before, piece) in pieces {
        if let Some(unit) = units.get(*before) {
            let cut = attached(text, unit, level).start;
            out.push_str(&text[at..cut]);
            out.push_str(piece);
            out.push_str(between);
            at = cut;
        } else {
            out.push_str(&text[at..end.max(at)]);
            if !out.is_empty() {
                out.push_str(between);
            }
            out.push_str(piece);
            at = end.max(at);
        }
    }
    out.push_str(&text[at..]);
    out
}
