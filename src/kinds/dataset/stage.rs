//! The stage that reads questions in whichever format a pipeline names.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::format::{BoundFormat, FormatEntry};
use super::list::FORMATS;
use retort_artifact::Questions;
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node, Value, nearest};
use retort_stage::params::{FromNode, Scope};
use retort_stage::{Context, Flaw, Looked, Stage, StageError};

/// Questions in one of several formats, named by the field `format`.
#[derive(Debug, Clone)]
pub struct Dataset {
    name: &'static str,
    format: Arc<dyn BoundFormat>,
}

impl FromNode for Dataset {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let names = || FORMATS.all().iter().map(|entry| entry.name);
        let known = || names().collect::<Vec<_>>().join(", ");
        let Some(format) = node.get("format") else {
            let wrong = Diagnostic::at(node.span, "missing field `format`").label(format!("one of: {}", known()));
            return scope.fail(wrong);
        };
        let Some(entry) = FORMATS.all().iter().find(|entry| format.text() == Some(entry.name)) else {
            let near = format.text().and_then(|text| nearest(text, names()));
            let wrong = Diagnostic::at(format.span, format!("`format` cannot be {}", format.describe()));
            return scope.fail(
                wrong
                    .label(format!("expected one of: {}", known()))
                    .hint_if(near.map(|near| format!("did you mean `{near}`?"))),
            );
        };
        let rest: Vec<_> = node.entries().iter().filter(|(key, _)| key.text != "format").cloned().collect();
        let rest = Node { value: Value::Map(rest), span: node.span };
        Some(Self { name: entry.name, format: (entry.bind)(&rest, scope)? })
    }

    fn schema() -> Json {
        let form = |entry: &FormatEntry| {
            let mut schema = (entry.schema)();
            schema["properties"]["format"] = json!({ "const": entry.name, "description": entry.about });
            if let Some(required) = schema["required"].as_array_mut() {
                required.push(json!("format"));
            }
            schema
        };
        json!({
            "description": "Questions, read from files in one of several formats or made up.",
            "anyOf": FORMATS.all().iter().map(form).collect::<Vec<_>>()
        })
    }
}

impl ContentHash for Dataset {
    fn term(&self) -> Term {
        Term::variant(self.name, self.format.term())
    }
}

impl Stage for Dataset {
    type Output = Questions;

    const NAME: &'static str = "dataset";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Questions with choices, by split: read from files or made up.";
    const EXAMPLE: &'static str = "{ format: quarel, train: data/quarel/train.jsonl, test: data/quarel/test.jsonl }";

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let seen: String = context.order.externals.values().flatten().map(|(.., digest)| digest.hex()).collect();
        let first = looked.first(format!("questions {seen} {:?}", self.term()));
        let flaw = if first { Flaw::of("", self.run(context)) } else { None };
        flaw.into_iter().collect()
    }

    fn run(&self, context: &Context<'_>) -> Result<Questions, StageError> {
        self.format.read(context)
    }
}
