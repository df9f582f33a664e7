//! All axes of an experiment by number, so that coordinates compare and sort as numbers do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::axis::{Axis, Group};
use super::experiment::Coordinate;
use retort_source::Span;

/// An axis: its place in the order of names, which is that of the file, then local axes by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AxisId(u32);

/// A value of an axis: its place among the axis' values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ValueId(u32);

/// Coordinates, sorted by axis; an axis that does not multiply an instance is absent.
pub(super) type Coords = Vec<(AxisId, ValueId)>;

/// Every axis with every value it takes anywhere.
#[derive(Debug, Default)]
pub(super) struct AxisTable {
    axes: Vec<Entry>,
    ids: BTreeMap<Arc<str>, AxisId>,
    zips: Vec<Zip>,
}

#[derive(Debug)]
struct Entry {
    name: Arc<str>,
    values: Vec<(Arc<str>, Span)>,
    ids: BTreeMap<Arc<str>, ValueId>,
    /// Values of the file that the command line replaced.
    replaced: BTreeSet<String>,
}

/// Axes that vary together: the allowed combinations of each selection of them that was asked for so far.
#[derive(Debug)]
struct Zip {
    axes: Vec<AxisId>,
    rows: Vec<Vec<ValueId>>,
    allowed: BTreeMap<Vec<usize>, BTreeSet<Vec<ValueId>>>,
}

impl AxisTable {
    /// Numbers the axes of the experiment and those of single stages, which share numbers where they share names.
    pub(super) fn new<'g>(global: &[Group], local: impl Iterator<Item = &'g Group>) -> Self {
        let mut table = Self::default();
        for axis in global.iter().flat_map(|group| &group.axes) {
            table.add(axis);
        }
        let mut local: Vec<&Axis> = local.flat_map(|group| &group.axes).collect();
        // By their values as well, so that the places of values do not depend on which stage comes first.
        let names = |axis: &Axis| axis.values.iter().map(|value| value.name.clone()).collect::<Vec<_>>();
        local.sort_by(|a, b| (&a.key.text, names(a)).cmp(&(&b.key.text, names(b))));
        for axis in local {
            table.add(axis);
        }
        table.zips = global.iter().filter_map(|group| table.zip(group)).collect();
        table
    }

    /// Returns the number of an axis.
    pub(super) fn id(&self, name: &str) -> Option<AxisId> {
        self.ids.get(name).copied()
    }

    /// Returns the number of a value by its name.
    pub(super) fn value(&self, axis: AxisId, name: &str) -> Option<ValueId> {
        self.entry(axis).ids.get(name).copied()
    }

    /// Says whether the file gave an axis a value that the command line replaced.
    pub(super) fn had(&self, axis: AxisId, name: &str) -> bool {
        self.entry(axis).replaced.contains(name)
    }

    /// Returns the names of an axis' values.
    pub(super) fn values(&self, axis: AxisId) -> impl Iterator<Item = &str> {
        self.entry(axis).values.iter().map(|(name, _)| &**name)
    }

    /// Returns the name of an axis.
    pub(super) fn name(&self, axis: AxisId) -> &Arc<str> {
        &self.entry(axis).name
    }

    /// Writes a coordinate out.
    pub(super) fn coordinate(&self, axis: AxisId, value: ValueId) -> Coordinate {
        let entry = self.entry(axis);
        let (name, span) = &entry.values[value.0 as usize];
        Coordinate { axis: entry.name.clone(), value: name.clone(), position: value.0, span: *span }
    }

    /// Returns the names of all axes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.axes.iter().map(|entry| &*entry.name)
    }

    /// Says whether the zipped axes among the coordinates have values that go together.
    pub(super) fn consistent(&mut self, coords: &[(AxisId, ValueId)]) -> bool {
        self.zips.iter_mut().all(|zip| zip.allows(coords))
    }

    fn add(&mut self, axis: &Axis) {
        let name: Arc<str> = axis.key.text.as_str().into();
        let next = AxisId(self.axes.len() as u32);
        let id = *self.ids.entry(name.clone()).or_insert(next);
        if id == next {
            self.axes.push(Entry { name, values: Vec::new(), ids: BTreeMap::new(), replaced: BTreeSet::new() });
        }
        let entry = &mut self.axes[id.0 as usize];
        entry.replaced.extend(axis.replaced.iter().cloned());
        for value in &axis.values {
            if !entry.ids.contains_key(&value.name) {
                entry.ids.insert(value.name.clone(), ValueId(entry.values.len() as u32));
                entry.values.push((value.name.clone(), value.node.span));
            }
        }
    }

    fn zip(&self, group: &Group) -> Option<Zip> {
        if group.axes.len() < 2 {
            return None;
        }
        let axes: Option<Vec<_>> = group.axes.iter().map(|axis| self.id(&axis.key.text)).collect();
        let axes = axes?;
        let row = |row: usize| {
            let values = group.axes.iter().zip(&axes).map(|(axis, id)| self.value(*id, &axis.values[row].name));
            values.collect::<Option<Vec<_>>>()
        };
        let rows = (0..group.rows()).filter_map(row).collect();
        Some(Zip { axes, rows, allowed: BTreeMap::new() })
    }

    fn entry(&self, axis: AxisId) -> &Entry {
        &self.axes[axis.0 as usize]
    }
}

impl Zip {
    fn allows(&mut self, coords: &[(AxisId, ValueId)]) -> bool {
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        for (column, axis) in self.axes.iter().enumerate() {
            if let Some(value) = value_of(coords, *axis) {
                columns.push(column);
                values.push(value);
            }
        }
        if columns.len() < 2 {
            return true;
        }
        let rows = &self.rows;
        let allowed = self.allowed.entry(columns).or_insert_with_key(|columns| {
            rows.iter().map(|row| columns.iter().map(|column| row[*column]).collect()).collect()
        });
        allowed.contains(&values)
    }
}

/// Returns the value that coordinates give an axis.
pub(super) fn value_of(coords: &[(AxisId, ValueId)], axis: AxisId) -> Option<ValueId> {
    let found = coords.binary_search_by_key(&axis, |(axis, _)| *axis).ok()?;
    Some(coords[found].1)
}
