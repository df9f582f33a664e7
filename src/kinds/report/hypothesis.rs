//! How a hypothesis is written: `{ more: …, than: … }`, or `{ same: …, as: …, within: … }`.

use super::fields::{Choices, Points, Selector};
use retort_fingerprint::{ContentHash, Term};
use retort_report::{self as report, Relation};
use retort_source::{Diagnostic, Node};
use retort_stage::params::{FromNode, Scope};

retort_stage::params! {
    /// The arms of one side are more accurate than those of the other.
    pub struct More {
        /// The hypothesis in words.
        pub says: String = String::new(),
        /// The arms that are more accurate, by axis values.
        pub more: Selector,
        /// The arms to compare them with, by axis values.
        pub than: Selector,
        /// By how many percentage points at least; by any number where none is given.
        pub by: Option<Points>,
        /// The axis values to which the hypothesis is restricted.
        pub r#where: Choices,
    }
}

retort_stage::params! {
    /// The arms of both sides are as accurate as each other.
    pub struct Same {
        /// The hypothesis in words.
        pub says: String = String::new(),
        /// The arms of the one side, by axis values.
        pub same: Selector,
        /// The arms of the other, by axis values.
        pub r#as: Selector,
        /// The percentage points below which a difference counts as none.
        pub within: Points,
        /// The axis values to which the hypothesis is restricted.
        pub r#where: Choices,
    }
}

/// What a pipeline expects: that some arms are more accurate than others, or as accurate.
#[derive(Debug, Clone)]
pub enum Hypothesis {
    /// More accurate.
    More(More),
    /// As accurate.
    Same(Same),
}

impl FromNode for Hypothesis {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match (node.get("more").is_some(), node.get("same").is_some()) {
            (true, false) => More::from_node(node, scope).map(Self::More),
            (false, true) => Same::from_node(node, scope).map(Self::Same),
            _ => {
                let wrong = format!("`{}` is no hypothesis", scope.path());
                let wrong = Diagnostic::at(node.span, wrong).label("expected either `more` or `same`");
                scope.fail(wrong.hint(
                    "write `{ more: { placement: after }, than: { placement: before } }` or `{ same: …, as: …, within: 2 }`",
                ))
            }
        }
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "anyOf": [More::schema(), Same::schema()] })
    }
}

impl ContentHash for Hypothesis {
    fn term(&self) -> Term {
        match self {
            Self::More(more) => Term::variant("more", more.term()),
            Self::Same(same) => Term::variant("same", same.term()),
        }
    }
}

impl Hypothesis {
    /// Returns the hypothesis as the report takes it.
    pub(super) fn hypothesis(&self) -> report::Hypothesis {
        match self {
            Self::More(More { says, more, than, by, r#where }) => report::Hypothesis {
                says: says.clone(),
                relation: Relation::More { by: by.map(|points| points.0) },
                first: more.0.clone(),
                second: than.0.clone(),
                only: r#where.0.clone(),
            },
            Self::Same(Same { says, same, r#as, within, r#where }) => report::Hypothesis {
                says: says.clone(),
                relation: Relation::Same { within: within.0 },
                first: same.0.clone(),
                second: r#as.0.clone(),
                only: r#where.0.clone(),
            },
        }
    }
}
