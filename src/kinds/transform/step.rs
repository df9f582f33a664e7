//! One step of a transform: the operation that its one key names, with its parameters read.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::Materials;
use super::catalog::OPERATIONS;
use super::operation::{BoundOperation, Form, Needs};
use crate::revised::named_schema;
use retort_artifact::Rationale;
use retort_fingerprint::{ContentHash, Term};
use retort_source::Node;
use retort_stage::params::{FromNode, Scope, tagged};
use retort_stage::{Context, StageError};

/// One change to rationales: the operation that its one key names.
#[derive(Debug, Clone)]
pub struct Step {
    name: &'static str,
    operation: Arc<dyn BoundOperation>,
}

impl Step {
    /// Returns the operation's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Says what of a transform it goes by.
    pub fn needs(&self) -> Needs {
        self.operation.needs()
    }

    /// Checks the files it reads, before a run.
    pub fn preflight(&self, context: &Context<'_>) -> Result<(), StageError> {
        self.operation.preflight(context)
    }

    /// Does it to all rationales.
    pub fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        self.operation.apply(rows, materials)
    }
}

impl FromNode for Step {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let names: Vec<&'static str> = OPERATIONS.all().iter().map(|form| form.name).collect();
        let (name, body) = tagged(node, &names, scope)?;
        let form = OPERATIONS.all().iter().find(|form| form.name == name)?;
        let operation = scope.within(name, |scope| (form.bind)(body, scope))?;
        Some(Self { name, operation })
    }

    fn schema() -> Json {
        let form = |form: &Form| named_schema(form.name, form.about, &(form.schema)());
        json!({
            "description": "One change to rationales.",
            "oneOf": OPERATIONS.all().iter().map(form).collect::<Vec<_>>()
        })
    }
}

impl ContentHash for Step {
    fn term(&self) -> Term {
        Term::variant(self.name, self.operation.term())
    }
}
