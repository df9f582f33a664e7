//! The instances of one stage, found by the coordinates they share with a consumer.

use std::collections::BTreeMap;

use super::table::{AxisId, Coords, ValueId, value_of};

/// The instances of a stage by their coordinates.
///
/// Instances can lack axes that others of the same stage have, so they are sorted by which axes they have; within such a
/// shape, a consumer's values on the shared axes lead straight to those that agree.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    shapes: Vec<Shape>,
}

#[derive(Debug)]
struct Shape {
    axes: Vec<AxisId>,
    members: Vec<u32>,
    /// For each selection of axes that was asked for so far, the members by their values on them.
    indexes: BTreeMap<Vec<AxisId>, BTreeMap<Vec<ValueId>, Vec<u32>>>,
}

impl Shelf {
    /// Shelves the instances `first..` of `all`.
    pub(super) fn new(all: &[Coords], first: usize) -> Self {
        let mut shapes: BTreeMap<Vec<AxisId>, Vec<u32>> = BTreeMap::new();
        for (index, coords) in all.iter().enumerate().skip(first) {
            shapes.entry(coords.iter().map(|(axis, _)| *axis).collect()).or_default().push(index as u32);
        }
        let shape = |(axes, members)| Shape { axes, members, indexes: BTreeMap::new() };
        Self { shapes: shapes.into_iter().map(shape).collect() }
    }

    /// Returns the instances that agree with the coordinates on every axis that both have, shape by shape.
    pub(super) fn agreeing(&mut self, all: &[Coords], coords: &Coords) -> Vec<u32> {
        let mut found = Vec::new();
        for shape in &mut self.shapes {
            found.extend_from_slice(shape.agreeing(all, coords));
        }
        found
    }

    /// Returns how many shapes there are: the work that a look-up costs beside what it finds.
    pub(super) fn shapes(&self) -> usize {
        self.shapes.len()
    }

    /// Returns every axis that an instance has.
    pub(super) fn axes(&self) -> impl Iterator<Item = AxisId> {
        self.shapes.iter().flat_map(|shape| shape.axes.iter().copied())
    }
}

impl Shape {
    fn agreeing(&mut self, all: &[Coords], coords: &Coords) -> &[u32] {
        let shared = |axis: &AxisId| value_of(coords, *axis).map(|value| (*axis, value));
        let (axes, values): (Vec<_>, Vec<_>) = self.axes.iter().filter_map(shared).unzip();
        if axes.is_empty() {
            return &self.members;
        }
        let members = &self.members;
        let index = self.indexes.entry(axes).or_insert_with_key(|axes| {
            let mut index: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for member in members {
                let coords = &all[*member as usize];
                let values: Vec<_> = axes.iter().filter_map(|axis| value_of(coords, *axis)).collect();
                index.entry(values).or_default().push(*member);
            }
            index
        });
        index.get(&values).map_or(&[], Vec::as_slice)
    }
}

/// Puts coordinates that agree together, sorted by axis.
pub(super) fn merge(one: &Coords, other: &Coords) -> Coords {
    let mut merged = Vec::with_capacity(one.len() + other.len());
    merged.extend_from_slice(one);
    merged.extend(other.iter().filter(|(axis, _)| value_of(one, *axis).is_none()));
    merged.sort_unstable();
    merged
}
