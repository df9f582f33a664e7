//! How both charts name groups and mark them: keys of axis values, legend slots, marks.

use crate::ReportInput;
use crate::figure::{Entry, EntryKind, Mark};
use crate::label;
use crate::layout::{Group, Layout};
use crate::summary::Summary;

/// Makes the mark of a group; `None` without questions.
pub(super) fn mark(input: &ReportInput, group: &Group, summary: &Summary, x: f64) -> Option<Mark> {
    let (estimate, chance) = (summary.accuracy?, summary.responses.chance());
    let accuracy = label::with_interval(&estimate, label::percent);
    let questions = label::count(summary.responses.questions());
    let replicates: Vec<String> = summary.responses.by_replicate().into_iter().map(label::percent).collect();
    let each = if replicates.len() > 1 { format!(", replicates {} %", replicates.join(", ")) } else { String::new() };
    let tip = format!("{}: {accuracy} %, n = {questions}{each}", Layout::instance(group));
    Some(Mark { x, estimate, chance, tip, assessable: summary.is_readable(input) })
}

/// The legend's entry for the rule that marks chance; `None` where nothing could be guessed.
pub(super) fn chance_entry(arms: &[(&Group, &Summary)]) -> Option<Entry> {
    let guessed = arms.iter().any(|(_, summary)| summary.responses.chance().is_some());
    guessed.then(|| Entry { slot: 0, label: "chance".to_owned(), kind: EntryKind::Chance })
}

/// Values of axes, with `None` where an arm lacks one.
pub(super) type Key<'a> = Vec<Option<&'a str>>;

pub(super) fn key<'a>(group: &'a Group, axes: &[String]) -> Key<'a> {
    axes.iter().map(|axis| group.coords.get(axis).map(String::as_str)).collect()
}

/// Says whether two keys differ on no axis that both have.
pub(super) fn agree(a: &Key<'_>, b: &Key<'_>) -> bool {
    a.iter().zip(b).all(|(a, b)| a.is_none() || b.is_none() || a == b)
}

pub(super) fn heading(group: &Group, axes: &[String]) -> String {
    if axes.iter().any(|axis| group.coords.contains_key(axis)) { Layout::label(group, axes) } else { String::new() }
}

/// Returns where a key stands among those seen, adding it when it is new.
pub(super) fn position<K: PartialEq>(seen: &mut Vec<K>, key: K) -> usize {
    seen.iter().position(|known| *known == key).unwrap_or_else(|| {
        seen.push(key);
        seen.len() - 1
    })
}

/// The legend while it grows: the same values of the same axes keep one slot, and so one colour.
pub(super) struct Slots<'a> {
    axes: Vec<String>,
    keys: Vec<Key<'a>>,
    pub(super) entries: Vec<Entry>,
}

impl<'a> Slots<'a> {
    pub(super) fn of(axes: Vec<String>) -> Self {
        Self { axes, keys: Vec::new(), entries: Vec::new() }
    }

    /// Returns the slot of a group, and enters it when the legend has no such line yet.
    pub(super) fn slot(&mut self, group: &'a Group, kind: EntryKind, suffix: &str) -> usize {
        let slot = position(&mut self.keys, key(group, &self.axes));
        if !self.entries.iter().any(|entry| entry.slot == slot && entry.kind == kind) {
            let label = Layout::label(group, &self.axes) + suffix;
            self.entries.push(Entry { slot, label, kind });
        }
        slot
    }
}
