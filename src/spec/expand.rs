//! Each stage joined with the instances of what it refers to.
//!
//! A reference to one stage multiplies: it is the natural join on the axes that both sides have. A gathering reference
//! does not: an instance takes all those that agree with it. Filters see the joined coordinates, and those of what is
//! gathered beside them, so that `where` on a report chooses what it reports.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::bind::Binding;
use super::experiment::{Instance, InstanceId, InstanceName, StageId};
use super::filter::{Filter, WrittenFilter};
use super::join::{Shelf, merge};
use super::limit::too_many;
use super::table::{AxisId, AxisTable, Coords, value_of};
use super::{MAX_INSTANCES, name};
use retort_source::{Diagnostic, Diagnostics, Key};

/// The most references all instances may have together.
const MAX_REFERENCES: usize = 10_000_000;
/// The most combinations that may be looked at, those that filters leave out among them.
const MAX_WORK: usize = 20_000_000;

/// The instances found so far.
#[derive(Debug)]
pub(super) struct Expansion {
    table: AxisTable,
    /// The coordinates of every instance.
    coords: Vec<Coords>,
    /// The instances of each stage; `None` where they are not known.
    shelves: Vec<Option<Shelf>>,
    instances: Vec<Instance>,
    references: usize,
    work: usize,
}

/// An instance in the making.
struct Draft<'b> {
    coords: Coords,
    binding: &'b Binding,
    /// What came along each reference so far.
    inputs: Vec<Vec<InstanceId>>,
}

/// A limit was passed.
struct TooMany;

impl Expansion {
    /// Begins with no instance of any of so many stages.
    pub(super) fn new(table: AxisTable, stages: usize) -> Self {
        let shelves = (0..stages).map(|_| None).collect();
        Self { table, coords: Vec::new(), shelves, instances: Vec::new(), references: 0, work: 0 }
    }

    /// Expands a stage; those it refers to were expanded before. Does nothing where one of them is not known.
    pub(super) fn stage(
        &mut self,
        stage: usize,
        name: &Key,
        bindings: &[Binding],
        written: &WrittenFilter,
        diagnostics: &mut Diagnostics,
    ) {
        let known = |binding: &Binding| binding.edges.iter().all(|edge| self.shelves[edge.target].is_some());
        if !bindings.iter().all(known) {
            return;
        }
        let before = diagnostics.len();
        let filter = written.lower(&self.table, diagnostics);
        let Ok((mut drafts, axes)) = self.drafts(bindings, &filter) else {
            return diagnostics.push(too_many(name.span));
        };
        self.check_filter_axes(name, written, &axes, diagnostics);
        if diagnostics.len() > before {
            return;
        }
        if drafts.is_empty() {
            let empty = Diagnostic::at(name.span, format!("the stage `{}` is left with no instance", name.text));
            let why = if filter.is_empty() {
                "what it refers to has no combination of axes in common"
            } else {
                "`where` and `except` leave every combination out"
            };
            return diagnostics.push(empty.label(why));
        }
        drafts.sort_by(|a, b| a.coords.cmp(&b.coords));
        let first = self.coords.len();
        for draft in drafts {
            let instance = self.instance(stage, name, &draft);
            self.instances.push(instance);
            self.coords.push(draft.coords);
        }
        self.shelves[stage] = Some(Shelf::new(&self.coords, first));
    }

    /// Returns how many more instances fit.
    pub(super) fn room(&self) -> usize {
        MAX_INSTANCES - self.coords.len()
    }

    /// Returns every instance, each after those it refers to.
    pub(super) fn finish(self) -> Vec<Instance> {
        self.instances
    }

