//! Which arm another is held against: by what a selector asks for, and then by likeness.

use std::collections::BTreeMap;

use super::layout::{Group, Layout};
use super::{ARM_AXIS, ReportError, label};

/// The groups that a selector matches, by index.
///
/// # Errors
/// An axis that no arm has or that is averaged over, a value that no arm has, or values that no arm has together; `field`
/// is where the selector stands.
pub(super) fn matching(
    layout: &Layout,
    selector: &BTreeMap<String, String>,
    field: &str,
) -> Result<Vec<usize>, ReportError> {
    for (axis, wanted) in selector {
        known(layout, axis, wanted, field)?;
    }
    let fits = |group: &Group| {
        selector.iter().all(|(axis, wanted)| group.coords.get(axis).is_some_and(|found| same_value(found, wanted)))
    };
    let found: Vec<usize> = (0..layout.groups.len()).filter(|&index| fits(&layout.groups[index])).collect();
    if found.is_empty() {
        let arms = layout.groups.iter().map(Layout::instance).collect();
        return Err(ReportError::NoArm { field: field.to_owned(), selector: written(selector), arms });
    }
    Ok(found)
}

/// Checks that an axis has a value.
pub(super) fn known(layout: &Layout, axis: &str, wanted: &str, field: &str) -> Result<(), ReportError> {
    let (field, axis) = (field.to_owned(), axis.to_owned());
    let values = layout.values(&axis);
    if layout.averaged.contains(&axis) {
        return Err(ReportError::Averaged { field, axis });
    }
    if values.is_empty() {
        return Err(ReportError::UnknownAxis { field, axis, known: layout.axes() });
    }
    if values.iter().any(|value| same_value(value, wanted)) {
        return Ok(());
    }
    Err(ReportError::UnknownValue { field, axis, value: wanted.to_owned(), known: values.to_vec() })
}

/// Finds for a group the one it is held against: of those candidates that disagree on no axis that both have, axes in
/// `open` aside, the one that shares most values. `None` where all of them disagree.
///
/// # Errors
/// Several that share as many values.
pub(super) fn counterpart(
    layout: &Layout,
    of: usize,
    candidates: &[usize],
    open: &dyn Fn(&str) -> bool,
    field: &str,
) -> Result<Option<usize>, ReportError> {
    let groups = &layout.groups;
    let likeness = |&candidate: &usize| {
        let theirs = &groups[candidate].coords;
        let shared = || groups[of].coords.iter().filter_map(|(axis, value)| Some((axis, value, theirs.get(axis)?)));
        let differs = shared().any(|(axis, value, theirs)| axis != ARM_AXIS && !open(axis) && value != theirs);
        (!differs).then(|| (candidate, shared().filter(|(_, value, theirs)| value == theirs).count()))
    };
    let compatible: Vec<(usize, usize)> = candidates.iter().filter_map(likeness).collect();
    let Some(most) = compatible.iter().map(|(_, shared)| *shared).max() else { return Ok(None) };
    let best: Vec<usize> = compatible.iter().filter(|(_, shared)| *shared == most).map(|(index, _)| *index).collect();
    match best[..] {
        [one] => Ok(Some(one)),
        _ => Err(ReportError::Ambiguous {
            field: field.to_owned(),
            arm: Layout::instance(&groups[of]),
            candidates: best.iter().map(|&index| Layout::instance(&groups[index])).collect(),
        }),
    }
}

/// Writes a selector as `placement=after,run=0`.
pub(super) fn written(selector: &BTreeMap<String, String>) -> String {
    selector.iter().map(|(axis, value)| format!("{axis}={value}")).collect::<Vec<_>>().join(",")
}

/// Says whether two values of an axis are the same: equal, or equal as numbers.
pub(super) fn same_value(found: &str, wanted: &str) -> bool {
    let number = label::number;
    found == wanted || number(found).zip(number(wanted)).is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
}
