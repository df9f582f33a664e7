//! `attribute` as pipelines write it: scores that are computed on a student, or that a file has.

use std::collections::{BTreeMap, BTreeSet};

use super::missing::Missing;
use super::scorer::Attribute;
use super::sequence::data;
use retort_artifact::{Attribution, Attributions, Rationale, Rationales};
use retort_fingerprint::{ContentHash, Term};
use retort_source::Node;
use retort_stage::params::{External, FromNode, Input, Later, Scope};
use retort_stage::{Coming, Context, Flaw, Looked, Misfit, Slot, Stage, StageError};
use retort_text::annotation::Unit;
use retort_text::dataset::scores::{self, ScoredText};

/// Raised whenever the same file gives other scores.
const IMPORT_REVISION: u32 = 1;

/// Scores of how much each token of a rationale matters.
#[derive(Debug, Clone)]
pub enum TokenScores {
    /// They are computed on a student.
    Computed(Box<Attribute>),
    /// They were computed elsewhere.
    Imported(ImportedScores),
}

retort_stage::params! {
    /// Scores of tokens that were computed elsewhere, of any rationales.
    pub struct ImportedScores {
        /// The rationales that were scored.
        pub rationales: Input<Rationales>,
        /// The file, and how it counts.
        pub import: ScoresFile,
        /// What becomes of rationales that the file has no scores of: it will `fail` (the default), `drop` them, or `keep` them without a
        /// score, so that no token of theirs counts more than another.
        pub missing: Later<Missing>,
    }
}

retort_stage::params! {
    /// A file of scores.
    pub struct ScoresFile {
        /// JSON lines, or one JSON array, of `{id, sample, tokens}`, where a token is `{span: [start, end], score}`, or `{token,
        /// score}` where the tokens follow each other in the text. `text` may say which text was scored.
        pub path: External,
        /// What spans are counted in: `characters`, `utf16` or `bytes`.
        pub counted_in: Unit = Unit::Characters,
    }
}

impl FromNode for TokenScores {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        if node.get("import").is_some() {
            ImportedScores::from_node(node, scope).map(Self::Imported)
        } else {
            Attribute::from_node(node, scope).map(|computed| Self::Computed(Box::new(computed)))
        }
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "anyOf": [Attribute::schema(), ImportedScores::schema()] })
    }
}

impl ContentHash for TokenScores {
    fn term(&self) -> Term {
        match self {
            Self::Computed(computed) => computed.term(),
            Self::Imported(imported) => {
                Term::record([("imported", imported.term()), ("import revision", IMPORT_REVISION.term())])
            }
        }
    }
}

impl Stage for TokenScores {
    type Output = Attributions;

    const NAME: &'static str = Attribute::NAME;
    const REVISION: u32 = Attribute::REVISION;
    const ABOUT: &'static str = Attribute::ABOUT;
    const EXAMPLE: &'static str = Attribute::EXAMPLE;

    fn slot(&self) -> Slot {
        match self {
            Self::Computed(computed) => computed.slot(),
            Self::Imported(_) => Slot::Worker,
        }
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        match self {
            Self::Computed(computed) => computed.parts(port),
            Self::Imported(_) => None,
        }
    }

    fn misfits(&self, coming: &[Coming]) -> Vec<Misfit> {
        match self {
            Self::Computed(computed) => computed.misfits(coming),
            Self::Imported(_) => Vec::new(),
        }
    }

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        match self {
            Self::Computed(computed) => computed.preflight(context, looked),
            Self::Imported(imported) => Flaw::of("import.path", imported.read(context)).into_iter().collect(),
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<Attributions, StageError> {
        match self {
            Self::Computed(computed) => computed.run(context),
            Self::Imported(imported) => imported.run(context),
        }
    }
}

impl ImportedScores {
    fn read(&self, context: &Context<'_>) -> Result<Vec<ScoredText>, StageError> {
        let path = &self.import.path;
        scores::read(&context.file(path)?).map_err(|error| data(format!("`{}`: {error}", context.path_of(path))))
    }

    /// Finds the scores of each rationale; those of others are left out and counted.
    fn run(&self, context: &Context<'_>) -> Result<Attributions, StageError> {
        let file = context.path_of(&self.import.path);
        let missing = self.missing.get().copied().unwrap_or(Missing::Fail);
        let scored = self.read(context)?;
        let mut by_key: BTreeMap<(&str, u32), &ScoredText> =
            scored.iter().map(|row| ((row.id.as_str(), row.sample), row)).collect();
        let rationales = context.read(&self.rationales)?.rows;
        let (mut rows, mut without) = (Vec::with_capacity(rationales.len()), BTreeSet::new());
        for Rationale { id, sample, text, .. } in &rationales {
            let Some(row) = by_key.remove(&(id.as_str(), *sample)) else {
                without.insert(format!("`{id}`, sample {sample}"));
                if missing == Missing::Keep {
                    let (id, text) = (id.clone(), text.clone());
                    rows.push(Attribution { id, sample: *sample, text, tokens: Vec::new(), completeness: None });
                }
                continue;
            };
            let tokens = row.placed(text, self.import.counted_in).map_err(|why| {
                data(format!(
                    "`{file}`: line {} does not fit the rationale of `{id}`, sample {sample}: {why}",
                    row.line
                ))
            })?;
            rows.push(Attribution { id: id.clone(), sample: *sample, text: text.clone(), tokens, completeness: None });
        }
        if let Some(first) = without.first() {
            let said = format!(
                "`{file}` has no scores of {} of {} rationales, such as {first}",
                without.len(),
                rationales.len()
            );
            match missing {
                _ if without.len() == rationales.len() => return Err(data(said)),
                Missing::Fail => {
                    return Err(data(format!(
                        "{said}; `missing: drop` leaves them out, and `missing: keep` keeps them without a score"
                    )));
                }
                Missing::Drop => context.warn(format!("{said}: they are left out")),
                Missing::Keep => context.warn(format!("{said}: they are kept without a score")),
            }
        }
        if let Some(row) = by_key.values().next() {
            context.warn(format!(
                "{} of {} lines of `{file}` score rationales that are not here, such as line {}, of `{}`",
                by_key.len(),
                scored.len(),
                row.line,
                row.id
            ));
        }
        Ok(Attributions { rows })
    }
}
