//! Fields that are edges: to one stage, to all instances of stages, and to files outside the experiment.

use std::marker::PhantomData;

use serde_json::{Value as Json, json};

use super::reference::{EdgeRef, ExternalRef, ExternalSource};
use super::{FromNode, Scope};
use retort_artifact::Artifact;
use retort_fingerprint::{ContentHash, Term};
use retort_hub::HubModel;
use retort_source::{Diagnostic, Node, Span, Value};

/// An edge from one stage: the name of a stage whose output is an `A`.
#[derive(Debug, Clone)]
pub struct Input<A> {
    /// The field it stands in, by which the context finds what came along it.
    pub port: String,
    artifact: PhantomData<fn() -> A>,
}

/// An edge from all instances of one stage or several.
#[derive(Debug, Clone)]
pub struct Gather<A> {
    /// The field it stands in.
    pub port: String,
    artifact: PhantomData<fn() -> A>,
}

/// Something outside the experiment; its content enters the key, its name and place do not.
#[derive(Debug, Clone)]
pub struct External {
    /// The field it stands in.
    pub port: String,
}

impl Scope<'_> {
    /// Makes the models that were read so far ones that are talked to, so that the files which say how belong to them.
    pub fn talk(&mut self) {
        for ExternalRef { source, .. } in &mut self.externals {
            match source {
                ExternalSource::ModelFolder(path) => *source = ExternalSource::ChatModelFolder(std::mem::take(path)),
                ExternalSource::Hub(model) if model.data.is_none() => model.chat = true,
                ExternalSource::File(_) | ExternalSource::ChatModelFolder(_) | ExternalSource::Hub(_) => {}
            }
        }
    }
}

fn stage_name<A: Artifact>(node: &Node, scope: &mut Scope<'_>, gathers: bool) -> Option<()> {
    let Some(name) = node.text() else {
        let message = format!("`{}` cannot be {}", scope.path(), node.describe());
        return scope.fail(Diagnostic::at(node.span, message).label("expected the name of a stage"));
    };
    let edge =
        EdgeRef { port: scope.path().to_owned(), stage: name.to_owned(), span: node.span, kind: A::KIND, gathers };
    scope.edges.push(edge);
    Some(())
}

impl<A: Artifact> FromNode for Input<A> {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        stage_name::<A>(node, scope, false)?;
        Some(Self { port: scope.path().to_owned(), artifact: PhantomData })
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "stage" })
    }
}

impl<A: Artifact> FromNode for Gather<A> {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match &node.value {
            Value::List(names) if !names.is_empty() => {
                let read: Vec<_> = names.iter().map(|name| stage_name::<A>(name, scope, true)).collect();
                read.into_iter().collect::<Option<Vec<()>>>()?;
            }
            _ => stage_name::<A>(node, scope, true)?,
        }
        Some(Self { port: scope.path().to_owned(), artifact: PhantomData })
    }

    fn schema() -> Json {
        let many = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "title": "list of stages" });
        json!({ "anyOf": [{ "type": "string", "title": "stage" }, many] })
    }
}

impl External {
    /// Reads a path to a file.
    pub fn file(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        Self::path(node, scope, ExternalSource::File)
    }

    /// Reads a path to a model's directory.
    pub fn model_folder(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        Self::path(node, scope, ExternalSource::ModelFolder)
    }

    /// Reads a path to the directory of a model that is talked to.
    pub fn chat_model_folder(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        Self::path(node, scope, ExternalSource::ChatModelFolder)
    }

    /// Notes a model on the hub, whose name was read already.
    pub fn hub(model: HubModel, span: Span, scope: &mut Scope<'_>) -> Self {
        Self::note(ExternalSource::Hub(model), span, scope)
    }

    fn path(node: &Node, scope: &mut Scope<'_>, source: fn(String) -> ExternalSource) -> Option<Self> {
        let Some(path) = node.text() else {
            let message = format!("`{}` cannot be {}", scope.path(), node.describe());
            return scope.fail(Diagnostic::at(node.span, message).label("expected a path"));
        };
        Some(Self::note(source(path.to_owned()), node.span, scope))
    }

    fn note(source: ExternalSource, span: Span, scope: &mut Scope<'_>) -> Self {
        let port = scope.path().to_owned();
        scope.externals.push(ExternalRef { port: port.clone(), source, span });
        Self { port }
    }
}

impl FromNode for External {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        Self::file(node, scope)
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "path" })
    }
}

// What stands behind an edge enters the key as an input, under its port; the field itself adds nothing.
impl<A> ContentHash for Input<A> {
    fn term(&self) -> Term {
        Term::None
    }
}

impl<A> ContentHash for Gather<A> {
    fn term(&self) -> Term {
        Term::None
    }
}

impl ContentHash for External {
    fn term(&self) -> Term {
        Term::None
    }
}
