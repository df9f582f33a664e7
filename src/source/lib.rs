//! Text with places: the files a person wrote, spans into them, the tree of values read from YAML, and diagnostics
//! that point back with a caret.
//!
//! [`Node`] keeps the span of every value and key, so that whoever rejects a value can say where it stands.
//! [`Diagnostics`] collects: all the errors of a file are reported together.

mod diagnostic;
mod node;
mod span;
mod yaml;

pub use diagnostic::{Diagnostic, Diagnostics, Style};
pub use node::{Key, Node, Value};
pub use span::{FileId, Sources, Span};
pub use yaml::{MAX_BYTES, read_yaml};

/// Returns the known name most like an unknown one, for `did you mean`; `None` when none is near.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|name| (strsim::jaro_winkler(unknown, name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
    (best.0 > 0.75).then_some(best.1)
}
