//! Why an instance runs, in a few words.

use std::fmt;

use super::Why;
use retort_fingerprint::KeyChange;

/// How the reason is put for a reader.
#[derive(Clone, Copy)]
pub struct Wording<'a> {
    /// How many changes are named; without a limit all are, and so is the earlier instance they are compared with.
    pub changes_max: Option<usize>,
    /// How names are written.
    pub name: &'a dyn Fn(&str) -> String,
    /// How values are written.
    pub value: &'a dyn Fn(&str) -> String,
}

impl Why {
    /// Says why: `new`, `fraction: 0.4 → 0.5`, `rationales changed`, `result lost`.
    pub fn describe(&self, wording: Wording<'_>) -> String {
        let name = wording.name;
        match self {
            Self::New => "new".to_owned(),
            Self::Lost { part } if part == "result" => "result lost".to_owned(),
            Self::Lost { part } => format!("`{}` lost", name(part)),
            Self::Evicted { part } => format!("`{}` not kept", name(part)),
            Self::Changed { from, changes } => {
                let said = changed(changes, wording);
                match from {
                    Some(from) if wording.changes_max.is_none() => format!("{said}, against `{}`", name(from)),
                    _ => said,
                }
            }
        }
    }
}

/// Says everything, as it is.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain: &dyn Fn(&str) -> String = &|text: &str| text.to_owned();
        f.write_str(&self.describe(Wording { changes_max: None, name: plain, value: plain }))
    }
}

fn changed(changes: &[KeyChange], wording: Wording<'_>) -> String {
    let mut said: Vec<String> = Vec::new();
    for change in changes {
        let text = one_change(change, wording);
        // Several parts of one input change together and read as one change.
        if !said.contains(&text) {
            said.push(text);
        }
    }
    let rest = wording.changes_max.map_or(0, |most| said.len().saturating_sub(most));
    said.truncate(said.len() - rest);
    if said.is_empty() {
        return "changed".to_owned();
    }
    let more = if rest > 0 { format!(", {rest} more") } else { String::new() };
    format!("{}{more}", said.join(", "))
}

fn one_change(KeyChange { path, before, after }: &KeyChange, Wording { name, value, .. }: Wording<'_>) -> String {
    if let Some(input) = path.strip_prefix("inputs.") {
        let port = name(input.rsplit_once('.').map_or(input, |(port, _part)| port));
        return match (before, after) {
            (None, _) => format!("{port} added"),
            (_, None) => format!("{port} removed"),
            _ => format!("{port} changed"),
        };
    }
    let value = |text: &Option<String>| text.as_deref().map_or("unset".to_owned(), value);
    let field = match path.as_str() {
        "revision" => "stage revision".to_owned(),
        other => name(other.strip_prefix("params.").unwrap_or(other)),
    };
    format!("{field}: {} → {}", value(before), value(after))
}
