//! Fields of a teacher behind a server that are more than a word or a number.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use retort_artifact::json_term;
use retort_fingerprint::{ContentHash, Term};
use retort_hub::Secret;
use retort_source::{Diagnostic, Key, Node, Value};
use retort_stage::params::{FromNode, KEY_HINT, Scope, unshown};
use retort_teacher::check_address;

/// The address of a server, up to where the paths of the protocol begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(pub String);

impl FromNode for Address {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let text = unshown(node, scope)?;
        match check_address(&text) {
            Ok(()) => Some(Self(text)),
            Err(why) => {
                let message = format!("cannot use `{}` as a server's address: {why}", scope.path());
                // Whatever is wrong with it, a key may stand in it.
                let wrong = Diagnostic::at(node.span, message).label("not shown, as it may hold a key");
                scope.fail(
                    wrong.hint(format!("an address such as `http://localhost:8000/v1`; {KEY_HINT}")).conceal(node.span),
                )
            }
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^https?://" })
    }
}

impl Address {
    /// Returns the address without its query, as results and messages have it.
    pub(super) fn place(&self) -> &str {
        self.0.split('?').next().unwrap_or_default().trim_end_matches('/')
    }
}

/// Names that are sent, each with the variable of the environment that holds its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(pub BTreeMap<String, String>);

/// Headers that are sent in any case.
const SENT: [&str; 6] =
    ["content-type", "content-length", "host", "connection", "accept-encoding", "transfer-encoding"];

impl FromNode for Variables {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let entries = mapping(node, scope)?;
        let (mut variables, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for (key, value) in entries {
            let path = format!("{}.{}", scope.path(), key.text);
            let name = key.text.to_ascii_lowercase();
            let sound = !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"():;,\"<>@{}[]?=/\\".contains(&byte));
            if !sound || SENT.contains(&name.as_str()) || !seen.insert(name) {
                let message = format!("`{path}` cannot be sent: it is no name, sent in any case, or there twice");
                return scope.fail(Diagnostic::at(key.span, message));
            }
            let variable = value.text().filter(|text| {
                let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
                begins && !Secret::is_meant(text) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            });
            let Some(variable) = variable else {
                let message = format!("`{path}` names no variable of the environment");
                let hint = format!(
                    "`{}: MY_VARIABLE` sends what the variable `MY_VARIABLE` holds; no value stands in a pipeline",
                    key.text
                );
                return scope.fail(Diagnostic::at(value.span, message).hint(hint).conceal(value.span));
            };
            variables.insert(key.text.clone(), variable.to_owned());
        }
        Some(Self(variables))
    }

    fn schema() -> Json {
        json!({ "type": "object", "additionalProperties": { "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" } })
    }

    fn written(&self) -> Option<Json> {
        Some(json!(self.0))
    }
}

/// What the teacher says by itself, and would be in its key twice or not at all.
const OWN: [&str; 9] =
    ["model", "messages", "prompt", "temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop"];

/// Further fields of a request, as JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BodyFields(pub(super) BTreeMap<String, Json>);

impl FromNode for BodyFields {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let entries = mapping(node, scope)?;
        for (key, value) in entries {
            let path = scope.path();
            let (message, label) = match key.text.as_str() {
                own if OWN.contains(&own) => {
                    (format!("`{own}` cannot be set in `{path}`"), "the teacher has a field of its own for it")
                }
                "stream" if !matches!(value.value, Value::Bool(false)) => (
                    format!("`stream` in `{path}` cannot be turned on"),
                    "answers are read whole; `stream: false` is sent anyway",
                ),
                _ => continue,
            };
            return scope.fail(Diagnostic::at(key.span, message).label(label));
        }
        if let Some((key, value)) = credential(entries) {
            let message = format!("`{}` in `{}` looks like a key", key.text, scope.path());
            let wrong =
                Diagnostic::at(key.span, message).label("it would be kept in the key of every result and answer");
            return scope.fail(wrong.hint(KEY_HINT).conceal(value.span));
        }
        // It is sent in any case, and must not make another key.
        let further = entries.iter().filter(|(key, _)| key.text != "stream");
        Some(Self(further.map(|(key, value)| (key.text.clone(), to_json(value))).collect()))
    }

    fn schema() -> Json {
        json!({ "type": "object" })
    }
}

impl ContentHash for BodyFields {
    fn term(&self) -> Term {
        Term::Record(self.0.iter().map(|(name, value)| (name.clone().into(), json_term(value))).collect())
    }
}

/// Names of fields that hold what lets somebody in, in small letters and without what parts words.
const CREDENTIALS: [&str; 19] = [
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "auth",
    "authentication",
    "authorization",
    "authtoken",
    "bearer",
    "bearertoken",
    "cookie",
    "credential",
    "credentials",
    "extraheaders",
    "headers",
    "passwd",
    "password",
    "proxy",
    "secret",
];

/// Finds a field that holds a key, by its name or by what it holds, at any depth.
fn credential(entries: &[(Key, Node)]) -> Option<(&Key, &Node)> {
    entries.iter().find(|(key, value)| is_credential(&key.text) || holds_key(value)).map(|(key, value)| (key, value))
}

fn is_credential(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let within = ["apikey", "secretkey", "accesskey", "password", "authorization", "clientsecret", "privatekey"];
    CREDENTIALS.contains(&plain.as_str()) || within.iter().any(|part| plain.contains(part))
}

fn holds_key(node: &Node) -> bool {
    match &node.value {
        // An address with a name or password in it is a key, too.
        Value::Text(text) => {
            Secret::is_meant(text) || text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
        }
        Value::List(items) => items.iter().any(holds_key),
        Value::Map(entries) => credential(entries).is_some(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
    }
}

fn mapping<'n>(node: &'n Node, scope: &mut Scope<'_>) -> Option<&'n [(Key, Node)]> {
    if let Value::Map(entries) = &node.value {
        return Some(entries);
    }
    let message = format!("`{}` is not a mapping", scope.path());
    scope.fail(Diagnostic::at(node.span, message).label("expected a mapping").conceal(node.span))
}

fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.text.clone(), to_json(value))).collect(),
    }
}
