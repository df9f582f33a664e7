//! What one annotator marked in one rationale, and what is wrong with a file of such marks.

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
    pub(super) fn form(place: &str, why: &dyn std::fmt::Display) -> Self {
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
    pub(super) fn are_of(&self, text: &str) -> bool {
        self.text.as_ref().is_none_or(|own| own.trim() == text.trim())
    }
}
