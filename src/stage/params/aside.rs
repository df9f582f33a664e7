//! Fields that stay out of the key.

use super::{FromNode, Scope, Within};
use retort_fingerprint::{ContentHash, Term};
use retort_source::Node;

/// A field that does not enter the key: it differs between machines, or changes when a result comes and what it costs, but
/// never what it is. Whoever declares one says which of these it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aside<T>(pub T);

impl<By, T: FromNode<By>> FromNode<Within<By>> for Aside<T> {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        T::from_node(node, scope).map(Self)
    }

    fn absent(scope: &mut Scope<'_>) -> Option<Self> {
        T::absent(scope).map(Self)
    }

    fn schema() -> serde_json::Value {
        T::schema()
    }

    fn written(&self) -> Option<serde_json::Value> {
        self.0.written()
    }
}

impl<T> ContentHash for Aside<T> {
    fn term(&self) -> Term {
        Term::None
    }
}
