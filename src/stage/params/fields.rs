//! Reading a mapping field by field, reporting every error rather than the first.

use serde_json::json;

use super::{FromNode, KEY_HINT, Scope};
use retort_hub::Secret;
use retort_source::{Diagnostic, Node, Value, nearest};

/// The names that fields had in the version before, each with the one it has now.
type Renamed = [(&'static str, &'static str)];

/// A mapping being read: unknown keys are reported when it is opened, missing ones when they are asked for.
#[derive(Debug)]
pub struct Fields<'n, 's, 'd> {
    node: &'n Node,
    scope: &'s mut Scope<'d>,
    /// The fields that are written under their old name: old, new.
    renamed: Vec<(&'static str, &'static str)>,
    sound: bool,
}

impl<'n, 's, 'd> Fields<'n, 's, 'd> {
    /// Opens a mapping whose keys must all be known. `null` counts as a mapping without entries.
    pub fn open(node: &'n Node, known: &[&str], scope: &'s mut Scope<'d>) -> Option<Self> {
        Self::open_renamed(node, known, &[], scope)
    }

    /// Opens a mapping some of whose fields had other names: these are still read, with a notice.
    pub fn open_renamed(node: &'n Node, known: &[&str], were: &Renamed, scope: &'s mut Scope<'d>) -> Option<Self> {
        if !matches!(node.value, Value::Map(_) | Value::Null) {
            let wrong = format!("{} cannot be {}", subject(scope.path()), node.describe());
            return scope
                .fail(Diagnostic::at(node.span, wrong).label(format!("expected a mapping of: {}", known.join(", "))));
        }
        let mut sound = true;
        let mut renamed = Vec::new();
        for (key, value) in node.entries() {
            let now = were.iter().find(|(old, _)| *old == key.text);
            if known.contains(&key.text.as_str()) {
                continue;
            }
            if let Some((old, new)) = now.filter(|(_, new)| node.get(new).is_some()) {
                sound = false;
                let message = format!("`{old}`{} is the old name of `{new}`, and both are given", inside(scope.path()));
                scope.diagnostics.push(Diagnostic::at(key.span, message).hint(format!("keep `{new}` alone")));
            } else if let Some((old, new)) = now {
                let message = format!("`{old}`{} is now called `{new}`", inside(scope.path()));
                let notice = Diagnostic::at(key.span, message);
                scope.diagnostics.notice(notice.hint("the next version no longer reads the old name"));
                renamed.push((*old, *new));
            } else {
                sound = false;
                let near = nearest(&key.text, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
                let message = format!("unknown field `{}`{}", key.text, inside(scope.path()));
                let unknown = Diagnostic::at(key.span, message).label(format!("known: {}", known.join(", ")));
                // The line is shown, and a key may stand in it.
                scope.diagnostics.push(match value.text() {
                    Some(text) if Secret::is_meant(text) || names_key(&key.text) => {
                        unknown.hint(KEY_HINT).conceal(value.span)
                    }
                    _ => unknown.hint_if(near),
                });
            }
        }
        Some(Self { node, scope, renamed, sound })
    }

    /// Reads a field that has no default of its own.
    pub fn required<T: FromNode<By>, By>(&mut self, name: &str) -> Option<T> {
        match self.get(name) {
            Some(value) => self.scope.within(name, |scope| T::from_node(value, scope)),
            None => self.scope.within(name, T::absent).or_else(|| {
                let message = format!("missing field `{name}`{}", inside(self.scope.path()));
                self.scope.fail(Diagnostic::at(self.node.span, message))
            }),
        }
    }

    /// Reads a field, or takes its default.
    pub fn optional<T: FromNode<By>, By>(&mut self, name: &str, default: impl FnOnce() -> T) -> Option<T> {
        match self.get(name) {
            Some(value) => self.scope.within(name, |scope| T::from_node(value, scope)),
            None => Some(default()),
        }
    }

    /// Finds a field under its name, or under the one it had.
    fn get(&self, name: &str) -> Option<&'n Node> {
        let old = || self.renamed.iter().find(|(_, new)| *new == name).map(|(old, _)| *old);
        self.node.get(name).or_else(|| self.node.get(old()?))
    }

