//! Which arms a hypothesis is about, and the hypothesis in words.

use std::collections::BTreeSet;

use super::counterpart::{counterpart, known, matching, same_value, written};
use super::hypothesis::{Hypothesis, Relation};
use super::layout::{Group, Layout};
use super::{ARM_AXIS, ReportError, label};
use retort_stats::Margin;

/// Two arms that a hypothesis is about, by index among the groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Case {
    /// The arm of the first side.
    pub(super) first: usize,
    /// The arm of the second side.
    pub(super) second: usize,
    /// What tells it from the hypothesis's other cases; empty where there is nothing.
    pub(super) label: String,
}

impl Relation {
    /// The fields under which a pipeline writes the two sides.
    fn sides(self) -> [&'static str; 2] {
        match self {
            Self::More { .. } => ["more", "than"],
            Self::Same { .. } => ["same", "as"],
        }
    }
}

impl Hypothesis {
    /// Writes the hypothesis in words.
    pub(super) fn words(&self) -> String {
        if self.says.is_empty() { self.formula() } else { self.says.clone() }
    }

    /// Writes the hypothesis as `placement=after > placement=before`, with its margin and what it is restricted to.
    pub(super) fn formula(&self) -> String {
        let points = |margin: Margin| label::percent(margin.fraction()).trim_end_matches(".0").to_owned();
        let (sign, margin) = match self.relation {
            Relation::More { by: Some(by) } => (">", format!(" by {} points", points(by))),
            Relation::More { by: None } => (">", String::new()),
            Relation::Same { within } => ("≈", format!(" within {} points", points(within))),
        };
        let only: Vec<String> = self.only.iter().map(|(axis, values)| format!("{axis}={}", values.join("|"))).collect();
        let only = if only.is_empty() { String::new() } else { format!(", where {}", only.join(",")) };
        format!("{} {sign} {}{margin}{only}", written(&self.first), written(&self.second))
    }

    /// Finds the cases; `index` is the hypothesis's place in the pipeline.
    ///
    /// # Errors
    /// Axes and values that no arm has, sides without arms or without arms that belong together, and pairs that are left
    /// open.
    pub(super) fn cases(&self, index: usize, layout: &Layout) -> Result<Vec<Case>, ReportError> {
        let field = |name: &str| format!("hypotheses[{index}].{name}");
        let [first, second] = self.relation.sides().map(field);
        for (axis, values) in &self.only {
            values.iter().try_for_each(|value| known(layout, axis, value, &field("where")))?;
        }
        let stays = |group: &Group| {
            self.only.iter().all(|(axis, values)| {
                group.coords.get(axis).is_none_or(|found| values.iter().any(|value| same_value(found, value)))
            })
        };
        let matching = |selector, field: &str| -> Result<Vec<usize>, ReportError> {
            let mut found = matching(layout, selector, field)?;
            found.retain(|&group| stays(&layout.groups[group]));
            Ok(found)
        };
        let (left, right) = (matching(&self.first, &first)?, matching(&self.second, &second)?);
        let named: BTreeSet<&str> = self.first.keys().chain(self.second.keys()).map(String::as_str).collect();
        let open = |axis: &str| named.contains(axis);
        // The side with more arms has the axes that the cases differ in.
        let turned = right.len() > left.len();
        let (many, few, field) = if turned { (&right, &left, &first) } else { (&left, &right, &second) };
        let mut cases = Vec::new();
        for &group in many {
            let Some(other) = counterpart(layout, group, few, &open, field)? else { continue };
            if other == group {
                let arm = Layout::instance(&layout.groups[group]);
                return Err(ReportError::Itself { field: format!("hypotheses[{index}]"), arm });
            }
            let (first, second) = if turned { (other, group) } else { (group, other) };
            let axes: Vec<String> =
                layout.labels.iter().filter(|axis| !open(axis) && *axis != ARM_AXIS).cloned().collect();
            let here = &layout.groups[group];
            let told = axes.iter().any(|axis| here.coords.contains_key(axis));
            let label = if told { Layout::label(here, &axes) } else { String::new() };
            cases.push(Case { first, second, label });
        }
        if cases.is_empty() {
            let names = |side: &[usize]| side.iter().map(|&group| Layout::instance(&layout.groups[group])).collect();
            let (left, right) = (names(&left), names(&right));
            return Err(ReportError::NoPair { field: format!("hypotheses[{index}]"), left, right });
        }
        Ok(cases)
    }
}
