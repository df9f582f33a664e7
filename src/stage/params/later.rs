//! Fields that were added to a kind after results of it had been kept.

use super::{FromNode, Scope, Within};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Node, Value};

/// An optional field that enters the key only where it is given, so that pipelines which do not use it keep their results. New
/// optional fields of a kind are of this type, and raise no revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later<T>(pub Option<T>);

impl<T> Later<T> {
    /// Returns the value, if it is given.
    pub const fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<By, T: FromNode<By>> FromNode<Within<By>> for Later<T> {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match node.value {
            Value::Null => Some(Self(None)),
            _ => T::from_node(node, scope).map(|value| Self(Some(value))),
        }
    }

    fn absent(_scope: &mut Scope<'_>) -> Option<Self> {
        Some(Self(None))
    }

    fn schema() -> serde_json::Value {
        <Option<T> as FromNode<Within<By>>>::schema()
    }
}

impl<T: ContentHash> ContentHash for Later<T> {
    fn term(&self) -> Term {
        self.0.term()
    }

    fn field(&self) -> Option<Term> {
        self.0.as_ref().map(ContentHash::term)
    }
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro declares public structs")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use retort_source::{Diagnostics, Sources, read_yaml};

    crate::params! {
        /// A kind as it was.
        pub struct Before {
            /// A field.
            pub first: u64,
        }
    }

    crate::params! {
        /// The same kind with a field more.
        pub struct Now {
            /// A field.
            pub first: u64,
            /// A new one.
            pub second: Later<u64>,
        }
    }

    fn term<T: FromNode + ContentHash>(text: &str) -> Term {
        let mut sources = Sources::default();
        let node = read_yaml(&mut sources, "x.yaml", text.as_bytes()).expect("sound YAML");
        let (models, mut diagnostics) = (BTreeMap::new(), Diagnostics::default());
        T::from_node(&node, &mut Scope::new(0, &models, &mut diagnostics)).expect("sound fields").term()
    }

    #[test]
    fn a_field_that_is_not_given_leaves_the_key_as_it_was() {
        let before = term::<Before>("{ first: 1 }");
        assert_eq!(term::<Now>("{ first: 1 }"), before);
        assert_eq!(term::<Now>("{ first: 1, second: null }"), before);
        assert_ne!(term::<Now>("{ first: 1, second: 2 }"), before);
    }
}
