//! What people marked in rationales: which words matter to the answer.
//!
//! | format | a file is |
//! |---|---|
//! | [`Format::Jsonl`] | JSON lines of `{id, annotator, words}` or `{id, annotator, spans}` |
//! | [`Format::Thresh`] | what <https://thresh.tools> exports: one list of entries with their edits |
//!
//! An annotation marks *words* by what they are, or *spans* by where they stand. Spans are `[start, end)` counted in
//! characters (Unicode scalar values) of the rationale's text, which is what annotation tools give. [`places`] turns both
//! into the words of a rationale, and [`combined`] makes one selection of several annotators' by a declared rule.

mod combine;
mod lines;
mod place;
#[cfg(test)]
mod tests;
mod thresh;

pub use combine::{Combine, combined};
pub use place::{Marked, PlaceError, places};

/// How a file of annotations is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON lines.
    Jsonl,
    /// An export of thresh.tools.
    Thresh,
}

retort_fingerprint::words!(Format { Jsonl = "jsonl", Thresh = "thresh" });

/// What one annotator marked in one rationale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The question's identifier.
    pub id: String,
    /// The rationale's sample number, where it is said.
    pub sample: Option<u32>,
    /// Who marked it; empty where nobody is named.
    pub annotator: String,
    /// What is marked.
    pub marks: Marks,
    /// Where it stands in the file, such as `line 3`.
    pub place: String,
}

/// What is marked in a rationale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marks {
    /// Words, each as often as it is marked.
    Words(Vec<String>),
    /// Spans of characters of a text; where the text is known, it must be the rationale's.
    Spans(Vec<Spans>),
}

/// Spans of characters of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spans {
    /// The text, where the file has it.
    pub text: Option<String>,
    /// The first character of each, and the one after the last.
    pub spans: Vec<(usize, usize)>,
}

/// A file that is not what its format asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// A line, an entry or the whole file is not of the format.
    #[error("cannot read {place} as an annotation: {why}")]
    Form {
        /// Where it stands in the file.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// One annotator marked one rationale twice.
    #[error(
        "{second} has the annotator `{annotator}` of `{id}`, as {first} has already; every annotator may mark a rationale \
         once, so name them apart in the field `annotator`"
    )]
    Twice {
        /// The question's identifier.
        id: String,
        /// The annotator.
        annotator: String,
        /// Where the first stands.
        first: String,
        /// Where the second stands.
        second: String,
    },
}

impl AnnotationError {
    fn form(place: &str, why: &dyn std::fmt::Display) -> Self {
        Self::Form { place: place.to_owned(), why: why.to_string() }
    }
}

/// Reads a whole file; where no format is given, a file that begins with `[` is an export of thresh.tools.
pub fn read(bytes: &[u8], format: Option<Format>) -> Result<Vec<Annotation>, AnnotationError> {
    let begins_a_list = bytes.trim_ascii_start().starts_with(b"[");
    let detected = if begins_a_list { Format::Thresh } else { Format::Jsonl };
    let annotations = match format.unwrap_or(detected) {
        Format::Jsonl => lines::read(bytes)?,
        Format::Thresh => thresh::read(bytes)?,
    };
    let mut seen = std::collections::BTreeMap::new();
    for annotation in &annotations {
        let Annotation { id, sample, annotator, place, .. } = annotation;
        if let Some(first) = seen.insert((id, sample, annotator), place) {
            let (id, annotator) = (id.clone(), annotator.clone());
            return Err(AnnotationError::Twice { id, annotator, first: first.clone(), second: place.clone() });
        }
    }
    Ok(annotations)
}
