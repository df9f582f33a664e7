//! How an operation is written, and the adapter through which the stage sees it.

use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use super::Materials;
use crate::revised::revised;
use retort_artifact::Rationale;
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node};
use retort_stage::params::{FromNode, Scope};
use retort_stage::{Context, StageError};

/// The name under which an operation's revision enters the key; with a space in it, no parameter is called that.
const REVISION: &str = "operation revision";

/// A change to rationales, as its author writes it: parameters that know what to do.
pub trait Operation: FromNode + ContentHash + fmt::Debug + Send + Sync + 'static {
    /// The key that names it among the steps.
    const NAME: &'static str;

    /// Raised whenever the same parameters give other rationales: it enters the key, so that no cache goes on handing out
    /// what the operation did before.
    const REVISION: u32;

    /// One line for editors.
    const ABOUT: &'static str;

    /// Says what is wrong with parameters that are each right by themselves, as `needs …` or `cannot have …`.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Says what of a transform it goes by.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Checks the files it reads, before a run.
    fn preflight(&self, _context: &Context<'_>) -> Result<(), StageError> {
        Ok(())
    }

    /// Does it to all rationales. What is done to each by itself is a closure for [`Materials::each`].
    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError>;
}

/// What an operation needs of the transform it is a step of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// It counts tokens.
    pub tokenizer: bool,
    /// It goes by the questions.
    pub questions: bool,
}

/// An operation with its parameters read.
pub(super) trait BoundOperation: fmt::Debug + Send + Sync {
    fn term(&self) -> Term;
    fn needs(&self) -> Needs;
    fn preflight(&self, context: &Context<'_>) -> Result<(), StageError>;
    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError>;
}

impl<O: Operation> BoundOperation for O {
    fn term(&self) -> Term {
        revised(ContentHash::term(self), "parameters", REVISION, O::REVISION)
    }

    fn needs(&self) -> Needs {
        Operation::needs(self)
    }

    fn preflight(&self, context: &Context<'_>) -> Result<(), StageError> {
        Operation::preflight(self, context)
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        Operation::apply(self, rows, materials)
    }
}

/// An operation in the list.
#[derive(Debug)]
pub struct Form {
    /// The key that names it among the steps.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Its revision.
    pub revision: u32,
    pub(super) bind: fn(&Node, &mut Scope<'_>) -> Option<Arc<dyn BoundOperation>>,
    pub(super) schema: fn() -> Json,
}

impl Form {
    /// Makes the list's entry for an author's operation.
    pub const fn of<O: Operation>() -> Self {
        Self { name: O::NAME, about: O::ABOUT, revision: O::REVISION, bind: bind::<O>, schema: O::schema }
    }
}

fn bind<O: Operation>(node: &Node, scope: &mut Scope<'_>) -> Option<Arc<dyn BoundOperation>> {
    let operation = O::from_node(node, scope)?;
    match operation.check() {
        Ok(()) => Some(Arc::new(operation)),
        Err(why) => scope.fail(Diagnostic::at(node.span, format!("`{}` {why}", scope.path()))),
    }
}
