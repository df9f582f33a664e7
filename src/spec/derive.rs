//! Kinds that repeat the definition of another stage with some fields replaced: `retrain: { like: tuned, rationales: top }`.
//!
//! The definition brings along the axes that its stage declares under `over`; the repeating stage's own win. It does not
//! bring along `where` and `except`. What is replaced must be replaced by something else, and nothing else may differ: the
//! stage's own `over` has no axis that the rest of the definition goes by.

use std::collections::{BTreeMap, BTreeSet};

use super::axis::Group;
use super::name;
use super::placeholder;
use super::written::{Word, WrittenStage};
use retort_source::{Diagnostic, Diagnostics, Node, Sources, Span, Value};
use retort_stage::{Derivation, Kind};

/// A stage's kind, body and axes after derivation.
#[derive(Debug)]
pub(super) struct Definition {
    /// The kind.
    pub(super) kind: &'static Kind,
    /// The body that the kind reads.
    pub(super) body: Node,
    /// The axes of the stage alone.
    pub(super) over: Vec<Group>,
}

/// Finds the definition of every stage; `None` where something is wrong, which is reported.
pub(super) fn definitions(
    stages: &[WrittenStage],
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) -> Vec<Option<Definition>> {
    let by_name: BTreeMap<_, _> =
        stages.iter().enumerate().map(|(index, stage)| (stage.name.text.as_str(), index)).collect();
    let deriving = Deriving { stages, by_name, sources };
    let likes: Vec<_> = stages.iter().map(|stage| deriving.like(stage, diagnostics)).collect();
    let mut definitions: Vec<Option<Definition>> = stages.iter().map(plain).collect();
    let mut walked = vec![Walk::No; stages.len()];
    for start in 0..stages.len() {
        // Each stage's chain is walked to a stage whose definition is settled, then filled in on the way back.
        let mut chain = Vec::new();
        let mut at = start;
        while let (Walk::No, Some((like, span))) = (walked[at], likes[at]) {
            walked[at] = Walk::Now;
            chain.push((at, like, span));
            at = like;
        }
        if walked[at] == Walk::Now {
            let round = chain.iter().position(|&(stage, ..)| stage == at).unwrap_or_default();
            deriving.cycle(&chain[round..], diagnostics);
        }
        for (stage, like, span) in chain.into_iter().rev() {
            walked[stage] = Walk::Done;
            let base = definitions[like].as_ref();
            definitions[stage] = base.and_then(|base| deriving.derive(stage, base, like, span, diagnostics));
        }
    }
    definitions
}

fn plain(stage: &WrittenStage) -> Option<Definition> {
    match stage.word {
        Some(Word::Kind(kind)) if !stage.broken => {
            Some(Definition { kind, body: stage.body.clone(), over: stage.over.clone() })
        }
        _ => None,
    }
}

/// Whether a chain of repeated definitions went through a stage.
#[derive(Clone, Copy, PartialEq)]
enum Walk {
    No,
    Now,
    Done,
}

struct Deriving<'a> {
    stages: &'a [WrittenStage],
    by_name: BTreeMap<&'a str, usize>,
    sources: &'a Sources,
}

