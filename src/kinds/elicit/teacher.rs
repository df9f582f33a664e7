//! The forms a teacher may be written in.

use serde_json::{Value as Json, json};

use super::import::Import;
use super::local::Local;
use super::openai::OpenAi;
use retort_fingerprint::{ContentHash, Term};
use retort_source::Node;
use retort_stage::params::{FromNode, Scope, tagged};

/// Where rationales come from.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a stage has one, and few are made")]
pub enum Teacher {
    /// The rationales that the dataset itself carries.
    Gold,
    /// Rationales that were elicited elsewhere.
    Import(Import),
    /// A model behind a server that speaks OpenAI's protocol.
    OpenAi(OpenAi),
    /// A model on this machine's device.
    Local(Local),
}

impl Teacher {
    /// Says whether there is something to ask, rather than to read.
    pub(super) fn is_asked(&self) -> bool {
        matches!(self, Self::OpenAi(_) | Self::Local(_))
    }
}

impl FromNode for Teacher {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        if node.text() == Some("gold") {
            return Some(Self::Gold);
        }
        let (name, body) = tagged(node, &["openai", "local", "import", "gold"], scope)?;
        scope.within(name, |scope| match name {
            "import" => Import::from_node(body, scope).map(Self::Import),
            "openai" => OpenAi::from_node(body, scope).map(Self::OpenAi),
            "local" => Local::from_node(body, scope).map(Self::Local),
            _ => Some(Self::Gold),
        })
    }

    fn schema() -> Json {
        let form = |name: &str, body: Json| json!({ "type": "object", "properties": { name: body }, "required": [name], "additionalProperties": false });
        json!({ "anyOf": [
            { "const": "gold", "description": "The rationales that the dataset itself carries." },
            form("openai", OpenAi::schema()),
            form("local", Local::schema()),
            form("import", Import::schema()),
        ] })
    }
}

impl ContentHash for Teacher {
    fn term(&self) -> Term {
        match self {
            Self::Gold => Term::variant("gold", Term::None),
            Self::Import(import) => Term::variant("import", import.term()),
            Self::OpenAi(openai) => Term::variant("openai", openai.term()),
            Self::Local(local) => Term::variant("local", local.term()),
        }
    }
}
