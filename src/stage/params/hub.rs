//! Models on the hub, as a mapping: `{ hub: openai-community/gpt2, revision: main }`.

use serde_json::{Value as Json, json};

use super::{Fields, FromNode, Scope};
use retort_hub::{HubModel, RepoId, Revision};
use retort_source::{Diagnostic, Node};

impl FromNode for HubModel {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &["hub", "revision"], scope)?;
        let id = fields.required("hub");
        let revision = fields.optional("revision", Revision::main);
        fields.close()?;
        Some(Self { id: id?, revision: revision?, data: None, chat: false })
    }

    fn schema() -> Json {
        Fields::schema(
            "A model on the Hugging Face hub; `retort run` fetches it.",
            vec![
                ("hub", "The repository, such as `openai-community/gpt2`.", RepoId::schema(), None),
                (
                    "revision",
                    "A branch or tag, or the commit to pin it to.",
                    Revision::schema(),
                    Some(json!(Revision::main().as_str())),
                ),
            ],
        )
    }
}

impl FromNode for RepoId {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        named(node, scope, Self::parse, "the name of a repository, such as `openai-community/gpt2`")
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

impl FromNode for Revision {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        named(node, scope, Self::parse, "a branch, tag or commit as text; put one of digits alone in quotes")
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

fn named<T>(node: &Node, scope: &mut Scope<'_>, parse: fn(&str) -> Option<T>, expected: &str) -> Option<T> {
    node.text().and_then(parse).or_else(|| {
        let message = format!("`{}` cannot be {}", scope.path(), node.describe());
        scope.fail(Diagnostic::at(node.span, message).label(format!("expected {expected}")))
    })
}
