//! How a guess is written: as YAML, a line for each field and why.

use serde_json::Value as Json;

use super::super::error::shown;

/// A field of the mapping with what speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) comment: String,
}

/// Writes a text as YAML has it: as it is where it is plain, else in quotes.
pub(super) fn quoted(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || (c == '.' && text.len() > 2));
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    // JSON's quotes are YAML's, but for what YAML does not allow even so.
    if plain && !word { text.to_owned() } else { printable(&Json::from(text).to_string(), true) }
}

/// Shows a value in a comment, cut, on one line.
pub(super) fn such(value: &Json) -> String {
    let text = shown(value);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("such as `{}`", printable(&text, false))
}

/// Replaces what YAML does not allow in a file.
fn printable(text: &str, escaped: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let unprintable = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        match (unprintable, escaped) {
            (false, _) => out.push(c),
            (true, true) => out += &format!("\\u{:04X}", u32::from(c)),
            (true, false) => out.push(' '),
        }
    }
    out
}

/// Lays lines out with their comments in a column where they are short enough.
pub(super) fn aligned(lines: &[Line], indent: &str) -> String {
    /// Lines that are longer have their comments where they end.
    const COLUMN_MAX: usize = 44;
    let text = |line: &Line| format!("{}: {}", line.key, line.value);
    let lengths = lines.iter().map(|line| text(line).chars().count()).filter(|length| *length <= COLUMN_MAX);
    let column = lengths.max().unwrap_or(0);
    lines.iter().map(|line| format!("{indent}{:<column$}    # {}\n", text(line), line.comment)).collect()
}
