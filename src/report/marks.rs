//! What marks an accuracy: that it is the best, and on which side of its baseline it lies.

use super::layout::Layout;
use super::summary::Summary;
use super::{ReportInput, Side, standing};

/// What marks an accuracy, by group.
pub(super) struct Marks {
    /// Whether it is clearly the best of its rivals.
    pub(super) best: Vec<bool>,
    /// On which side of its baseline it clearly lies.
    pub(super) side: Vec<Option<Side>>,
    /// Whether any arm was compared with a baseline.
    pub(super) compared: bool,
}

impl Marks {
    /// Finds what is to be marked.
    pub(super) fn of(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Self {
        let alpha = 1.0 - input.spec.level.fraction();
        // What answers nothing is below everything, which says nothing of what it learnt.
        let told = |summary: &Summary| summary.is_readable(input);
        let side = |summary: &Summary| {
            let versus = summary.versus.filter(|versus| told(summary) && told(&summaries[versus.baseline]))?;
            versus.side(alpha)
        };
        let best = standing::best(input, layout, summaries);
        let compared = summaries.iter().any(|summary| summary.versus.is_some_and(|versus| versus.found.is_some()));
        Self { best, side: summaries.iter().map(side).collect(), compared }
    }
}
