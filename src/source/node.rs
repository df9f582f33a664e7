//! The tree of values that a YAML document holds, each with its place.

use super::Span;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its place in the file.
    pub span: Span,
}

/// What a YAML document can hold; keys are always text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order it was written, its keys all different.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Its place in the file.
    pub span: Span,
}

impl Node {
    /// Returns the value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name.text == key).map(|(_, node)| node)
    }

    /// Returns the entries of a mapping; none for any other value.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the text of a text value.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Names the sort of value, for errors: `a list`, or the value itself.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "empty".into(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Int(value) => format!("`{value}`"),
            Value::Float(value) => format!("`{value}`"),
            Value::Text(text) if text.chars().count() > 40 => "a long text".into(),
            Value::Text(text) => format!("`{text}`"),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
        }
    }

    /// Writes a scalar as it appears in instance names, such as `0.4` or `gpt2`; `None` for lists and mappings.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Null => Some("null".into()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Float(value) => Some(value.to_string()),
            Value::Text(text) => Some(text.clone()),
            Value::List(_) | Value::Map(_) => None,
        }
    }
}
