//! The name of the variable that holds a key. A key that is written in its place is refused where it stands, and is not
//! shown.

use serde_json::{Value as Json, json};

use super::{FromNode, Scope};
use retort_hub::Secret;
use retort_source::{Diagnostic, Node};

/// What to do with a key.
pub const KEY_HINT: &str = "keep the key in an environment variable and name the variable in `key_env`, or under `query` where it belongs in the address; a pipeline is read and shared by others";

/// Reads a text without ever repeating what stands in its place.
pub fn unshown(node: &Node, scope: &mut Scope<'_>) -> Option<String> {
    if let Some(text) = node.text() {
        return Some(text.to_owned());
    }
    let wrong = Diagnostic::at(node.span, format!("`{}` is not text", scope.path()));
    scope.fail(wrong.label("expected text; put it in quotes").conceal(node.span))
}

/// The name of a variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableName(pub String);

impl FromNode for VariableName {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let text = unshown(node, scope)?;
        let named = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && text.bytes().next().is_some_and(|first| !first.is_ascii_digit());
        if named && !Secret::is_meant(&text) {
            return Some(Self(text));
        }
        let message = format!("`{}` is not the name of an environment variable", scope.path());
        let wrong = Diagnostic::at(node.span, message).label("not shown, as it may be a key");
        scope.fail(wrong.hint(format!("such as `OPENAI_API_KEY`; {KEY_HINT}")).conceal(node.span))
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}
