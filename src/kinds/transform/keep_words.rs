//! `keep_words`: the words that people marked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::materials::named;
use super::{Materials, Operation};
use crate::missing::Missing;
use retort_artifact::Rationale;
use retort_source::Node;
use retort_stage::params::{Count, External, Fields, FromNode, Scope};
use retort_stage::{Context, StageError};
use retort_text::annotation::{self, Annotation, Combine, Format, Unit, combined, places};
use retort_text::operation::{Subwords, written};
use retort_text::words::words;

/// What becomes of marks that belong nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The stage fails.
    Fail,
    /// They are counted in a warning.
    Warn,
}

retort_stage::words!(Unknown { Fail = "fail", Warn = "warn" });

retort_stage::params! {
    /// Keeps the words that people marked as mattering to the answer, in the order of the text, one space between them.
    pub struct KeepWords {
        /// What they marked: JSON lines, or one array, of `{id, annotator, words}` or `{id, annotator, spans}`, or an export of
        /// thresh.tools. What names no question is of the rationale that has its text.
        pub annotations: External,
        /// How it is written: `jsonl` or `thresh`; told from the file where nothing is given.
        pub format: Option<Format>,
        /// What spans are counted in: `characters`, `utf16` or `bytes`; UTF-16 in an export of thresh.tools, which counts as
        /// browsers do, and else characters, where nothing is given.
        pub counted_in: Option<Unit>,
        /// Which words stay where several people marked a rationale: those that `any` of them marked, `all`, a `majority` of
        /// more than half, or `{ at_least: n }`.
        pub combine: Combine = Combine::Any,
        /// What becomes of marks of a question without a rationale here, and of marked words that the rationale does not
        /// have: `fail`, or `warn` and go on without.
        pub unknown: Unknown = Unknown::Fail,
        /// What becomes of a rationale that nobody marked: `fail`, `drop`, or `keep` its question without a rationale.
        pub missing: Missing = Missing::Fail,
    }
}

impl Operation for KeepWords {
    const NAME: &'static str = "keep_words";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Keeps the words that people marked.";

    fn preflight(&self, context: &Context<'_>) -> Result<(), StageError> {
        self.read(context).map(drop)
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let file = materials.context().path_of(&self.annotations);
        let unusable = |why: &dyn std::fmt::Display| materials.fail(format!("`{file}`: {why}"));
        let annotations = self.read(materials.context()).map_err(|why| materials.fail(why))?;
        let mut by_id: BTreeMap<Option<&str>, Vec<&Annotation>> = BTreeMap::new();
        for annotation in &annotations {
            by_id.entry(annotation.id.as_deref()).or_default().push(annotation);
        }
        let of = |row: &Rationale| -> Vec<&Annotation> {
            let named = by_id.get(&Some(row.id.as_str())).into_iter().flatten().copied();
            let named = named.filter(|annotation| annotation.sample.is_none_or(|sample| sample == row.sample));
            let nameless = by_id.get(&None).into_iter().flatten().copied();
            let mut all: Vec<&Annotation> = named.chain(nameless.filter(|of| of.fits(&row.text))).collect();
            // Several texts may share an identifier; where none fits, which one is marked is said.
            if all.iter().any(|annotation| annotation.fits(&row.text)) {
                all.retain(|annotation| annotation.fits(&row.text));
            }
            all
        };
        let used: BTreeSet<&str> = rows.iter().flat_map(&of).map(|annotation| annotation.place.as_str()).collect();
        let lost = |annotation: &&Annotation| !used.contains(annotation.place.as_str());
        let lost: Vec<String> =
            annotations.iter().filter(lost).map(|annotation| annotation.name().to_owned()).collect();
        if !lost.is_empty() {
            let many = format!("{} of {} annotations", lost.len(), annotations.len());
            self.told(materials, format!("{many} are of questions that have no rationale here: {}", named(&lost)))?;
        }
        let (total, mut strange, mut strangers, mut empty) = (rows.len(), Vec::new(), 0, Vec::new());
        let kept = self.missing.settle(rows, materials, "have no annotation", |row| {
            let annotations = of(row);
            if annotations.is_empty() {
                return Ok(None);
            }
            let ranges = words(&row.text);
            let mut marked = Vec::with_capacity(annotations.len());
            for annotation in annotations {
                let found = places(annotation, &row.text, &ranges)
                    .map_err(|why| unusable(&format!("in the rationale of `{}`, {why}", row.id)))?;
                if let Some(word) = found.strangers.first() {
                    strangers += found.strangers.len();
                    strange.push(format!("{}: {word}", row.id));
                }
                marked.push(found.words);
            }
            let places: Vec<_> = combined(&marked, self.combine).into_iter().map(|word| ranges[word].clone()).collect();
            if places.is_empty() {
                empty.push(row.id.clone());
            }
            Ok(Some(materials.selected(row, &places, written(&row.text, &places, Subwords::Apart))))
        })?;
        if strangers > 0 {
            let which = format!("{strangers} marked words are not in their rationale: {}", named(&strange));
            self.told(materials, which)?;
        }
        materials.warn_of(&empty, total, "are empty now, since no word was marked by enough people");
        Ok(kept)
    }
}

impl KeepWords {
    fn read(&self, context: &Context<'_>) -> Result<Vec<Annotation>, StageError> {
        let bytes = context.file(&self.annotations)?;
        annotation::read_counted(&bytes, self.format, self.counted_in)
            .map_err(|why| StageError::data(format!("`{}`: {why}", context.path_of(&self.annotations))))
    }

    /// Fails because of marks that belong nowhere, or tells of them.
    fn told(&self, materials: &Materials<'_>, what: String) -> Result<(), StageError> {
        match self.unknown {
            Unknown::Fail => Err(materials.fail(format!("{what}; `unknown: warn` goes on without them"))),
            Unknown::Warn => {
                materials.warn(what);
                Ok(())
            }
        }
    }
}

const RULES: [(&str, Combine); 3] = [("any", Combine::Any), ("all", Combine::All), ("majority", Combine::Majority)];

/// Marks how this room reads a rule of combination, whose type is another room's.
#[derive(Debug)]
pub enum AsRule {}

impl FromNode<AsRule> for Combine {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        if let Some((_, rule)) = RULES.iter().find(|(word, _)| node.text() == Some(*word)) {
            return Some(*rule);
        }
        if node.entries().is_empty() {
            let wrong = format!("`{}` cannot be {}", scope.path(), node.describe());
            let label = "expected one of: any, all, majority, { at_least: n }";
            return scope.fail(retort_source::Diagnostic::at(node.span, wrong).label(label));
        }
        let mut fields = Fields::open(node, &["at_least"], scope)?;
        let least: Option<Count> = fields.required("at_least");
        fields.close()?;
        Some(Self::AtLeast(least?.get()))
    }

    fn schema() -> Json {
        let least = ("at_least", "How many people at least.", Count::schema(), None);
        json!({ "anyOf": [
            { "enum": RULES.map(|(word, _)| word) },
            Fields::schema("Words that so many people marked.", vec![least]),
            { "type": "string", "pattern": r"^\$\{[^}]+\}$" }
        ] })
    }
}
