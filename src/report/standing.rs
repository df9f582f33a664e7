//! Which arms are clearly the best of those they are held against.

use std::collections::BTreeMap;

use super::against::against;
use super::layout::{Group, Layout};
use super::summary::Summary;
use super::{ARM_AXIS, ReportInput, ReportSpec};
use retort_stats::{Responses, holm};

/// The axes among whose values the best is looked for: those that are asked for, else every one that is neither a
/// column, a panel nor `x`.
pub(super) fn rivals(spec: &ReportSpec, layout: &Layout) -> Vec<String> {
    if !spec.best.is_empty() {
        return spec.best.clone();
    }
    let apart =
        |axis: &&String| !spec.columns.contains(axis) && !spec.panels.contains(axis) && spec.x.as_ref() != Some(*axis);
    layout.labels.iter().filter(apart).cloned().collect()
}

/// Says of each group whether it is clearly better than every other that agrees with it on all axes but the rivals'.
///
/// The group with the highest accuracy is compared with each of the others by question; it is the best where every p
/// value, corrected after Holm for the number of its rivals, is below the level of significance. A group that has no
/// rival, or shares no question with one, is no best. One whose outputs no label can be read from is neither a rival nor
/// the best.
pub(super) fn best(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Vec<bool> {
    let rivals = rivals(&input.spec, layout);
    let mut sets: BTreeMap<Vec<(&String, &String)>, Vec<usize>> = BTreeMap::new();
    for (index, group) in layout.groups.iter().enumerate() {
        if summaries[index].accuracy.is_some() && summaries[index].is_readable(input) {
            sets.entry(apart(group, &rivals)).or_default().push(index);
        }
    }
    let mut best = vec![false; layout.groups.len()];
    for set in sets.values() {
        let value = |index: usize| summaries[index].accuracy.map_or(0.0, |accuracy| accuracy.value);
        let Some(&first) = set.iter().max_by(|a, b| value(**a).total_cmp(&value(**b))) else { continue };
        let others = set.iter().filter(|&&index| index != first).map(|&index| &summaries[index].responses);
        best[first] = clearly_above(input, &summaries[first].responses, others);
    }
    best
}

/// The axis values of a group that set it apart from those it is not held against.
fn apart<'a>(group: &'a Group, rivals: &[String]) -> Vec<(&'a String, &'a String)> {
    group.coords.iter().filter(|(axis, _)| *axis != ARM_AXIS && !rivals.contains(axis)).collect()
}

fn clearly_above<'a>(input: &ReportInput, first: &Responses, others: impl Iterator<Item = &'a Responses>) -> bool {
    let p_value = |other: &Responses| {
        let found = against(input, first, other)?;
        (found.difference.value > 0.0).then_some(found.p)
    };
    let p_values: Option<Vec<f64>> = others.map(p_value).collect();
    let corrected = p_values.filter(|p_values| !p_values.is_empty()).and_then(|p_values| holm(&p_values).ok());
    let alpha = 1.0 - input.spec.level.fraction();
    corrected.is_some_and(|corrected| corrected.iter().all(|p| *p <= alpha))
}
