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
mod place;
#[cfg(test)]
mod tests;
mod thresh;

pub use combine::{Combine, combined};
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

/// What spans are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Unicode scalar values, as Python counts.
    Characters,
    /// UTF-16 code units, as JavaScript and Java count.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
}

impl Unit {
    /// Names what is counted, for errors.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Utf16 => "UTF-16 units",
            Self::Bytes => "bytes",
        }
    }
}

retort_fingerprint::words!(Unit { Characters = "characters", Utf16 = "utf16", Bytes = "bytes" });

/// What one annotator marked in one rationale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The question's identifier, where it is said; else its text tells the rationale.
    pub id: Option<String>,
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
    /// Spans of a text; where the text is known, it must be the rationale's.
    Spans(Vec<Spans>),
}

/// Spans of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spans {
    /// The text, where the file has it.
    pub text: Option<String>,
    /// The first place of each, and the one after the last.
    pub spans: Vec<(usize, usize)>,
    /// What they are counted in.
    pub unit: Unit,
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

impl Annotation {
    /// Names the annotation: its question, or its place in the file where it names none.
    pub fn name(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.place)
    }

    /// Says whether it can be of a text: it is a mark of words, or of the same text, or says nothing of its text.
    pub fn fits(&self, text: &str) -> bool {
        match &self.marks {
            Marks::Words(_) => true,
            Marks::Spans(of) => of.iter().any(|spans| spans.are_of(text)),
        }
    }
}

impl Spans {
    /// Says whether they can be of a text; white space around it does not count.
    fn are_of(&self, text: &str) -> bool {
        self.text.as_ref().is_none_or(|own| own.trim() == text.trim())
    }
}

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
