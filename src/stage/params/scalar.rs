//! Scalars, lists and the small quantities that stages share.

use serde_json::{Value as Json, json};

use super::{FromNode, Scope, Within};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node, Value, nearest};

/// Allows a placeholder such as `${fraction}` wherever a scalar may stand.
fn or_placeholder(schema: &Json) -> Json {
    json!({ "anyOf": [schema, { "type": "string", "pattern": r"^\$\{[^}]+\}$" }] })
}

fn wrong<T>(node: &Node, scope: &mut Scope<'_>, expected: &str) -> Option<T> {
    let message = format!("`{}` cannot be {}", scope.path(), node.describe());
    scope.fail(Diagnostic::at(node.span, message).label(format!("expected {expected}")))
}

impl FromNode for bool {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::Bool(value) => Some(value),
            _ => wrong(node, scope, "`true` or `false`"),
        }
    }

    fn schema() -> Json {
        or_placeholder(&json!({ "type": "boolean" }))
    }
}

impl FromNode for String {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            _ => wrong(node, scope, "text; put it in quotes"),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

impl FromNode for u64 {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::Int(value) if value >= 0 => Some(value.cast_unsigned()),
            _ => wrong(node, scope, "a whole number, 0 or more"),
        }
    }

    fn schema() -> Json {
        or_placeholder(&json!({ "type": "integer", "minimum": 0 }))
    }
}

impl FromNode for f64 {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::Float(value) if value.is_finite() => Some(value),
            Value::Int(value) => Some(value as Self),
            _ => wrong(node, scope, "a number"),
        }
    }

    fn schema() -> Json {
        or_placeholder(&json!({ "type": "number" }))
    }
}

impl<By, T: FromNode<By>> FromNode<Within<By>> for Option<T> {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::Null => Some(None),
            _ => T::from_node(node, scope).map(Some),
        }
    }

    fn absent(_scope: &mut Scope<'_>) -> Option<Self> {
        Some(None)
    }

    fn schema() -> Json {
        json!({ "anyOf": [T::schema(), { "type": "null" }], "x-absent": true })
    }
}

impl<By, T: FromNode<By>> FromNode<Within<By>> for Vec<T> {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let Value::List(items) = &node.value else { return wrong(node, scope, "a list") };
        let read: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(index, item)| scope.within(&format!("[{index}]"), |scope| T::from_node(item, scope)))
            .collect();
        read.into_iter().collect()
    }

    fn schema() -> Json {
        json!({ "type": "array", "items": T::schema() })
    }
}

/// A whole number of things, 1 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(usize);

impl Count {
    /// Returns the count of a constant that is 1 or more; 0 becomes 1.
    pub const fn of(count: usize) -> Self {
        Self(if count == 0 { 1 } else { count })
    }

    /// Returns the number, never 0.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl FromNode for Count {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::Int(value) if (1..=i64::from(u32::MAX)).contains(&value) => Some(Self(value as usize)),
            _ => wrong(node, scope, "a whole number, 1 or more"),
        }
    }

    fn schema() -> Json {
        or_placeholder(&json!({ "type": "integer", "minimum": 1 }))
    }

    fn written(&self) -> Option<Json> {
        Some(json!(self.0))
    }
}

impl ContentHash for Count {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// A real number above zero, such as a learning rate.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PositiveReal(f64);

impl PositiveReal {
    /// Wraps a constant that is above zero.
    pub const fn of(value: f64) -> Self {
        Self(value)
    }

    /// Returns the number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromNode for PositiveReal {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::Float(value) if value > 0.0 && value.is_finite() => Some(Self(value)),
            Value::Int(value) if value > 0 => Some(Self(value as f64)),
            _ => wrong(node, scope, "a number above 0"),
        }
    }

    fn schema() -> Json {
        or_placeholder(&json!({ "type": "number", "exclusiveMinimum": 0 }))
    }
}

impl ContentHash for PositiveReal {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// A number from 0 to 1, such as a fraction or a probability.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct UnitReal(f64);

impl UnitReal {
    /// Wraps a constant from 0 to 1.
    pub const fn of(value: f64) -> Self {
        Self(value)
    }

    /// Returns the number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromNode for UnitReal {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::Float(value) if (0.0..=1.0).contains(&value) => Some(Self(value)),
            Value::Int(value @ 0..=1) => Some(Self(value as f64)),
            _ => wrong(node, scope, "a number from 0 to 1"),
        }
    }

    fn schema() -> Json {
        or_placeholder(&json!({ "type": "number", "minimum": 0, "maximum": 1 }))
    }

    fn written(&self) -> Option<Json> {
        Some(json!(self.0))
    }
}

impl ContentHash for UnitReal {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// A seed; the experiment's own where none is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl FromNode for Seed {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        u64::from_node(node, scope).map(Self)
    }

    fn absent(scope: &mut Scope<'_>) -> Option<Self> {
        Some(Self(scope.seed))
    }

    fn schema() -> Json {
        let mut schema = u64::schema();
        schema["x-absent"] = json!("Default: the experiment's `seed`.");
        schema
    }
}

impl ContentHash for Seed {
    fn term(&self) -> Term {
        self.0.term()
    }
}

/// A model: the name of one under `models`, or its description in place. The name never enters a key.
#[derive(Debug, Clone)]
pub struct ModelSpec<T>(pub T);

impl<By, T: FromNode<By>> FromNode<Within<By>> for ModelSpec<T> {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let Some(name) = node.text() else { return T::from_node(node, scope).map(Self) };
        let models = scope.models;
        if let Some(described) = models.get(name) {
            return T::from_node(described, scope).map(Self);
        }
        let near = nearest(name, models.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
        let known = models.keys().cloned().collect::<Vec<_>>().join(", ");
        let label = if known.is_empty() { "no models are declared".to_owned() } else { format!("known: {known}") };
        scope.fail(Diagnostic::at(node.span, format!("unknown model `{name}`")).label(label).hint_if(near))
    }

    fn schema() -> Json {
        json!({ "anyOf": [{ "type": "string" }, T::schema()] })
    }
}

impl<T: ContentHash> ContentHash for ModelSpec<T> {
    fn term(&self) -> Term {
        self.0.term()
    }
}
