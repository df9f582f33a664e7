//! Shuffling: the same information, in no order, or with some of it out of order.

use std::ops::Range;

use super::{Level, exchangeable, exchanged};
use crate::Fraction;
use retort_fingerprint::Draw;

/// Puts the units of a text in random order.
///
/// Units change places, while punctuation around words, the numbers and bullets of steps, and white space stay where they
/// are. Tokens are written apart, one space between them, as in the paper's example of shuffled attributed tokens.
pub fn shuffled(text: &str, units: &[Range<usize>], level: Level, draw: &mut Draw) -> String {
    let places = exchangeable(text, units.to_vec(), level);
    let mut pieces: Vec<&str> = places.iter().map(|range| &text[range.clone()]).collect();
    draw.shuffle(&mut pieces);
    arranged(text, &places, &pieces, level)
}

/// Lets a fraction of the units change places among themselves: each of them goes to the place of another of them. What
/// changes places at a small fraction does so at a larger one. Where the fraction comes to one unit, which could not move, two
/// change places. The only unit of a text stays where it is.
pub fn partly_shuffled(
    text: &str,
    units: &[Range<usize>],
    fraction: Fraction,
    level: Level,
    draw: &mut Draw,
) -> String {
    let places = exchangeable(text, units.to_vec(), level);
    let count = match fraction.of(places.len()) {
        1 => places.len().min(2),
        count => count,
    };
    let chosen = draw.sample(places.len(), count);
    let mut from = chosen.clone();
    // Sattolo's algorithm: a random order in which all are moved round one cycle, so that none stays.
    for last in (1..from.len()).rev() {
        from.swap(last, draw.below(last));
    }
    let mut pieces: Vec<&str> = places.iter().map(|range| &text[range.clone()]).collect();
    for (to, from) in chosen.into_iter().zip(from) {
        pieces[to] = &text[places[from].clone()];
    }
    arranged(text, &places, &pieces, level)
}

/// Writes pieces into the places of a text, of which there are as many; tokens one space apart.
pub(super) fn arranged(text: &str, places: &[Range<usize>], pieces: &[&str], level: Level) -> String {
    if level == Level::Token {
        return pieces.join(" ");
    }
    exchanged(text, places.iter().cloned().zip(pieces.iter().copied()))
}
