//! The trait authors write, the one the engine sees, and the adapter between them.

use std::collections::BTreeMap;
use std::fmt;

use super::params::{EdgeRef, ExternalRef, FromNode, Scope};
use super::{Coming, Context, Flaw, Footprint, Inquiry, Looked, Misfit, Posed, StageError};
use retort_artifact::{Artifact, ArtifactKind, Parts, Question};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node};

/// What a stage occupies while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// A worker thread.
    Worker,
    /// The device, which one stage has at a time; the numerics class enters the key.
    Device,
}

/// Parameters that cannot go together.
#[derive(Debug)]
pub struct Clash {
    /// The field to look at.
    pub field: &'static str,
    /// What is wrong.
    pub why: String,
    /// What to try.
    pub hint: String,
}

/// A kind of stage, as its author writes it: parameters that know how to run.
pub trait Stage: FromNode + ContentHash + fmt::Debug + Send + Sync + 'static {
    /// What comes out.
    type Output: Artifact;

    /// The key that names the kind in a pipeline file.
    const NAME: &'static str;

    /// Raised whenever the same action gives other bytes; a test pins the output of each revision.
    const REVISION: u32;

    /// One line for help texts and editors.
    const ABOUT: &'static str;

    /// An example body, as YAML.
    const EXAMPLE: &'static str;

    /// Leaves out parameters that have no effect beside the value that an axis gives another one: `varied` says of a field
    /// whether its value comes from an axis. Beside a value that is written plainly, such a parameter is a mistake, which
    /// [`check`](Self::check) finds.
    #[must_use]
    fn settled(self, _varied: &dyn Fn(&str) -> bool) -> Self {
        self
    }

    /// Says which parameters cannot go together, before anything is planned.
    fn check(&self) -> Result<(), Clash> {
        Ok(())
    }

    /// What it occupies while it runs.
    fn slot(&self) -> Slot {
        Slot::Worker
    }

    /// Names the parts it reads of the artifact at a port; `None` reads all of them.
    fn parts(&self, _port: &str) -> Option<Vec<String>> {
        None
    }

    /// Names the parts of its output that are kept only until every stage that reads them is done; such a part is made
    /// again when something stale needs it.
    fn passing_parts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Says whether the coordinates of gathered inputs appear in the output, so that they belong in the key.
    fn labels_inputs(&self) -> bool {
        false
    }

    /// Says whether the names of the stages that a port gathers appear in the output even where all it gathers is of one stage.
    fn names_inputs(&self, _port: &str) -> bool {
        false
    }

    /// Says what is known of its output before it is made, by name, for the [misfits](Self::misfits) of those that read it.
    fn foretold(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Lists what does not fit what will come to its ports, so that a pipeline is refused before it runs: all that it gathers,
    /// and of the others those of which something is [foretold](Self::foretold).
    fn misfits(&self, _coming: &[Coming]) -> Vec<Misfit> {
        Vec::new()
    }

    /// The rows that it buys, where it does: those that cannot be computed again, only asked for again.
    const BOUGHT_ROWS: &'static [&'static str] = &[];

    /// Returns the seed of what it draws: its field `seed`, unless it says otherwise.
    fn seed(&self) -> Option<u64> {
        let Term::Record(fields) = self.term() else { return None };
        match fields.get("seed") {
            Some(Term::Int(seed)) => u64::try_from(*seed).ok(),
            _ => None,
        }
    }

    /// Names who else had a part in a result, as a report says it: a teacher behind a server. `recorded` is what was
    /// [recorded](Context::record) beside the result.
    fn teacher(&self, _recorded: &BTreeMap<String, String>) -> Option<String> {
        None
    }

    /// Says what a person should know of a result that is taken from the cache; asked of stages that [ask](Self::asks) a
    /// teacher. `recorded` is what was [recorded](Context::record) beside the result.
    fn caveat(&self, _recorded: &BTreeMap<String, String>) -> Option<String> {
        None
    }

    /// Lists what a run would find wrong in its first second, out of the parameters and the files outside the experiment
    /// alone: what other stages give is not there yet. It calls what a run calls, so that the two agree.
    fn preflight(&self, _context: &Context<'_>, _looked: &Looked) -> Vec<Flaw> {
        Vec::new()
    }

    /// Says whether it asks a teacher, which costs money or hours.
    fn asks(&self) -> bool {
        false
    }

    /// Says what it would ask of a teacher, before anything is asked; `None` where it asks none.
    fn inquiry(&self, _context: &Context<'_>) -> Result<Option<Inquiry>, StageError> {
        Ok(None)
    }

    /// Shows questions as it would put them to a student, in their order; `None` where it trains none on questions.
    fn posed(&self, _context: &Context<'_>, _questions: &[Question]) -> Result<Option<Vec<Posed>>, StageError> {
        Ok(None)
    }

    /// Says what it is expected to take up, by the files outside the experiment alone; `None` where that is not known, or
    /// nothing to speak of.
    fn footprint(&self, _context: &Context<'_>) -> Result<Option<Footprint>, StageError> {
        Ok(None)
    }

    /// Does the work.
    fn run(&self, context: &Context<'_>) -> Result<Self::Output, StageError>;
}

