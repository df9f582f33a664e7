//! What people marked in rationales: which words matter to the answer.
//!
//! | format | a file is |
//! |---|---|
//! | [`Format::Jsonl`] | JSON lines, or one array, of `{id, annotator, words}` or `{id, annotator, spans}` |
//! | [`Format::Thresh`] | what <https://thresh.tools> exports: one list of entries with their edits |
//!
//! An annotation marks *words* by what they are, or *spans* by where they stand. Spans are `[start, end)` of the rationale's
//! text, counted in a [`Unit`]: tools that run in a browser, as thresh.tools does, count in UTF-16, most others in
//! characters. The two differ behind an emoji. An annotation that names no question is of whichever rationale has its text. [`places`] turns both
//! into the words of a rationale, and [`combined`] makes one selection of several annotators' by a declared rule.

mod combine;
mod lines;
mod marks;
mod place;
#[cfg(test)]
mod tests;
mod thresh;

pub use combine::{Combine, combined};
pub use marks::{Annotation, AnnotationError, Marks, Spans, Unit};
pub(crate) use place::places_of;
pub use place::{Marked, PlaceError, places};

use serde_json::Value;

/// How a file of annotations is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON lines.
    Jsonl,
    /// An export of thresh.tools.
    Thresh,
}

retort_fingerprint::words!(Format { Jsonl = "jsonl", Thresh = "thresh" });

/// Reads a whole file; where no format is given, an array of entries without `words` and `spans` is an export of
/// thresh.tools. Spans are counted in characters, those of thresh.tools in UTF-16.
pub fn read(bytes: &[u8], format: Option<Format>) -> Result<Vec<Annotation>, AnnotationError> {
    read_counted(bytes, format, None)
}

/// Reads a whole file, whose spans are counted in a unit where one is given.
pub fn read_counted(
    bytes: &[u8],
    format: Option<Format>,
    unit: Option<Unit>,
) -> Result<Vec<Annotation>, AnnotationError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let is_array = bytes.trim_ascii_start().starts_with(b"[");
    let annotations = if is_array || format == Some(Format::Thresh) {
        let entries: Vec<Value> =
            serde_json::from_slice(bytes).map_err(|error| AnnotationError::form("the file", &error))?;
        let detected = if lines::are_here(&entries) { Format::Jsonl } else { Format::Thresh };
        match format.unwrap_or(detected) {
            Format::Jsonl => lines::read_array(entries, unit.unwrap_or(Unit::Characters))?,
            Format::Thresh => thresh::read(entries, unit.unwrap_or(Unit::Utf16))?,
        }
    } else {
        lines::read(bytes, unit.unwrap_or(Unit::Characters))?
    };
    once_each(&annotations)?;
    Ok(annotations)
}

/// Checks that nobody marked the same rationale twice.
fn once_each(annotations: &[Annotation]) -> Result<(), AnnotationError> {
    let mut seen = std::collections::BTreeMap::new();
    for annotation in annotations {
        let Annotation { id, sample, annotator, marks, place } = annotation;
        // Several texts may be of one identifier, as those that several models wrote are.
        let texts: Vec<Option<&String>> = match marks {
            Marks::Words(_) => Vec::new(),
            Marks::Spans(of) => of.iter().map(|spans| spans.text.as_ref()).collect(),
        };
        if let Some(first) = seen.insert((id, sample, annotator, texts), place) {
            let (id, annotator) = (annotation.name().to_owned(), annotator.clone());
            return Err(AnnotationError::Twice { id, annotator, first: first.clone(), second: place.clone() });
        }
    }
    Ok(())
}
