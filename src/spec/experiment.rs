//! The experiment: every stage, every instance, and where each parameter was written.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::placeholder;
use retort_source::{Diagnostic, FileId, Node, Span, Value};
use retort_stage::{BoundStage, Kind};

/// Which instance of an experiment: its position in [`Experiment::instances`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(u32);

/// Which stage of an experiment: its position in [`Experiment::stages`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(u32);

impl InstanceId {
    pub(super) fn new(index: u32) -> Self {
        Self(index)
    }

    /// Names the instance at a position in [`Experiment::instances`].
    pub fn at(index: usize) -> Self {
        Self(index as u32)
    }

    /// Returns the position in [`Experiment::instances`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl StageId {
    pub(super) fn new(index: usize) -> Self {
        Self(index as u32)
    }

    /// Returns the position in [`Experiment::stages`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The values that a stage's placeholders took.
pub(super) type Values = Vec<(Arc<str>, Arc<Node>)>;

/// The name of an instance, from values rather than positions: `tuned[student=gpt2,run=0]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceName(Arc<str>);

/// The value of one axis that an instance stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinate {
    /// The axis.
    pub axis: Arc<str>,
    /// The value as it is written in names, such as `0.4`.
    pub value: Arc<str>,
    /// The value's place among those of the axis, as they are declared: no order of axes or stages moves it.
    pub position: u32,
    /// Where the value was first written.
    pub span: Span,
}

/// An experiment whose every instance is known.
#[derive(Debug)]
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// The seed that stages take where they give none.
    pub seed: u64,
    /// The file that is run.
    pub path: PathBuf,
    /// The stages in the order of the file, those of included files first.
    pub stages: Vec<StageDecl>,
    /// The instances, each after those it refers to; those of one stage stand together, sorted by their coordinates.
    pub instances: Vec<Instance>,
    /// What is no error but to be known, such as names that have changed.
    pub notices: Vec<Diagnostic>,
    pub(super) seed_span: Option<Span>,
    pub(super) models: BTreeMap<String, Node>,
    pub(super) folders: BTreeMap<FileId, PathBuf>,
    /// Filled when an instance is first asked for by name.
    pub(super) by_name: OnceLock<BTreeMap<Arc<str>, InstanceId>>,
}

/// A stage as it was declared.
#[derive(Debug)]
pub struct StageDecl {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Its kind; that of the repeated definition for a derived kind.
    pub kind: &'static Kind,
    /// The word that names the kind in the file, such as `train` or `retrain`.
    pub word: &'static str,
    /// The positions of its instances in [`Experiment::instances`].
    pub instances: Range<usize>,
    pub(super) body: Node,
}

/// A stage at one combination of axis values.
#[derive(Debug)]
pub struct Instance {
    /// Its name.
    pub name: InstanceName,
    /// The stage it belongs to.
    pub stage: StageId,
    /// Its coordinates: axes of the experiment in the order of the file, then axes of single stages by name.
    pub coords: Vec<Coordinate>,
    /// The stage with its parameters read; shared among instances whose parameters are the same.
    pub bound: Arc<dyn BoundStage>,
    /// What comes to each port: one instance, or for a gathering port all of them in the order of instances.
    pub inputs: Vec<(Arc<str>, Vec<InstanceId>)>,
    pub(super) values: Arc<Values>,
}

impl Experiment {
    /// Returns an instance.
    pub fn instance(&self, id: InstanceId) -> &Instance {
        &self.instances[id.index()]
    }

    /// Returns the stage an instance belongs to.
    pub fn stage_of(&self, id: InstanceId) -> &StageDecl {
        &self.stages[self.instance(id).stage.index()]
    }

    /// Lists every instance, each after those it refers to.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = InstanceId> + use<> {
        (0..self.instances.len() as u32).map(InstanceId)
    }

    /// Lists the instances of a stage; none where no stage has that name.
    pub fn instances_of(&self, stage: &str) -> impl Iterator<Item = InstanceId> + use<> {
        let range = self.stages.iter().find(|decl| decl.name == stage).map_or(0..0, |decl| decl.instances.clone());
        range.map(|index| InstanceId(index as u32))
    }

    /// Finds an instance by its name.
    pub fn find(&self, name: &str) -> Option<InstanceId> {
        let named = || self.ids().map(|id| (self.instance(id).name.0.clone(), id)).collect();
        self.by_name.get_or_init(named).get(name).copied()
    }

    /// Returns the folder to which a path written at a place is relative: that of its file, or for a value from the
    /// command line that of the file that is run.
    pub fn folder(&self, written: Span) -> &Path {
        let folder = self.folders.get(&written.file).map(PathBuf::as_path);
        folder.unwrap_or_else(|| self.path.parent().unwrap_or_else(|| Path::new("")))
    }

    /// Finds where a parameter got its value, by its path in a key such as `params.steps[0].mask.fraction`.
    ///
    /// That is the axis value, in a file or on the command line, where a placeholder took it, the declared model where a
    /// name stands for it, else the field in the stage's body. A field that was left out is placed at what encloses it,
    /// a seed at the experiment's own. `None` for an experiment seed that is nowhere written.
    pub fn span_of(&self, id: InstanceId, path: &str) -> Option<Span> {
        let (instance, stage) = (self.instance(id), self.stage_of(id));
        let path = path.strip_prefix("params").map_or(path, |rest| rest.strip_prefix('.').unwrap_or(rest));
        let mut at = &stage.body;
        for segment in segments(path) {
            at = self.named(taken(at, &instance.values));
            let next = match segment {
                Segment::Field(name) => at.get(name),
                Segment::Index(index) => match &at.value {
                    Value::List(items) => items.get(index),
                    _ => None,
                },
            };
            match next {
                Some(next) => at = next,
                None if segment == Segment::Field("seed") => return self.seed_span,
                None => return Some(at.span),
            }
        }
        Some(taken(at, &instance.values).span)
    }

    /// Follows the name of a model to its declaration.
    fn named<'a>(&'a self, node: &'a Node) -> &'a Node {
        node.text().and_then(|name| self.models.get(name)).unwrap_or(node)
    }
}

/// Follows a placeholder that is a whole value to the value it took.
fn taken<'a>(node: &'a Node, values: &'a Values) -> &'a Node {
    let axis = node.text().and_then(placeholder::whole);
    let value = axis.and_then(|axis| values.iter().find(|(name, _)| &**name == axis));
    value.map_or(node, |(_, value)| value)
}

#[derive(Clone, Copy, PartialEq)]
enum Segment<'p> {
    Field(&'p str),
    Index(usize),
}

/// Splits `steps[0].mask` into its segments.
fn segments(path: &str) -> impl Iterator<Item = Segment<'_>> {
    path.split(['.', '[']).filter(|segment| !segment.is_empty()).map(|segment| {
        let index = segment.strip_suffix(']').and_then(|index| index.parse().ok());
        index.map_or(Segment::Field(segment), Segment::Index)
    })
}

impl InstanceName {
    pub(super) fn new(stage: &str, coords: &[Coordinate]) -> Self {
        if coords.is_empty() {
            return Self(stage.into());
        }
        let mut name = format!("{stage}[");
        for (index, Coordinate { axis, value, .. }) in coords.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let plain = |character: char| character.is_alphanumeric() || "_-+.:/@%".contains(character);
            let written = if !value.is_empty() && value.chars().all(plain) {
                write!(name, "{comma}{axis}={value}")
            } else {
                write!(name, "{comma}{axis}={value:?}")
            };
            written.expect("writing to a string cannot fail");
        }
        name.push(']');
        Self(name.into())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