/// A stage with its parameters read and its edges known: what the plan and the engine see.
pub trait BoundStage: fmt::Debug + Send + Sync {
    /// Returns the kind.
    fn kind(&self) -> &'static Kind;
    /// Returns every parameter as it enters the key.
    fn params(&self) -> Term;
    /// Returns the references to other stages.
    fn edges(&self) -> &[EdgeRef];
    /// Returns the references to files outside the experiment.
    fn externals(&self) -> &[ExternalRef];
    /// Says what it occupies while it runs.
    fn slot(&self) -> Slot;
    /// Names the parts it reads of the artifact at a port; `None` reads all of them.
    fn parts(&self, port: &str) -> Option<Vec<String>>;
    /// Names the parts of its output that are kept only until every stage that reads them is done.
    fn passing_parts(&self) -> &'static [&'static str];
    /// Says whether the coordinates of gathered inputs belong in the key.
    fn labels_inputs(&self) -> bool;
    /// As [`Stage::names_inputs`].
    fn names_inputs(&self, port: &str) -> bool;
    /// Says what is known of its output before it is made, by name.
    fn foretold(&self) -> Vec<(&'static str, String)>;
    /// Lists what does not fit what will come to its ports.
    fn misfits(&self, coming: &[Coming]) -> Vec<Misfit>;
    /// Returns the seed of what it draws.
    fn seed(&self) -> Option<u64>;
    /// Names who else had a part in a result, by what was recorded beside it.
    fn teacher(&self, recorded: &BTreeMap<String, String>) -> Option<String>;
    /// Says what a person should know of a result that is taken from the cache, by what was recorded beside it.
    fn caveat(&self, recorded: &BTreeMap<String, String>) -> Option<String>;
    /// Lists what a run would find wrong in its first second.
    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw>;
    /// Says whether it asks a teacher.
    fn asks(&self) -> bool;
    /// Says what it would ask of a teacher, before anything is asked; `None` where it asks none.
    fn inquiry(&self, context: &Context<'_>) -> Result<Option<Inquiry>, StageError>;
    /// Shows questions as it would put them to a student; `None` where it trains none on questions.
    fn posed(&self, context: &Context<'_>, questions: &[Question]) -> Result<Option<Vec<Posed>>, StageError>;
    /// Says what it is expected to take up, by the files outside the experiment alone.
    fn footprint(&self, context: &Context<'_>) -> Result<Option<Footprint>, StageError>;
    /// Does the work.
    fn run(&self, context: &Context<'_>) -> Result<Parts, StageError>;
}

/// A kind of stage in the catalog.
#[derive(Debug)]
pub struct Kind {
    /// The key that names it in a pipeline file.
    pub name: &'static str,
    /// Its revision.
    pub revision: u32,
    /// One line about it.
    pub about: &'static str,
    /// An example body, as YAML.
    pub example: &'static str,
    /// What comes out.
    pub output: ArtifactKind,
    /// The rows that it buys, where it does.
    pub bought_rows: &'static [&'static str],
    /// Reads a body; `None` means that errors were reported.
    pub bind: fn(&'static Kind, &Node, &mut Scope<'_>) -> Option<Box<dyn BoundStage>>,
    /// Describes the body to an editor.
    pub schema: fn() -> serde_json::Value,
}

impl Kind {
    /// Makes the catalog's entry for an author's stage.
    pub const fn of<S: Stage>() -> Self {
        Self {
            name: S::NAME,
            revision: S::REVISION,
            about: S::ABOUT,
            example: S::EXAMPLE,
            output: S::Output::KIND,
            bought_rows: S::BOUGHT_ROWS,
            bind: bind::<S>,
            schema: S::schema,
        }
    }
}

#[derive(Debug)]
struct Bound<S> {
    kind: &'static Kind,
    stage: S,
    edges: Vec<EdgeRef>,
    externals: Vec<ExternalRef>,
}

fn bind<S: Stage>(kind: &'static Kind, node: &Node, scope: &mut Scope<'_>) -> Option<Box<dyn BoundStage>> {
    let stage = S::from_node(node, scope)?.settled(&|field| scope.varied.iter().any(|varied| varied == field));
    if let Err(Clash { field, why, hint }) = stage.check() {
        let span = node.get(field).map_or(node.span, |value| value.span);
        scope.diagnostics.push(Diagnostic::at(span, why).hint(hint));
        return None;
    }
    let (edges, externals) = (std::mem::take(&mut scope.edges), std::mem::take(&mut scope.externals));
    Some(Box::new(Bound { kind, stage, edges, externals }))
}

impl<S: Stage> BoundStage for Bound<S> {
    fn kind(&self) -> &'static Kind {
        self.kind
    }

    fn params(&self) -> Term {
        self.stage.term()
    }

    fn edges(&self) -> &[EdgeRef] {
        &self.edges
    }

    fn externals(&self) -> &[ExternalRef] {
        &self.externals
    }

    fn slot(&self) -> Slot {
        self.stage.slot()
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        self.stage.parts(port)
    }

    fn passing_parts(&self) -> &'static [&'static str] {
        self.stage.passing_parts()
    }

    fn labels_inputs(&self) -> bool {
        self.stage.labels_inputs()
    }

    fn names_inputs(&self, port: &str) -> bool {
        self.stage.names_inputs(port)
    }

    fn foretold(&self) -> Vec<(&'static str, String)> {
        self.stage.foretold()
    }

    fn misfits(&self, coming: &[Coming]) -> Vec<Misfit> {
        self.stage.misfits(coming)
    }

    fn seed(&self) -> Option<u64> {
        self.stage.seed()
    }

    fn teacher(&self, recorded: &BTreeMap<String, String>) -> Option<String> {
        self.stage.teacher(recorded)
    }

    fn caveat(&self, recorded: &BTreeMap<String, String>) -> Option<String> {
        self.stage.caveat(recorded)
    }

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        self.stage.preflight(context, looked)
    }

    fn asks(&self) -> bool {
        self.stage.asks()
    }

    fn inquiry(&self, context: &Context<'_>) -> Result<Option<Inquiry>, StageError> {
        self.stage.inquiry(context)
    }

    fn posed(&self, context: &Context<'_>, questions: &[Question]) -> Result<Option<Vec<Posed>>, StageError> {
        self.stage.posed(context, questions)
    }

    fn footprint(&self, context: &Context<'_>) -> Result<Option<Footprint>, StageError> {
        self.stage.footprint(context)
    }

    fn run(&self, context: &Context<'_>) -> Result<Parts, StageError> {
        Ok(self.stage.run(context)?.encode())
    }
}
