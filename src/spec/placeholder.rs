//! Placeholders: `"${axis}"` in the values of a stage's body.
//!
//! A placeholder that is the whole value takes the axis' value with its type; within longer text it is written out, and a
//! value that is a list or a mapping by its name.
//! `$${` stands for `${` itself.

use std::borrow::Cow;

use super::axis_value::AxisValue;
use super::limit::enough;
use retort_source::{Diagnostic, Diagnostics, Node, Span, Value};

/// A stretch of text: literal, or the name of an axis.
enum Piece<'t> {
    Literal(&'t str),
    Axis(&'t str),
}

/// Splits text at its placeholders; an error says what is wrong.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(open) = rest.find("${") {
        let (before, after) = (&rest[..open], &rest[open + 2..]);
        if let Some(literal) = before.strip_suffix('$') {
            found.extend([Piece::Literal(literal), Piece::Literal("${")]);
            rest = after;
            continue;
        }
        let Some(close) = after.find('}') else {
            return Err("a placeholder is not closed: `}` is missing".into());
        };
        let name = after[..close].trim();
        if name.is_empty() {
            return Err("a placeholder names no axis".into());
        }
        found.extend([Piece::Literal(before), Piece::Axis(name)]);
        rest = &after[close + 1..];
    }
    found.push(Piece::Literal(rest));
    found.retain(|piece| !matches!(piece, Piece::Literal("")));
    Ok(found)
}

/// Visits the name and place of every axis that a tree mentions, and reports placeholders that are not well formed.
pub(super) fn mentions<'n>(node: &'n Node, diagnostics: &mut Diagnostics, visit: &mut dyn FnMut(&'n str, Span)) {
    if enough(diagnostics) {
        return;
    }
    match &node.value {
        Value::Text(text) if text.contains("${") => match pieces(text) {
            Ok(pieces) => {
                for piece in pieces {
                    if let Piece::Axis(name) = piece {
                        visit(name, node.span);
                    }
                }
            }
            Err(why) => {
                diagnostics.push(Diagnostic::at(node.span, why).hint("write `$${` where `${` is meant as text"));
            }
        },
        Value::List(items) => items.iter().for_each(|item| mentions(item, diagnostics, visit)),
        Value::Map(entries) => entries.iter().for_each(|(_, node)| mentions(node, diagnostics, visit)),
        _ => {}
    }
}

/// Returns the axis whose value a scalar takes whole.
pub(super) fn whole(text: &str) -> Option<&str> {
    match pieces(text).ok()?.as_slice() {
        [Piece::Axis(name)] => Some(name),
        _ => None,
    }
}

/// Lists the fields of a body whose whole value an axis gives.
pub(super) fn varied(body: &Node) -> Vec<String> {
    let of_axis = |node: &Node| node.text().and_then(whole).is_some();
    body.entries().iter().filter(|(_, node)| of_axis(node)).map(|(key, _)| key.text.clone()).collect()
}

/// Puts values in the place of axes; `value` must know every axis that the tree mentions.
pub(super) fn substitute<'v>(node: &Node, value: &dyn Fn(&str) -> Option<&'v AxisValue>) -> Node {
    let replaced = match &node.value {
        Value::Text(text) if text.contains("${") => {
            if let Some(whole) = whole(text).and_then(value) {
                return (*whole.node).clone();
            }
            Value::Text(interpolate(text, value))
        }
        Value::List(items) => Value::List(items.iter().map(|item| substitute(item, value)).collect()),
        Value::Map(entries) => {
            Value::Map(entries.iter().map(|(key, node)| (key.clone(), substitute(node, value))).collect())
        }
        other => other.clone(),
    };
    Node { value: replaced, span: node.span }
}

fn interpolate<'v>(text: &str, value: &dyn Fn(&str) -> Option<&'v AxisValue>) -> String {
    // A list or a mapping cannot be written within a text, and its name can.
    let in_text = |value: &AxisValue| value.node.scalar().unwrap_or_else(|| value.name.to_string());
    let written = |piece| match piece {
        Piece::Literal(literal) => Cow::Borrowed(literal),
        Piece::Axis(name) => Cow::Owned(value(name).map(in_text).unwrap_or_default()),
    };
    pieces(text).unwrap_or_default().into_iter().map(written).collect()
}
