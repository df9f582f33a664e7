//! How fractions are declared.

use serde_json::{Value as Json, json};

use retort_source::{Diagnostic, Node, Value};
use retort_stage::params::{FromNode, Scope};
use retort_text::Fraction;

/// Marks how this room reads a fraction, whose type is another room's.
#[derive(Debug)]
pub enum AsFraction {}

impl FromNode<AsFraction> for Fraction {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let value = match node.value {
            Value::Float(value) => Some(value),
            Value::Int(value) => Some(value as f64),
            _ => None,
        };
        value.and_then(|value| Self::try_from(value).ok()).or_else(|| {
            let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
            scope.fail(wrong.label("expected a number from 0 to 1"))
        })
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": r"^\$\{[^}]+\}$" }
        ] })
    }
}