impl Deriving<'_> {
    /// Reads the body of a derived stage; returns the stage whose definition it repeats and where that is said.
    fn like(&self, stage: &WrittenStage, diagnostics: &mut Diagnostics) -> Option<(usize, Span)> {
        let Some(Word::Derived(derivation)) = stage.word else { return None };
        let known: Vec<_> = std::iter::once(derivation.like).chain(derivation.replaces.iter().copied()).collect();
        let mut sound = !stage.broken;
        for (key, _) in stage.body.entries().iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            let unknown = Diagnostic::at(key.span, format!("unknown field `{}`", key.text));
            let label = format!("`{}` knows: {}", derivation.name, known.join(", "));
            diagnostics.push(unknown.label(label).hint_if(name::near(&key.text, known.iter().copied())));
            sound = false;
        }
        if !derivation.replaces.iter().any(|field| stage.body.get(field).is_some()) {
            let message = format!("`{}` replaces nothing", stage.name.text);
            let label = format!("expected one of: {}", derivation.replaces.join(", "));
            diagnostics.push(Diagnostic::at(stage.body.span, message).label(label));
            sound = false;
        }
        let Some(node) = stage.body.get(derivation.like) else {
            let message = format!("missing field `{}`", derivation.like);
            let label = format!("expected the name of a `{}` stage", derivation.base);
            diagnostics.push(Diagnostic::at(stage.body.span, message).label(label));
            return None;
        };
        let Some(&like) = node.text().and_then(|name| self.by_name.get(name)) else {
            let message = match node.text() {
                Some(name) => format!("unknown stage `{name}`"),
                None => format!("`{}` cannot be {}", derivation.like, node.describe()),
            };
            let known = self.stages.iter().map(|stage| stage.name.text.as_str());
            let near = node.text().and_then(|text| name::near(text, known));
            let label = format!("expected the name of a `{}` stage", derivation.base);
            diagnostics.push(Diagnostic::at(node.span, message).label(label).hint_if(near));
            return None;
        };
        sound.then_some((like, node.span))
    }

    fn derive(
        &self,
        stage: usize,
        base: &Definition,
        like: usize,
        span: Span,
        diagnostics: &mut Diagnostics,
    ) -> Option<Definition> {
        let stage = &self.stages[stage];
        let Some(Word::Derived(Derivation { name, base: expected, replaces, .. })) = stage.word else { return None };
        if base.kind.name != *expected {
            let (like, kind) = (&self.stages[like].name.text, base.kind.name);
            let message =
                format!("`{name}` repeats a stage of kind `{expected}`, but the kind of `{like}` is `{kind}`");
            diagnostics.push(Diagnostic::at(span, message));
            return None;
        }
        let other = &self.stages[like].name.text;
        if !differs_once(stage, base, other, replaces, diagnostics) {
            return None;
        }
        // The body keeps the place of the definition it repeats, so that an error in it is the same error, reported once.
        let mut body = base.body.clone();
        if let Value::Map(entries) = &mut body.value {
            for (key, node) in stage.body.entries().iter().filter(|(key, _)| replaces.contains(&key.text.as_str())) {
                entries.retain(|(replaced, _)| replaced.text != key.text);
                entries.push((key.clone(), node.clone()));
            }
        }
        Some(Definition { kind: base.kind, body, over: merged(&base.over, &stage.over) })
    }

    fn cycle(&self, chain: &[(usize, usize, Span)], diagnostics: &mut Diagnostics) {
        let name = |stage: usize| self.stages[stage].name.text.as_str();
        let Some(&(first, _, span)) = chain.first() else { return };
        let path: Vec<_> = chain.iter().map(|&(stage, ..)| name(stage)).chain(std::iter::once(name(first))).collect();
        let places = chain.iter().map(|&(stage, like, span)| {
            format!("`{}` repeats `{}` at {}", name(stage), name(like), self.sources.location(span))
        });
        let message = format!("stages repeat each other: {}", path.join(" → "));
        diagnostics.push(Diagnostic::at(span, message).hint(places.collect::<Vec<_>>().join("; ")));
    }
}

/// Says whether a stage replaces something by something else, and changes nothing besides; reports it where not.
fn differs_once(
    stage: &WrittenStage,
    base: &Definition,
    like: &str,
    replaces: &[&str],
    diagnostics: &mut Diagnostics,
) -> bool {
    let before = diagnostics.len();
    let name = &stage.name.text;
    let replaced = |key: &str| replaces.contains(&key);
    let own = || stage.body.entries().iter().filter(|(key, _)| replaced(&key.text));
    let same = |key: &str, node: &Node| base.body.get(key).is_some_and(|other| other.value == node.value);
    let all_same = stage.over.is_empty() && own().all(|(key, node)| same(&key.text, node));
    for (key, node) in own().filter(|_| all_same) {
        let message = format!("`{name}` differs from `{like}` in nothing: `{}` is the same", key.text);
        diagnostics.push(Diagnostic::at(node.span, message).label("expected another one"));
    }
    // What is malformed is reported where the definition itself is read.
    let (mut mentioned, mut malformed) = (BTreeSet::new(), Diagnostics::default());
    for (_, node) in base.body.entries().iter().filter(|(key, _)| !replaced(&key.text)) {
        placeholder::mentions(node, &mut malformed, &mut |axis, _| {
            mentioned.insert(axis.to_owned());
        });
    }
    for axis in stage.over.iter().flat_map(|group| &group.axes).filter(|axis| mentioned.contains(&axis.key.text)) {
        let message = format!("`{name}` differs from `{like}` in `{}` as well", axis.key.text);
        let hint =
            "exactly one thing may differ: keep some of an axis' values with `where`, or write a stage of its own";
        diagnostics.push(
            Diagnostic::at(axis.key.span, message).label(format!("`{like}`, which is repeated, goes by it")).hint(hint),
        );
    }
    diagnostics.len() == before
}

/// Joins axes, the stage's own taking the place of groups that share an axis with them.
fn merged(inherited: &[Group], own: &[Group]) -> Vec<Group> {
    let clashes = |group: &Group| {
        let mut axes = own.iter().flat_map(|own| &own.axes);
        axes.any(|axis| group.axes.iter().any(|other| other.key.text == axis.key.text))
    };
    inherited.iter().filter(|group| !clashes(group)).chain(own).cloned().collect()
}
