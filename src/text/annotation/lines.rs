//! JSON lines, or one JSON array, of annotations: `{"id", "annotator", "words"}` or `{"id", "annotator", "spans"}`.
//!
//! `sample` says which of several rationales of a question is meant, `text` which text was marked; both may be left out.
//! Blank lines are passed over, fields of other names are not.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::marks::{Annotation, AnnotationError, Marks, Spans, Unit};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(deserialize_with = "identifier")]
    id: String,
    #[serde(default)]
    annotator: String,
    sample: Option<u32>,
    text: Option<String>,
    words: Option<Vec<String>>,
    spans: Option<Vec<(usize, usize)>>,
}

/// Reads an identifier: text, or a whole number.
fn identifier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        other => Err(D::Error::custom(format!("`id` is `{other}`, expected text or a whole number"))),
    }
}

/// Says whether the entries of an array are annotations of this form.
pub(super) fn are_here(entries: &[Value]) -> bool {
    entries.first().is_some_and(|first| first.get("words").is_some() || first.get("spans").is_some())
}

pub(super) fn read_array(entries: Vec<Value>, unit: Unit) -> Result<Vec<Annotation>, AnnotationError> {
    let entry = |(index, entry): (usize, Value)| {
        let place = format!("entry {}", index + 1);
        let line = serde_json::from_value(entry).map_err(|error| AnnotationError::form(&place, &error))?;
        annotation(line, place, unit)
    };
    entries.into_iter().enumerate().map(entry).collect()
}

pub(super) fn read(bytes: &[u8], unit: Unit) -> Result<Vec<Annotation>, AnnotationError> {
    let lines = bytes.split(|&byte| byte == b'\n').enumerate();
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let read = |(index, line): (usize, &[u8])| {
        let place = format!("line {}", index + 1);
        let line = serde_json::from_slice(line).map_err(|error| AnnotationError::form(&place, &error))?;
        annotation(line, place, unit)
    };
    filled.map(read).collect()
}

fn annotation(line: Line, place: String, unit: Unit) -> Result<Annotation, AnnotationError> {
    let Line { id, annotator, sample, text, words, spans } = line;
    let marks = match (words, spans) {
        (Some(words), None) => Marks::Words(words),
        (None, Some(spans)) => Marks::Spans(vec![Spans { text, spans, unit }]),
        _ => return Err(AnnotationError::form(&place, &"expected either `words` or `spans`")),
    };
    Ok(Annotation { id: Some(id), sample, annotator, marks, place })
}
