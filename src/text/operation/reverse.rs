//! Reversing: the same information, from its end to its beginning.

use std::ops::Range;

use super::shuffle::arranged;
use super::{Level, exchangeable};

/// Puts the units of a text in the opposite order. What stays where it is, and how tokens are written, is as with
/// [`shuffled`](super::shuffled).
pub fn reversed(text: &str, units: &[Range<usize>], level: Level) -> String {
    let places = exchangeable(text, units.to_vec(), level);
    let pieces: Vec<&str> = places.iter().rev().map(|range| &text[range.clone()]).collect();
    arranged(text, &places, &pieces, level)
}
