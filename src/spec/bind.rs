//! Reading each stage once for each choice of values of the axes it mentions itself.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::axis::Group;
use super::axis_value::AxisValue;
use super::derive::Definition;
use super::experiment::Values;
use super::limit::{enough, too_many};
use super::table::{AxisId, AxisTable, Coords, ValueId};
use super::written::{Word, WrittenStage};
use super::{Language, MAX_ERRORS, MAX_INSTANCES, name, placeholder};
use retort_artifact::ArtifactKind;
use retort_source::{Diagnostic, Diagnostics, Node, Span};
use retort_stage::BoundStage;
use retort_stage::params::{EdgeRef, Scope};

/// A stage, read with one choice of values.
#[derive(Debug)]
pub(super) struct Binding {
    /// The coordinates on the stage's own axes.
    pub(super) coords: Coords,
    /// The values of those axes.
    pub(super) values: Arc<Values>,
    /// The stage as the engine sees it.
    pub(super) bound: Arc<dyn BoundStage>,
    /// Its references.
    pub(super) edges: Vec<Edge>,
}

/// A reference from a stage to another.
#[derive(Debug)]
pub(super) struct Edge {
    /// The field it stands in.
    pub(super) port: Arc<str>,
    /// The stage it refers to, by its place in the file.
    pub(super) target: usize,
    /// Where the name stands.
    pub(super) span: Span,
    /// Whether it takes all instances at once.
    pub(super) gathers: bool,
}

/// What a stage is bound within.
pub(super) struct Surroundings<'a> {
    axes: &'a [Group],
    table: &'a AxisTable,
    models: &'a BTreeMap<String, Node>,
    seed: u64,
    /// Each stage's place in the file, and what it gives where its kind is known.
    stages: BTreeMap<&'a str, (usize, Option<ArtifactKind>)>,
    /// The stages that declare each axis of their own.
    owners: BTreeMap<&'a str, &'a str>,
    /// How many more choices are read of stages in which something is wrong, so that looking for errors ends soon.
    tries: Cell<usize>,
}

/// The axes that a stage mentions.
struct OwnAxes<'g> {
    /// The combinations of values that each group of axes allows.
    groups: Vec<Vec<Choice<'g>>>,
    /// The places of placeholders that stand for nothing known.
    unknown: BTreeSet<Span>,
}

/// A choice of values, one for each own axis.
type Choice<'a> = Vec<(AxisId, ValueId, &'a AxisValue)>;

impl<'a> Surroundings<'a> {
    pub(super) fn new(
        axes: &'a [Group],
        table: &'a AxisTable,
        models: &'a BTreeMap<String, Node>,
        seed: u64,
        stages: &'a [WrittenStage],
        language: Language,
    ) -> Self {
        let output = |stage: &WrittenStage| match stage.word? {
            Word::Kind(kind) => Some(kind.output),
            Word::Derived(derivation) => {
                language.kinds.iter().find(|kind| kind.name == derivation.base).map(|kind| kind.output)
            }
        };
        let by_name =
            stages.iter().enumerate().map(|(index, stage)| (stage.name.text.as_str(), (index, output(stage))));
        let own =
            |stage: &'a WrittenStage| stage.over.iter().flat_map(|group| &group.axes).map(move |axis| (axis, stage));
        let owners =
            stages.iter().flat_map(own).map(|(axis, stage)| (axis.key.text.as_str(), stage.name.text.as_str()));
        let (stages, owners, tries) = (by_name.collect(), owners.collect(), Cell::new(MAX_INSTANCES));
        Self { axes, table, models, seed, stages, owners, tries }
    }

