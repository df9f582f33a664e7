//! What thresh.tools exports: a list of entries, each with the texts that were shown and the edits that were made.
//!
//! Of an entry counts: `edits`, in each `input_idx` (spans of `source`) and `output_idx` (spans of `target`), and the edits
//! that a composite one is made of under `constituent_edits`; which of the two texts is the rationale, its words decide.
//! The question's identifier is `id`, the annotator `annotator`, and both may stand under `metadata`, which wins since the
//! tool's own `id` may be a mere number. Most files have no `id`, or one that several texts share: then an entry is of the
//! rationale that has its text. An entry without an annotator is by somebody of its own. Everything else, such as an edit's `category` and `annotation`, is passed over.

use serde::Deserialize;
use serde_json::Value;

use super::marks::{Annotation, AnnotationError, Marks, Spans, Unit};

#[derive(Deserialize)]
struct Entry {
    id: Option<Value>,
    annotator: Option<Value>,
    metadata: Option<Metadata>,
    source: Option<String>,
    target: Option<String>,
    edits: Option<Vec<Edit>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    id: Option<Value>,
    annotator: Option<Value>,
    sample: Option<u32>,
}

#[derive(Deserialize)]
struct Edit {
    input_idx: Option<Vec<(usize, usize)>>,
    output_idx: Option<Vec<(usize, usize)>>,
    constituent_edits: Option<Vec<Edit>>,
}

impl Edit {
    fn gather(self, input: &mut Vec<(usize, usize)>, output: &mut Vec<(usize, usize)>) {
        let Self { input_idx, output_idx, constituent_edits } = self;
        input.extend(input_idx.into_iter().flatten());
        output.extend(output_idx.into_iter().flatten());
        constituent_edits.into_iter().flatten().for_each(|edit| edit.gather(input, output));
    }
}

pub(super) fn read(entries: Vec<Value>, unit: Unit) -> Result<Vec<Annotation>, AnnotationError> {
    let read = |(index, entry)| annotation(entry, format!("entry {}", index + 1), unit);
    entries.into_iter().enumerate().map(read).collect()
}

fn annotation(entry: Value, place: String, unit: Unit) -> Result<Annotation, AnnotationError> {
    let Entry { id, annotator, metadata, source, target, edits } =
        serde_json::from_value(entry).map_err(|error| AnnotationError::form(&place, &error))?;
    let metadata = metadata.unwrap_or_default();
    let id = metadata.id.or(id).as_ref().and_then(name);
    let annotator = metadata.annotator.or(annotator).as_ref().and_then(name).unwrap_or_else(|| place.clone());
    let (mut input, mut output) = (Vec::new(), Vec::new());
    edits.into_iter().flatten().for_each(|edit| edit.gather(&mut input, &mut output));
    let texts = [(source, input, "source", "input_idx"), (target, output, "target", "output_idx")];
    let mut spans_of = Vec::new();
    for (text, spans, shown, indices) in texts {
        match text {
            None if spans.is_empty() => {}
            None => {
                let why = format!("an edit has `{indices}`, and there is no `{shown}`");
                return Err(AnnotationError::form(&place, &why));
            }
            Some(text) => spans_of.push(Spans { text: Some(text), spans, unit }),
        }
    }
    if spans_of.is_empty() {
        return Err(AnnotationError::form(&place, &"it has neither `source` nor `target`"));
    }
    Ok(Annotation { id, sample: metadata.sample, annotator, marks: Marks::Spans(spans_of), place })
}

/// Writes an identifier, which may be a number in JSON.
fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
