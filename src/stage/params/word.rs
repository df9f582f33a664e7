//! Reading one of a few words.

use retort_fingerprint::Words;
use retort_source::{Diagnostic, Node, nearest};
use serde_json::{Value, json};

use super::{FromNode, Scope};

/// Marks the one implementation of [`FromNode`] for enums of plain words, wherever they are declared.
#[derive(Debug)]
pub enum Word {}

impl<T: Words + Copy> FromNode<Word> for T {
    /// Reads an enum of plain words; another word is an error that lists them.
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        if let Some(form) = node.text().and_then(T::of_word) {
            return Some(*form);
        }
        let known = || T::WORDS.iter().map(|(_, word)| *word);
        let near = node.text().and_then(|text| nearest(text, known()));
        let wrong = format!("`{}` cannot be {}", scope.path(), node.describe());
        let label = format!("expected one of: {}", known().collect::<Vec<_>>().join(", "));
        let hint = near.map(|word| format!("did you mean `{word}`?"));
        scope.fail(Diagnostic::at(node.span, wrong).label(label).hint_if(hint))
    }

    fn schema() -> Value {
        json!({ "anyOf": [
            { "enum": T::WORDS.iter().map(|(_, word)| *word).collect::<Vec<_>>() },
            { "type": "string", "pattern": r"^\$\{[^}]+\}$" }
        ] })
    }

    fn written(&self) -> Option<Value> {
        Some(json!(self.word()))
    }
}
