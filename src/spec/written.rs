//! Stages as they are written: one key that names the kind, and beside it `over`, `where` and `except`.

use super::axis::{Group, read_groups};
use super::filter::WrittenFilter;
use super::setting::Settings;
use super::{Language, name};
use retort_source::{Diagnostic, Diagnostics, Key, Node, Value};
use retort_stage::{Derivation, Kind};

/// The keys that may stand beside a stage's kind.
const BESIDE: &[&str] = &["over", "where", "except", "use"];

/// A stage as it was written.
#[derive(Debug)]
pub(super) struct WrittenStage {
    /// The name and its place.
    pub(super) name: Key,
    /// The kind; `None` when none is named, which is reported.
    pub(super) word: Option<Word>,
    /// What stands under the key that names the kind.
    pub(super) body: Node,
    /// The axes of the stage alone.
    pub(super) over: Vec<Group>,
    /// The combinations left out.
    pub(super) filter: WrittenFilter,
    /// Whether anything was wrong so far.
    pub(super) broken: bool,
}

/// What the key that names a stage's kind may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    /// A kind.
    Kind(&'static Kind),
    /// A kind that repeats the definition of another.
    Derived(&'static Derivation),
}

impl Word {
    fn find(text: &str, language: Language) -> Option<Self> {
        let kind = language.kinds.iter().find(|kind| kind.name == text).map(Self::Kind);
        let derived = || language.derivations.iter().find(|derivation| derivation.name == text).map(Self::Derived);
        kind.or_else(derived)
    }

    /// Returns the word itself.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.name,
            Self::Derived(derivation) => derivation.name,
        }
    }
}

/// Reads a stage whose fragments were taken in.
pub(super) fn read_stage(
    name: &Key,
    node: &Node,
    language: Language,
    settings: &mut Settings,
    diagnostics: &mut Diagnostics,
) -> WrittenStage {
    let mut stage = WrittenStage::broken(name, node);
    if !matches!(node.value, Value::Map(_)) {
        let wrong = Diagnostic::at(node.span, format!("the stage `{}` cannot be {}", name.text, node.describe()));
        diagnostics.push(wrong.label("expected a mapping with one key that names the kind"));
        return stage;
    }
    let before = diagnostics.len();
    let mut named: Vec<(&Key, &Node, Word)> = Vec::new();
    let mut unknown = Vec::new();
    for (key, node) in node.entries() {
        match key.text.as_str() {
            "over" => stage.over = read_over(node, settings, diagnostics),
            "where" => stage.filter.keep(node, diagnostics),
            "except" => stage.filter.drop(node, diagnostics),
            text => match Word::find(text, language) {
                Some(word) => named.push((key, node, word)),
                None => unknown.push(key),
            },
        }
    }
    let kinds = || language.kinds.iter().map(|kind| kind.name).chain(language.derivations.iter().map(|kind| kind.name));
    for key in unknown {
        let (message, known): (_, Vec<_>) = if named.is_empty() {
            (format!("unknown stage kind `{}`", key.text), kinds().collect())
        } else {
            (format!("unknown key `{}` beside the kind of `{}`", key.text, name.text), BESIDE.to_vec())
        };
        let near = name::near(&key.text, kinds().chain(BESIDE.iter().copied()));
        let label = format!("known: {}", known.join(", "));
        diagnostics.push(Diagnostic::at(key.span, message).label(label).hint_if(near));
    }
    match named.as_slice() {
        [(_, body, word)] => (stage.body, stage.word) = ((*body).clone(), Some(*word)),
        [] if diagnostics.len() > before => {}
        [] => {
            let known: Vec<_> = kinds().collect();
            let wrong = Diagnostic::at(name.span, format!("the stage `{}` names no kind", name.text));
            diagnostics.push(wrong.label(format!("expected one key of: {}", known.join(", "))));
        }
        [(_, _, first), (key, _, second), ..] => {
            let (first, second) = (first.text(), second.text());
            let wrong = format!("the stage `{}` names two kinds, `{first}` and `{second}`", name.text);
            diagnostics.push(Diagnostic::at(key.span, wrong).label("expected one"));
        }
    }
    stage.broken = diagnostics.len() > before;
    stage
}

impl WrittenStage {
    /// Makes a stage of which only the name is known, so that references to it are not errors of their own.
    pub(super) fn broken(name: &Key, node: &Node) -> Self {
        let body = Node { value: Value::Null, span: node.span };
        let (name, filter) = (name.clone(), WrittenFilter::default());
        Self { name, word: None, body, over: Vec::new(), filter, broken: true }
    }
}

fn read_over(node: &Node, settings: &mut Settings, diagnostics: &mut Diagnostics) -> Vec<Group> {
    if !matches!(node.value, Value::Map(_)) {
        let wrong = Diagnostic::at(node.span, format!("`over` cannot be {}", node.describe()));
        diagnostics.push(wrong.label("expected a mapping of axes to lists of values"));
    }
    for (key, _) in node.entries() {
        if let Some(wrong) = name::wrong("an axis", key) {
            diagnostics.push(wrong);
        }
    }
    read_groups(node.entries(), settings, diagnostics)
}
