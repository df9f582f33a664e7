//! Combinations left out: `where` keeps only those that match, `except` leaves out those that match.
//!
//! Each is a mapping of axes to a value or a list of values, all of which must agree, or a list of such mappings, any of
//! which may. `null` stands for an instance that has no such axis. A filter never multiplies a stage.

use std::collections::BTreeSet;

use super::name;
use super::table::{AxisId, AxisTable, ValueId};
use retort_source::{Diagnostic, Diagnostics, Key, Node, Value};

/// The filters of a stage as they were written.
#[derive(Debug, Clone, Default)]
pub(super) struct WrittenFilter {
    /// The patterns under `where`; `None` where there is none.
    keep: Option<Vec<Vec<(Key, Node)>>>,
    /// The patterns under `except`.
    drop: Vec<Vec<(Key, Node)>>,
}

/// The filters of a stage, by number.
#[derive(Debug, Default)]
pub(super) struct Filter {
    keep: Option<Vec<Pattern>>,
    drop: Vec<Pattern>,
}

/// Conditions that must all hold.
type Pattern = Vec<Condition>;

#[derive(Debug)]
struct Condition {
    axis: AxisId,
    values: BTreeSet<ValueId>,
    absent: bool,
}

impl WrittenFilter {
    /// Takes what stands under `where`.
    pub(super) fn keep(&mut self, node: &Node, diagnostics: &mut Diagnostics) {
        self.keep = Some(patterns("where", node, diagnostics));
    }

    /// Takes what stands under `except`.
    pub(super) fn drop(&mut self, node: &Node, diagnostics: &mut Diagnostics) {
        self.drop = patterns("except", node, diagnostics);
    }

    /// Returns every condition with the name and place of its axis.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &(Key, Node)> {
        self.keep.iter().flatten().chain(&self.drop).flatten()
    }

    /// Looks up axes and values; what is unknown is reported.
    pub(super) fn lower(&self, table: &AxisTable, diagnostics: &mut Diagnostics) -> Filter {
        let mut lower = |patterns: &Vec<Vec<(Key, Node)>>| {
            let lowered = patterns.iter().map(|pattern| {
                pattern.iter().filter_map(|(key, node)| condition(key, node, table, diagnostics)).collect()
            });
            lowered.collect::<Vec<Pattern>>()
        };
        Filter { keep: self.keep.as_ref().map(&mut lower), drop: lower(&self.drop) }
    }
}

impl Filter {
    /// Says whether there is nothing to check.
    pub(super) fn is_empty(&self) -> bool {
        self.keep.is_none() && self.drop.is_empty()
    }

    /// Says whether a combination stays; `value` gives its coordinates.
    pub(super) fn passes(&self, value: &dyn Fn(AxisId) -> Option<ValueId>) -> bool {
        let holds = |pattern: &Pattern| {
            pattern.iter().all(|condition| match value(condition.axis) {
                Some(value) => condition.values.contains(&value),
                None => condition.absent,
            })
        };
        self.keep.as_ref().is_none_or(|patterns| patterns.iter().any(holds)) && !self.drop.iter().any(holds)
    }
}

fn patterns(verb: &str, node: &Node, diagnostics: &mut Diagnostics) -> Vec<Vec<(Key, Node)>> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut found = Vec::new();
    for item in items {
        if item.entries().is_empty() {
            let wrong = Diagnostic::at(item.span, format!("`{verb}` cannot be {}", item.describe()));
            diagnostics.push(wrong.label("expected a mapping of axes to values, or a list of such mappings"));
        } else {
            found.push(item.entries().to_vec());
        }
    }
    found
}

fn condition(key: &Key, node: &Node, table: &AxisTable, diagnostics: &mut Diagnostics) -> Option<Condition> {
    let axis = table.id(&key.text)?;
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let (mut values, mut absent) = (BTreeSet::new(), false);
    for item in items {
        absent |= item.value == Value::Null;
        let Some(written) = item.scalar() else {
            let wrong =
                Diagnostic::at(item.span, format!("`{}` cannot be compared with {}", key.text, item.describe()));
            diagnostics.push(wrong.label("expected a value, or a list of values"));
            continue;
        };
        if let Some(value) = table.value(axis, &written) {
            values.insert(value);
        } else if item.value != Value::Null && !table.had(axis, &written) {
            let unknown = Diagnostic::at(item.span, format!("the axis `{}` has no value `{written}`", key.text));
            let known = || table.values(axis);
            diagnostics.push(unknown.label(name::list(known())).hint_if(name::near(&written, known())));
        }
    }
    Some(Condition { axis, values, absent })
}
