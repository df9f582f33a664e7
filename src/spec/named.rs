//! Values of an axis that have names of their own: `{ values: { one: […], two: { … } } }`. They may be anything that a field
//! may be, such as a whole list of targets.

use std::sync::Arc;

use super::axis_value::{AxisValue, MAX_VALUES};
use super::{MAX_ERRORS, name, placeholder};
use retort_source::{Diagnostic, Diagnostics, Key, Node, Value};

/// The form of an axis that names its values.
pub(super) const FORM: &str = "values";

/// Reads the values of an axis under their names; none when something is wrong, which is reported.
pub(super) fn values(key: &Key, body: &Node, diagnostics: &mut Diagnostics) -> Vec<AxisValue> {
    let entries = body.entries();
    if !matches!(body.value, Value::Map(_)) || entries.is_empty() || entries.len() > MAX_VALUES {
        let message = format!("`{FORM}` of the axis `{}` cannot be {}", key.text, body.describe());
        let label = format!("expected names, each with its value, at most {MAX_VALUES}");
        diagnostics.push(Diagnostic::at(body.span, message).label(label));
        return Vec::new();
    }
    let before = diagnostics.len();
    for (name, value) in entries {
        if diagnostics.len() - before >= MAX_ERRORS {
            break;
        }
        if let Some(wrong) = name::wrong("a value of an axis", name) {
            diagnostics.push(wrong);
        }
        let mut mentioned = Vec::new();
        placeholder::mentions(value, diagnostics, &mut |axis, span| mentioned.push((axis, span)));
        for (axis, span) in mentioned {
            let message = format!("the value `{}` of the axis `{}` mentions the axis `{axis}`", name.text, key.text);
            diagnostics.push(Diagnostic::at(span, message).label("expected a value that no other axis changes"));
        }
    }
    if diagnostics.len() > before {
        return Vec::new();
    }
    let value =
        |(name, node): &(Key, Node)| AxisValue { name: name.text.as_str().into(), node: Arc::new(node.clone()) };
    entries.iter().map(value).collect()
}

/// Finds the values that the command line chooses by their names.
pub(super) fn chosen(
    key: &Key,
    declared: &[AxisValue],
    given: &[Node],
    diagnostics: &mut Diagnostics,
) -> Vec<AxisValue> {
    let mut found = Vec::new();
    for node in given {
        let written = node.scalar().unwrap_or_else(|| node.describe());
        match declared.iter().find(|value| *value.name == *written) {
            Some(value) => found.push(value.clone()),
            None if declared.is_empty() => return Vec::new(),
            None => {
                let names = || declared.iter().map(|value| &*value.name);
                let unknown = Diagnostic::at(node.span, format!("the axis `{}` has no value `{written}`", key.text));
                diagnostics.push(unknown.label(name::list(names())).hint_if(name::near(&written, names())));
                return Vec::new();
            }
        }
    }
    found
}
