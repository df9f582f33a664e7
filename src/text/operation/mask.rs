//! Masking: less information, in the same order.

use std::ops::Range;

use super::exchanged;

/// The default mask token.
pub const MASK: &str = "[MASK]";

/// Puts a mask in the place of the chosen units, which must be in order and apart; `None` deletes each with the white
/// space before it, and a text of which only punctuation is left altogether.
///
/// Punctuation around a word stays, as in the paper's examples: `nerds, which` becomes `[MASK], [MASK]`.
pub fn masked(text: &str, chosen: impl Iterator<Item = Range<usize>>, with: Option<&str>) -> String {
    match with {
        Some(mask) => exchanged(text, chosen.map(|range| (range, mask))),
        None => deleted(text, chosen),
    }
}

/// Returns the units that are one of some words, whatever their case.
pub fn listed<'a>(text: &'a str, units: &'a [Range<usize>], words: &[String]) -> impl Iterator<Item = Range<usize>> {
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    units.iter().filter(move |range| words.contains(&text[(*range).clone()].to_lowercase())).cloned()
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
