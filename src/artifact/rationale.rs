//! Rationales: the words between a question and its label.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::versions::Versions;
use super::{Answer, Artifact, ArtifactKind, CodecError, Parts};
use retort_fingerprint::{ContentHash, Term};

const FORMAT: Versions = Versions::of("rationales");

/// One rationale for one question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rationale {
    /// The question's identifier.
    pub id: String,
    /// Which of several samples it is, from 0.
    #[serde(default)]
    pub sample: u32,
    /// The words, possibly none after a transform.
    pub text: String,
    /// The answer the teacher itself arrived at, where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Answer>,
    /// Where the words of a selection stand in the rationale it was made from, as byte offsets `[start, end)` in their
    /// order; `None` where the text is no selection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Vec<(usize, usize)>>,
    /// How the teacher's answer ended, in the word of whoever ran it: `stop`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// Further fields of the file it was imported from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Json>,
}

/// Says whether a row can be written in the first version of the format, which had lettered choices alone.
fn is_lettered(row: &Rationale) -> bool {
    row.label.as_ref().is_none_or(Answer::is_choice)
}

/// Returns a JSON value as it enters a key.
pub fn json_term(value: &Json) -> Term {
    match value {
        Json::Null => Term::None,
        Json::Bool(value) => value.term(),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Term::Int(whole),
            None => Term::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => text.term(),
        Json::Array(items) => Term::List(items.iter().map(json_term).collect()),
        Json::Object(fields) => {
            Term::Record(fields.iter().map(|(name, value)| (name.clone().into(), json_term(value))).collect())
        }
    }
}

/// Rationales in the order of their questions, samples of one question together. Part: `rows`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rationales {
    /// The rationales; a question may have none, one or several.
    pub rows: Vec<Rationale>,
}

impl Artifact for Rationales {
    const KIND: ArtifactKind = ArtifactKind::Rationales;

    fn encode(&self) -> Parts {
        Parts::from([("rows".to_owned(), FORMAT.encode(&self.rows, is_lettered))])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        Ok(Self { rows: FORMAT.part(parts, "rows")? })
    }
}
