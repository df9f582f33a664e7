//! JSON lines, one annotation each: `{"id", "annotator", "words"}` or `{"id", "annotator", "spans"}`.
//!
//! `sample` says which of several rationales of a question is meant, `text` which text was marked; both may be left out.
//! Blank lines are passed over, fields of other names are not.

use serde::Deserialize;

use super::{Annotation, AnnotationError, Marks, Spans};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    #[serde(default)]
    annotator: String,
    sample: Option<u32>,
    text: Option<String>,
    words: Option<Vec<String>>,
    spans: Option<Vec<(usize, usize)>>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Annotation>, AnnotationError> {
    let lines = bytes.split(|&byte| byte == b'\n').enumerate();
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    filled.map(|(index, line)| annotation(line, format!("line {}", index + 1))).collect()
}

fn annotation(line: &[u8], place: String) -> Result<Annotation, AnnotationError> {
    let Line { id, annotator, sample, text, words, spans } =
        serde_json::from_slice(line).map_err(|error| AnnotationError::form(&place, &error))?;
    let marks = match (words, spans) {
        (Some(words), None) => Marks::Words(words),
        (None, Some(spans)) => Marks::Spans(vec![Spans { text, spans }]),
        _ => return Err(AnnotationError::form(&place, &"expected either `words` or `spans`")),
    };
    Ok(Annotation { id, sample, annotator, marks, place })
}
