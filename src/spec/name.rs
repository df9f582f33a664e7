//! What things may be called.

use retort_source::{Diagnostic, Key};

/// Names that would read as something else.
const RESERVED: &[&str] = &["use"];

/// Says what is wrong with the name of a stage, axis, model, fragment or experiment.
///
/// Names stand in file names, on command lines and in `stage[axis=value]`, so they are kept plain.
pub(super) fn wrong(what: &str, name: &Key) -> Option<Diagnostic> {
    let text = name.text.as_str();
    if RESERVED.contains(&text) {
        return Some(Diagnostic::at(name.span, format!("{what} cannot be called `{text}`, which is a reserved word")));
    }
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    let starts = text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_');
    if starts && text.chars().all(plain) && text.len() <= 100 {
        return None;
    }
    let message = format!("{what} cannot be called `{text}`");
    let expected = "expected up to 100 of a-z A-Z 0-9 _ - . and one of a-z A-Z 0-9 _ at the start";
    Some(Diagnostic::at(name.span, message).label(expected))
}

/// Says `did you mean` where a known name is near.
pub(super) fn near<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    retort_source::nearest(unknown, known).map(|name| format!("did you mean `{name}`?"))
}

/// Lists names for the label of an error, the first dozen.
pub(super) fn list<'a>(known: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = known.into_iter().take(13).collect();
    if names.is_empty() {
        return "none is declared".into();
    }
    if names.len() > 12 {
        names[12] = "…";
    }
    format!("known: {}", names.join(", "))
}