    /// Reads a stage with every choice of values; `None` when something is wrong, which is reported.
    pub(super) fn bind(
        &self,
        definition: &Definition,
        room: usize,
        name: Span,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<Binding>> {
        if self.tries.get() == 0 {
            return None;
        }
        let OwnAxes { groups, unknown } = self.own_axes(definition, diagnostics);
        let count = groups.iter().try_fold(1_usize, |count, rows| count.checked_mul(rows.len()));
        if count.is_none_or(|count| count > room) {
            diagnostics.push(too_many(name));
            return None;
        }
        let bind = |at: &[usize], diagnostics: &mut Diagnostics| {
            let rows = groups.iter().zip(at);
            let mut choice: Choice<'_> = rows.flat_map(|(rows, at)| rows[*at].iter().copied()).collect();
            choice.sort_by_key(|(axis, ..)| *axis);
            let mut found = Diagnostics::default();
            let binding = self.bind_one(definition, &choice, &mut found);
            found.take_notices().into_iter().for_each(|notice| diagnostics.notice(notice));
            report(&found, &unknown, diagnostics);
            binding
        };
        let mut at = vec![0; groups.len()];
        let mut bindings = Vec::new();
        while let Some(binding) = bind(&at, diagnostics).filter(|_| unknown.is_empty()) {
            bindings.push(binding);
            if !advance(&mut at, &groups) {
                return Some(bindings);
            }
        }
        // Where something is wrong, each value is tried once for errors of its own, not in every combination.
        self.spend(bindings.len());
        for (group, rows) in groups.iter().enumerate() {
            for row in 0..rows.len() {
                if enough(diagnostics) || !self.spend(1) {
                    return None;
                }
                let mut at = vec![0; groups.len()];
                at[group] = row;
                bind(&at, diagnostics);
            }
        }
        None
    }

    /// Counts choices that were read in vain; `false` when no more should be.
    fn spend(&self, choices: usize) -> bool {
        let left = self.tries.get().saturating_sub(choices);
        self.tries.set(left);
        left > 0
    }

    /// Lists the rows of values of each group of axes that the stage mentions.
    fn own_axes<'g>(&'g self, definition: &'g Definition, diagnostics: &mut Diagnostics) -> OwnAxes<'g> {
        let (mut mentioned, mut malformed) = (BTreeMap::<&str, Vec<Span>>::new(), Diagnostics::default());
        placeholder::mentions(&definition.body, &mut malformed, &mut |name, span| {
            mentioned.entry(name).or_default().push(span);
        });
        let mut unknown: BTreeSet<Span> = malformed.sorted().iter().filter_map(|error| error.span).collect();
        malformed.sorted().into_iter().for_each(|error| diagnostics.push(error.clone()));
        let mut known: BTreeMap<&str, &Group> = BTreeMap::new();
        for group in self.axes.iter().chain(&definition.over) {
            known.extend(group.axes.iter().map(|axis| (axis.key.text.as_str(), group)));
        }
        for (name, spans) in &mentioned {
            let group = known.get(name);
            if group.is_none() {
                spans.iter().take(MAX_ERRORS).for_each(|span| diagnostics.push(self.unknown_axis(name, *span, &known)));
            }
            // An axis without values was reported where it is declared.
            if group.is_none_or(|group| group.rows() == 0) {
                unknown.extend(spans);
            }
        }
        let own = |group: &Group| definition.over.iter().any(|over| std::ptr::eq(over, group));
        let rows = self.axes.iter().chain(&definition.over).filter_map(|group| {
            let wanted = |name: &str| own(group) || mentioned.contains_key(name);
            let rows = self.rows(group, &wanted);
            (!rows.is_empty()).then_some(rows)
        });
        OwnAxes { groups: rows.collect(), unknown }
    }

    /// Lists the combinations of those axes of a group that are wanted, each once; none where none is wanted.
    fn rows<'g>(&self, group: &'g Group, wanted: &dyn Fn(&str) -> bool) -> Vec<Choice<'g>> {
        let axes: Vec<_> = group.axes.iter().filter(|axis| wanted(&axis.key.text)).collect();
        if axes.is_empty() {
            return Vec::new();
        }
        let (mut seen, mut rows) = (BTreeSet::new(), Vec::new());
        for row in 0..group.rows() {
            let choice: Option<Choice<'g>> = axes
                .iter()
                .map(|axis| {
                    let (id, value) = (self.table.id(&axis.key.text)?, &axis.values[row]);
                    Some((id, self.table.value(id, &value.name)?, value))
                })
                .collect();
            let choice = choice.unwrap_or_default();
            // Some axes of a zip can repeat a combination that the whole zip does not.
            if seen.insert(choice.iter().map(|(_, value, _)| *value).collect::<Vec<_>>()) {
                rows.push(choice);
            }
        }
        rows
    }

    fn unknown_axis(&self, name: &str, span: Span, known: &BTreeMap<&str, &Group>) -> Diagnostic {
        let known = || known.keys().copied();
        let unknown = Diagnostic::at(span, format!("unknown axis `{name}`")).label(name::list(known()));
        match self.owners.get(name) {
            Some(owner) => {
                unknown.hint(format!("`{name}` belongs to `{owner}` alone; declare it under `axes` to use it here"))
            }
            // A group of a pattern, as `replace` has them.
            None if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                unknown.hint(format!("write `$${{{name}}}` where `${{{name}}}` is meant as text"))
            }
            None => unknown.hint_if(name::near(name, known())),
        }
    }

    fn bind_one(&self, definition: &Definition, choice: &Choice<'_>, diagnostics: &mut Diagnostics) -> Option<Binding> {
        let values: Values =
            choice.iter().map(|(axis, _, value)| (self.table.name(*axis).clone(), value.node.clone())).collect();
        let body = placeholder::substitute(&definition.body, &|name| {
            choice.iter().find(|(axis, ..)| &**self.table.name(*axis) == name).map(|(_, _, value)| *value)
        });
        let mut scope = Scope::new(self.seed, self.models, diagnostics);
        scope.varied = placeholder::varied(&definition.body);
        let bound = (definition.kind.bind)(definition.kind, &body, &mut scope);
        // References are checked also where something else in the body is wrong.
        let read = std::mem::take(&mut scope.edges);
        let references = bound.as_ref().map_or(read.as_slice(), |bound| bound.edges());
        let edges: Vec<_> = references.iter().map(|edge| self.edge(edge, diagnostics)).collect();
        Some(Binding {
            coords: choice.iter().map(|(axis, value, _)| (*axis, *value)).collect(),
            values: Arc::new(values),
            edges: edges.into_iter().collect::<Option<_>>()?,
            bound: bound?.into(),
        })
    }

    fn edge(&self, edge: &EdgeRef, diagnostics: &mut Diagnostics) -> Option<Edge> {
        let names = || self.stages.keys().copied();
        let Some((target, output)) = self.stages.get(edge.stage.as_str()) else {
            let unknown = Diagnostic::at(edge.span, format!("unknown stage `{}`", edge.stage));
            diagnostics.push(unknown.label(name::list(names())).hint_if(name::near(&edge.stage, names())));
            return None;
        };
        if let Some(given) = output.filter(|given| *given != edge.kind) {
            let message =
                format!("`{}` needs {}, but `{}` gives {}", edge.port, noun(edge.kind), edge.stage, noun(given));
            let fitting = self.stages.iter().filter(|(_, (_, output))| *output == Some(edge.kind));
            let mut fitting: Vec<_> = fitting.map(|(name, _)| format!("`{name}`")).take(6).collect();
            if fitting.len() > 5 {
                fitting[5] = "…".into();
            }
            let hint = (!fitting.is_empty()).then(|| format!("what gives {}: {}", noun(edge.kind), fitting.join(", ")));
            diagnostics.push(Diagnostic::at(edge.span, message).hint_if(hint));
            return None;
        }
        Some(Edge { port: edge.port.as_str().into(), target: *target, span: edge.span, gathers: edge.gathers })
    }
}

/// Reports what was found wrong with one choice of values.
fn report(found: &Diagnostics, unknown: &BTreeSet<Span>, diagnostics: &mut Diagnostics) {
    for error in found.sorted() {
        // What an unknown axis would have put somewhere cannot be wrong as well, and one place that is wrong with every
        // value that a generated axis puts there is wrong once.
        let mut known = diagnostics.sorted().into_iter();
        let repeated = known.any(|known| known.span == error.span && known.label == error.label);
        if !repeated && error.span.is_none_or(|span| !unknown.contains(&span)) {
            diagnostics.push(error.clone());
        }
    }
}

/// Goes to the next choice, the last group first; `false` after the last one.
fn advance(at: &mut [usize], groups: &[Vec<Choice<'_>>]) -> bool {
    for (at, rows) in at.iter_mut().zip(groups).rev() {
        *at += 1;
        if *at < rows.len() {
            return true;
        }
        *at = 0;
    }
    false
}

fn noun(kind: ArtifactKind) -> String {
    let name = kind.to_string();
    if name.ends_with('s') { name } else { format!("a {name}") }
}