    /// Ends the reading; `None` when a key was unknown.
    pub fn close(self) -> Option<()> {
        self.sound.then_some(())
    }

    /// Builds the schema of a mapping out of (name, description, schema, default).
    pub fn schema(
        about: &str,
        fields: Vec<(&str, &str, serde_json::Value, Option<serde_json::Value>)>,
    ) -> serde_json::Value {
        let mut properties = serde_json::Map::new();
        let mut required = Vec::new();
        for (name, description, mut schema, default) in fields {
            let absent = schema.as_object_mut().and_then(|schema| schema.remove("x-absent"));
            let optional = default.is_some() || absent.is_some();
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".into(), json!(description.trim()));
                match (default, absent) {
                    (Some(value), _) => schema.insert("default".into(), value),
                    // What stands for an absent value is said in words, or is nothing.
                    (None, Some(serde_json::Value::String(words))) => schema.insert("$comment".into(), json!(words)),
                    (None, Some(_)) => schema.insert("default".into(), serde_json::Value::Null),
                    (None, None) => None,
                };
            }
            if !optional {
                required.push(name);
            }
            properties.insert(name.to_owned(), schema);
        }
        json!({
            "type": "object",
            "description": about.trim(),
            "properties": properties,
            "required": required,
            "additionalProperties": false
        })
    }

    /// Adds the names that fields had, marked as deprecated, to the schema of a mapping.
    pub fn with_renamed(mut schema: serde_json::Value, were: &Renamed) -> serde_json::Value {
        for (old, new) in were {
            let mut field = schema["properties"][new].clone();
            field["deprecated"] = json!(true);
            field["description"] = json!(format!("The old name of `{new}`."));
            schema["properties"][old] = field;
        }
        schema
    }
}

/// Says whether a field is called as if it held what lets somebody in.
fn names_key(name: &str) -> bool {
    const PARTS: [&str; 7] = ["key", "secret", "password", "passwd", "credential", "bearer", "authorization"];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
        || ["token", "auth", "auth_token", "api_token"].contains(&name.as_str())
}

/// Reads the one key of a mapping that names a form, and the form's body.
pub fn tagged<'n>(node: &'n Node, known: &[&'static str], scope: &mut Scope<'_>) -> Option<(&'static str, &'n Node)> {
    let forms = || format!("expected one of: {}", known.join(", "));
    let [(key, body)] = node.entries() else {
        let message = match node.entries().len() {
            0 => format!("{} cannot be {}", subject(scope.path()), node.describe()),
            n => format!("{} has {n} keys, expected exactly one", subject(scope.path())),
        };
        return scope.fail(Diagnostic::at(node.span, message).label(forms()));
    };
    let Some(name) = known.iter().find(|name| **name == key.text) else {
        let near = nearest(&key.text, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
        let message = format!("unknown {} `{}`{}", sort(scope.path()), key.text, inside(scope.path()));
        return scope.fail(Diagnostic::at(key.span, message).label(forms()).hint_if(near));
    };
    Some((name, body))
}

/// Returns a field's name as a pipeline writes it: one that is a word of Rust is declared as `r#match`.
pub fn field_name(declared: &'static str) -> &'static str {
    declared.strip_prefix("r#").unwrap_or(declared)
}

/// Names what a key is one of: an entry of `steps` is a step.
fn sort(path: &str) -> &str {
    let last = path.rsplit('.').next().unwrap_or(path);
    let list = last.split_once('[').and_then(|(list, _)| list.strip_suffix('s'));
    list.filter(|one| !one.is_empty()).unwrap_or("key")
}

fn inside(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" in `{path}`") }
}

fn subject(path: &str) -> String {
    if path.is_empty() { "a stage's body".into() } else { format!("`{path}`") }
}
