//! Parts of a recipe that are written in a form of their own: ranges of layers, and adapted projections.

use std::ops::RangeInclusive;

use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node, Value};
use retort_stage::params::{FromNode, Scope};
use serde_json::{Value as Json, json};

/// Some layers that follow each other, counted from 0: a number, or a range with both ends such as `0-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerRange {
    first: usize,
    last: usize,
}

impl LayerRange {
    /// Returns the layers.
    pub(super) const fn range(self) -> RangeInclusive<usize> {
        self.first..=self.last
    }

    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last).then_some(Self { first, last })
    }
}

impl FromNode for LayerRange {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let read = match &node.value {
            Value::Int(layer) => usize::try_from(*layer).ok().map(|layer| Self { first: layer, last: layer }),
            Value::Text(text) => Self::parse(text),
            _ => None,
        };
        read.or_else(|| {
            let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
            scope.fail(wrong.label("expected a layer, counted from 0, or a range of layers such as `0-11`"))
        })
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": r"^[0-9]+ *- *[0-9]+$" },
            { "type": "string", "pattern": r"^\$\{[^}]+\}$" },
        ] })
    }
}

impl ContentHash for LayerRange {
    fn term(&self) -> Term {
        format!("{}-{}", self.first, self.last).term()
    }
}

/// The projections that are adapted: a list of names, or the one word that stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdaptedProjections(Vec<String>);

impl AdaptedProjections {
    /// Returns the names.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.clone()
    }
}

impl FromNode for AdaptedProjections {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(word) => Some(Self(vec![word.clone()])),
            _ => Vec::from_node(node, scope).map(Self),
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [<Vec<String> as FromNode<_>>::schema(), { "type": "string" }] })
    }
}

impl ContentHash for AdaptedProjections {
    fn term(&self) -> Term {
        self.0.term()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_both_ends() {
        assert_eq!(LayerRange::parse("0-11").map(LayerRange::range), Some(0..=11));
        assert_eq!(LayerRange::parse("3 - 3").map(LayerRange::range), Some(3..=3));
        for wrong in ["", "3", "-3", "3-", "4-3", "a-b", "1-2-3", "1..2"] {
            assert_eq!(LayerRange::parse(wrong), None, "{wrong}");
        }
    }
}
