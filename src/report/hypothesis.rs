//! What a pipeline expects of its arms.

use std::collections::BTreeMap;

use retort_stats::Margin;

/// What is expected of the accuracies of two arms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Relation {
    /// The first is more accurate than the second, by more than a margin where one is given.
    More {
        /// The margin, where there is one.
        by: Option<Margin>,
    },
    /// The two differ by less than a margin.
    Same {
        /// The margin.
        within: Margin,
    },
}

/// A hypothesis about every pair of arms that its two sides mean.
///
/// Each arm of the one side is held against the arm of the other that agrees with it on every axis that neither side
/// names, so that a hypothesis about placements is about each student and each dataset: these are its cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// The hypothesis in words; empty for words made of its sides.
    pub says: String,
    /// What is expected.
    pub relation: Relation,
    /// Axis values that single out the arms of the one side.
    pub first: BTreeMap<String, String>,
    /// Axis values that single out the arms of the other.
    pub second: BTreeMap<String, String>,
    /// The values of axes to which the hypothesis is restricted; an arm without such an axis stays.
    pub only: BTreeMap<String, Vec<String>>,
}
