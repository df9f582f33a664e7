//! What operations, dataset formats and attribution methods have in common in keys and in the schema.

use std::collections::BTreeMap;

use retort_fingerprint::Term;
use serde_json::{Value as Json, json};

/// Adds a revision to parameters, under a name with a space in it, so that no parameter is called that. Parameters that are
/// no record stand under `whole`.
pub(crate) fn revised(parameters: Term, whole: &'static str, name: &'static str, revision: u32) -> Term {
    let mut fields = match parameters {
        Term::Record(fields) => fields,
        other => BTreeMap::from([(whole.into(), other)]),
    };
    fields.insert(name.into(), Term::Int(revision.into()));
    Term::Record(fields)
}

/// Describes a mapping whose one key names what its body is.
pub(crate) fn named_schema(name: &str, about: &str, body: &Json) -> Json {
    json!({
        "type": "object",
        "description": about,
        "properties": { (name): body },
        "required": [name],
        "additionalProperties": false
    })
}
