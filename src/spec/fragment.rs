//! Fragments: `use: name` in a mapping takes in the entries of a mapping that is declared once under `fragments`.
//!
//! A mapping's own entries win over those it takes in, whole: what is nested in them is not merged. Of several
//! fragments (`use: [a, b]`), later ones win. Fragments may use fragments.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::limit::enough;
use super::name;
use retort_source::{Diagnostic, Diagnostics, Key, Node, Span, Value};

/// The most values all bodies may hold together once fragments are taken in.
const MAX_NODES: usize = 2_000_000;
/// How deeply values may nest once fragments are taken in, and how long a chain of fragments may be.
const MAX_DEPTH: usize = 64;

/// The declared fragments, each resolved when it is first used.
pub(super) struct Fragments<'d> {
    declared: BTreeMap<&'d str, (&'d Key, &'d Node)>,
    /// `None` for those that are wrong, which was reported.
    resolved: BTreeMap<&'d str, Option<Rc<Resolved>>>,
    trail: Vec<&'d str>,
    nodes: usize,
}

/// A fragment with its own `use` replaced, and its size.
struct Resolved {
    entries: Vec<(Key, Node)>,
    nodes: usize,
    height: usize,
}

impl<'d> Fragments<'d> {
    /// Resolves every declared fragment, so that the errors in them are reported even where none is used.
    pub(super) fn new(declared: &'d [(Key, Node)], diagnostics: &mut Diagnostics) -> Self {
        let by_name = declared.iter().map(|(key, node)| (key.text.as_str(), (key, node))).collect();
        let mut fragments = Self { declared: by_name, resolved: BTreeMap::new(), trail: Vec::new(), nodes: 0 };
        for (key, _) in declared {
            fragments.fragment(&key.text, key.span, diagnostics);
        }
        fragments
    }

    /// Replaces every `use` in a tree; `None` when something was wrong, which is reported.
    pub(super) fn resolve(&mut self, node: &Node, diagnostics: &mut Diagnostics) -> Option<Node> {
        self.node(node, 0, diagnostics)
    }

    fn node(&mut self, node: &Node, depth: usize, diagnostics: &mut Diagnostics) -> Option<Node> {
        self.charge(1, depth, node.span, diagnostics)?;
        let value = match &node.value {
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.node(item, depth + 1, diagnostics)).collect();
                Value::List(items.into_iter().collect::<Option<_>>()?)
            }
            Value::Map(entries) => Value::Map(self.mapping(entries, depth, diagnostics)?),
            other => other.clone(),
        };
        Some(Node { value, span: node.span })
    }

    fn mapping(
        &mut self,
        entries: &[(Key, Node)],
        depth: usize,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<(Key, Node)>> {
        let (mut sound, mut own, mut taken) = (true, Vec::new(), Vec::new());
        for (key, node) in entries {
            if key.text == "use" {
                taken = self.used(node, depth, diagnostics).unwrap_or_else(|| {
                    sound = false;
                    Vec::new()
                });
            } else if let Some(node) = self.node(node, depth + 1, diagnostics) {
                own.push((key.clone(), node));
            } else {
                sound = false;
            }
        }
        let names: BTreeSet<_> = own.iter().map(|(key, _)| key.text.clone()).collect();
        taken.retain(|(key, _): &(Key, Node)| !names.contains(&key.text));
        taken.extend(own);
        sound.then_some(taken)
    }

    /// Returns the entries that the value of a `use` names.
    fn used(&mut self, node: &Node, depth: usize, diagnostics: &mut Diagnostics) -> Option<Vec<(Key, Node)>> {
        let names = match &node.value {
            Value::List(names) => names.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut merged: Vec<(Key, Node)> = Vec::new();
        for node in names {
            let Some(name) = node.text() else {
                let wrong = Diagnostic::at(node.span, format!("`use` cannot be {}", node.describe()));
                diagnostics.push(wrong.label("expected the name of a fragment, or a list of them"));
                return None;
            };
            let found = self.fragment(name, node.span, diagnostics)?;
            self.charge(found.nodes, depth + found.height, node.span, diagnostics)?;
            let replaced: BTreeSet<_> = found.entries.iter().map(|(key, _)| key.text.as_str()).collect();
            merged.retain(|(key, _)| !replaced.contains(key.text.as_str()));
            merged.extend(found.entries.iter().cloned());
        }
        Some(merged)
    }

    fn fragment(&mut self, name: &str, from: Span, diagnostics: &mut Diagnostics) -> Option<Rc<Resolved>> {
        let Some((&name, &(key, node))) = self.declared.get_key_value(name) else {
            let unknown = Diagnostic::at(from, format!("unknown fragment `{name}`"));
            let label = name::list(self.declared.keys().copied());
            diagnostics.push(unknown.label(label).hint_if(name::near(name, self.declared.keys().copied())));
            return None;
        };
        if let Some(done) = self.resolved.get(name) {
            return done.clone();
        }
        if let Some(start) = self.trail.iter().position(|open| *open == name) {
            let trail = self.trail[start..].iter().chain(std::iter::once(&name)).copied();
            let message = format!("fragments use each other: {}", trail.collect::<Vec<_>>().join(" → "));
            diagnostics.push(Diagnostic::at(from, message));
            return None;
        }
        if self.trail.len() >= MAX_DEPTH {
            diagnostics
                .push(Diagnostic::at(from, format!("fragments use each other more than {MAX_DEPTH} levels deep")));
            return None;
        }
        self.trail.push(name);
        let resolved = self.declared_mapping(key, node, diagnostics).map(Rc::new);
        self.trail.pop();
        self.resolved.insert(name, resolved.clone());
        resolved
    }

    fn declared_mapping(&mut self, key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Option<Resolved> {
        let Value::Map(entries) = &node.value else {
            let message = format!("the fragment `{}` cannot be {}", key.text, node.describe());
            diagnostics.push(Diagnostic::at(node.span, message).label("expected a mapping"));
            return None;
        };
        let entries = self.mapping(entries, 0, diagnostics)?;
        let sizes = entries.iter().map(|(_, node)| size(node));
        let (nodes, height) = sizes.fold((1, 0), |(nodes, height), size| (nodes + size.0, height.max(size.1 + 1)));
        Some(Resolved { entries, nodes, height })
    }

    fn charge(&mut self, nodes: usize, depth: usize, span: Span, diagnostics: &mut Diagnostics) -> Option<()> {
        // Once the limit is passed, it is passed everywhere, which was said.
        if self.nodes > MAX_NODES || enough(diagnostics) {
            return None;
        }
        self.nodes += nodes;
        let millions = MAX_NODES / 1_000_000;
        let why = match (self.nodes > MAX_NODES, depth > MAX_DEPTH) {
            (true, _) => {
                format!("the experiment holds more than {millions} million values once its fragments are taken in")
            }
            (_, true) => format!("values are nested more than {MAX_DEPTH} levels deep once fragments are taken in"),
            _ => return Some(()),
        };
        diagnostics.push(Diagnostic::at(span, why));
        None
    }
}

/// Counts (values, levels).
fn size(node: &Node) -> (usize, usize) {
    let join = |total: (usize, usize), child: &Node| {
        let (nodes, height) = size(child);
        (total.0 + nodes, total.1.max(height + 1))
    };
    match &node.value {
        Value::List(items) => items.iter().fold((1, 0), join),
        Value::Map(entries) => entries.iter().map(|(_, node)| node).fold((1, 0), join),
        _ => (1, 0),
    }
}