    /// Joins every binding with what it refers to; returns also the axes on which anything varied before filters.
    fn drafts<'b>(
        &mut self,
        bindings: &'b [Binding],
        filter: &Filter,
    ) -> Result<(Vec<Draft<'b>>, BTreeSet<AxisId>), TooMany> {
        let (mut found, mut axes) = (Vec::new(), BTreeSet::new());
        for binding in bindings {
            let gathers = binding.edges.iter().any(|edge| edge.gathers);
            for mut draft in self.joined(binding)? {
                if !filter.is_empty() {
                    axes.extend(draft.coords.iter().map(|(axis, _)| *axis));
                }
                let stays = if gathers {
                    self.gather(&mut draft, filter, &mut axes)?
                } else {
                    filter.passes(&|axis| value_of(&draft.coords, axis))
                };
                if stays {
                    found.push(draft);
                    if found.len() > self.room() {
                        return Err(TooMany);
                    }
                }
            }
        }
        Ok((found, axes))
    }

    /// Joins a binding with the instances along each reference that takes one; gathering ones stay empty.
    fn joined<'b>(&mut self, binding: &'b Binding) -> Result<Vec<Draft<'b>>, TooMany> {
        let mut drafts = vec![Draft { coords: binding.coords.clone(), binding, inputs: Vec::new() }];
        for edge in &binding.edges {
            if edge.gathers {
                for draft in &mut drafts {
                    draft.inputs.push(Vec::new());
                }
                continue;
            }
            let mut joined = Vec::with_capacity(drafts.len());
            for draft in drafts {
                for instance in self.agreeing(edge.target, &draft.coords)? {
                    let coords = merge(&draft.coords, &self.coords[instance as usize]);
                    if self.table.consistent(&coords) {
                        let mut inputs = draft.inputs.clone();
                        inputs.push(vec![InstanceId::new(instance)]);
                        joined.push(Draft { coords, binding, inputs });
                    }
                }
                if joined.len() > MAX_INSTANCES {
                    return Err(TooMany);
                }
            }
            drafts = joined;
        }
        Ok(drafts)
    }

    /// Fills the gathering references of a draft; says whether something came to each port, which several may share.
    fn gather(&mut self, draft: &mut Draft<'_>, filter: &Filter, axes: &mut BTreeSet<AxisId>) -> Result<bool, TooMany> {
        for (index, edge) in draft.binding.edges.iter().enumerate().filter(|(_, edge)| edge.gathers) {
            if !filter.is_empty() {
                axes.extend(self.shelves[edge.target].iter().flat_map(Shelf::axes));
            }
            let mut agreeing = self.agreeing(edge.target, &draft.coords)?;
            agreeing.retain(|instance| {
                let gathered = &self.coords[*instance as usize];
                filter.passes(&|axis| value_of(&draft.coords, axis).or_else(|| value_of(gathered, axis)))
            });
            agreeing.sort_unstable();
            self.references += agreeing.len();
            if self.references > MAX_REFERENCES {
                return Err(TooMany);
            }
            draft.inputs[index] = agreeing.into_iter().map(InstanceId::new).collect();
        }
        let edges = || draft.binding.edges.iter().zip(&draft.inputs);
        let filled = |port: &str| edges().any(|(edge, inputs)| &*edge.port == port && !inputs.is_empty());
        Ok(edges().all(|(edge, _)| !edge.gathers || filled(&edge.port)))
    }

    fn agreeing(&mut self, target: usize, coords: &Coords) -> Result<Vec<u32>, TooMany> {
        let Some(shelf) = &mut self.shelves[target] else { return Ok(Vec::new()) };
        let found = shelf.agreeing(&self.coords, coords);
        self.work += shelf.shapes() + found.len();
        if self.work > MAX_WORK { Err(TooMany) } else { Ok(found) }
    }

    /// Reports filters on axes that the stage does not have, and on axes that nobody has.
    fn check_filter_axes(
        &self,
        name: &Key,
        written: &WrittenFilter,
        axes: &BTreeSet<AxisId>,
        diagnostics: &mut Diagnostics,
    ) {
        let varies = || axes.iter().map(|axis| &**self.table.name(*axis));
        for (key, _) in written.conditions() {
            let wrong = match self.table.id(&key.text) {
                Some(axis) if axes.contains(&axis) => continue,
                Some(_) => format!("`{}` does not vary over `{}`", name.text, key.text),
                None => format!("unknown axis `{}`", key.text),
            };
            let near = name::near(&key.text, self.table.names());
            let near = near.filter(|_| self.table.id(&key.text).is_none());
            let label = if axes.is_empty() { "it has no axes".into() } else { name::list(varies()) };
            diagnostics.push(Diagnostic::at(key.span, wrong).label(label).hint_if(near));
        }
    }

    fn instance(&self, stage: usize, name: &Key, draft: &Draft<'_>) -> Instance {
        let mut inputs: Vec<(Arc<str>, Vec<InstanceId>)> = Vec::new();
        for (edge, instances) in draft.binding.edges.iter().zip(&draft.inputs) {
            match inputs.iter_mut().find(|(port, _)| *port == edge.port) {
                None => inputs.push((edge.port.clone(), instances.clone())),
                Some((_, gathered)) => {
                    gathered.extend(instances);
                    gathered.sort_unstable();
                    gathered.dedup();
                }
            }
        }
        let coords: Vec<_> = draft.coords.iter().map(|(axis, value)| self.table.coordinate(*axis, *value)).collect();
        Instance {
            name: InstanceName::new(&name.text, &coords),
            stage: StageId::new(stage),
            coords,
            bound: draft.binding.bound.clone(),
            inputs,
            values: draft.binding.values.clone(),
        }
    }
}
