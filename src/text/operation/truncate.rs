//! Truncation: the beginning alone.

use std::ops::Range;

use super::Level;

/// Cuts a text off after its first `units_max` units; a shorter one stays as it is. Punctuation that stands against the
/// last word stays.
pub fn truncated(text: &str, units: &[Range<usize>], units_max: usize, level: Level) -> String {
    if units.len() <= units_max {
        return text.to_owned();
    }
    let Some(last) = units_max.checked_sub(1) else { return String::new() };
    let end = units[last].end;
    let rest = &text[end..];
    let attached = match level {
        Level::Word => rest.find(|c: char| c.is_whitespace() || c.is_alphanumeric()).unwrap_or(rest.len()),
        Level::Token | Level::Sentence | Level::Step | Level::Paragraph => 0,
    };
    text[..end + attached].to_owned()
}
