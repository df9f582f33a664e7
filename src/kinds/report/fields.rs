//! How a report's fields are written: axes, axis values, and values of others.

use std::collections::BTreeMap;

use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node, Value};
use retort_stage::params::{External, FromNode, Scope};
use retort_stats::Margin;

/// One axis or several, written as a name or a list of names.
#[derive(Debug, Clone, Default)]
pub struct Axes(pub(super) Vec<String>);

impl FromNode for Axes {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match &node.value {
            Value::List(_) => Vec::from_node(node, scope).map(Self),
            _ => String::from_node(node, scope).map(|name| Self(vec![name])),
        }
    }

    fn absent(_scope: &mut Scope<'_>) -> Option<Self> {
        Some(Self::default())
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
            "x-absent": "Default: none."
        })
    }
}

impl ContentHash for Axes {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// Axis values that single out arms, such as `{ placement: after }`.
#[derive(Debug, Clone)]
pub struct Selector(pub(crate) BTreeMap<String, String>);

/// Axis values to which something is restricted: one for each axis, or a list, such as `{ fraction: [0.6, 0.9] }`.
#[derive(Debug, Clone, Default)]
pub struct Choices(pub(super) BTreeMap<String, Vec<String>>);

fn scalar(node: &Node, scope: &mut Scope<'_>) -> Option<String> {
    node.scalar().or_else(|| {
        let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
        scope.fail(wrong.label("expected the value of an axis, such as `after` or `0.4`"))
    })
}

/// Reads a mapping of axes, each value by `read`.
fn by_axis<T>(
    node: &Node,
    scope: &mut Scope<'_>,
    read: impl Fn(&Node, &mut Scope<'_>) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let entries = node.entries();
    if entries.is_empty() {
        let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
        return scope.fail(wrong.label("expected a mapping of axes to values, such as `{ placement: none }`"));
    }
    let read = |(axis, node): &(retort_source::Key, Node)| {
        Some((axis.text.clone(), scope.within(&axis.text, |scope| read(node, scope))?))
    };
    let read: Vec<Option<(String, T)>> = entries.iter().map(read).collect();
    read.into_iter().collect()
}

impl FromNode for Selector {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        by_axis(node, scope, scalar).map(Self)
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "object", "minProperties": 1 })
    }
}

impl ContentHash for Selector {
    fn term(&self) -> Term {
        self.0.term()
    }
}

impl FromNode for Choices {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let read = |node: &Node, scope: &mut Scope<'_>| match &node.value {
            Value::List(values) if !values.is_empty() => values.iter().map(|value| scalar(value, scope)).collect(),
            _ => scalar(node, scope).map(|value| vec![value]),
        };
        by_axis(node, scope, read).map(Self)
    }

    fn absent(_scope: &mut Scope<'_>) -> Option<Self> {
        Some(Self::default())
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "object", "minProperties": 1, "x-absent": "Default: no restriction." })
    }
}

impl ContentHash for Choices {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// A distance of accuracies in percentage points: above 0 and below 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Points(pub(super) Margin);

impl FromNode for Points {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let margin = match node.value {
            Value::Float(points) => Margin::new(points / 100.0).ok(),
            Value::Int(points) => Margin::new(points as f64 / 100.0).ok(),
            _ => None,
        };
        margin.map(Self).or_else(|| {
            let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
            scope.fail(wrong.label("expected percentage points, above 0 and below 100, such as `2`"))
        })
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100 })
    }
}

impl ContentHash for Points {
    fn term(&self) -> Term {
        self.0.term()
    }
}

retort_stage::params! {
    /// Values of others that stand beside the measured ones.
    pub struct Beside {
        /// Whose they are, such as `Wadhwa et al. (2024)`.
        pub name: String,
        /// A CSV file: a column for each axis that tells the arms apart, with nothing where an arm lacks the axis, and
        /// `percent`, the accuracy from 0 to 100.
        pub values: External,
    }
}
