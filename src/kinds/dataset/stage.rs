//! The stage that reads questions in whichever format a pipeline names, and which of them stay.

use serde_json::{Value as Json, json};

use super::format::{Bound, FormatEntry};
use super::list::FORMATS;
use crate::split::{Divide, deduplicated, warn_of_overlap};
use crate::subset::Subset;
use crate::templates;
use retort_artifact::{Questions, Split};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node, Value, nearest};
use retort_stage::params::{FromNode, Scope};
use retort_stage::{Context, Flaw, Looked, Stage, StageError};

/// Raised whenever `deduplicate` takes other questions for the same.
const DEDUPLICATION: u32 = 3;

/// Fields that every format has, and that stand beside its own.
const COMMON: [&str; 4] = ["format", "split", "subset", "deduplicate"];

/// Questions in one of several formats, named by the field `format`, and which of them stay.
#[derive(Debug, Clone)]
pub struct Dataset {
    source: Bound,
    split: Option<Divide>,
    subset: Option<Subset>,
    deduplicate: bool,
}

impl FromNode for Dataset {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let names = || FORMATS.all().iter().map(|entry| entry.name);
        let known = || names().collect::<Vec<_>>().join(", ");
        let Some(format) = node.get("format") else {
            let wrong = Diagnostic::at(node.span, "missing field `format`").label(format!("one of: {}", known()));
            return scope.fail(wrong);
        };
        let split = match node.get("split") {
            Some(given) => scope.within("split", |scope| Option::<Divide>::from_node(given, scope)),
            None => Some(None),
        };
        let subset = match node.get("subset") {
            Some(given) => scope.within("subset", |scope| Option::<Subset>::from_node(given, scope)),
            None => Some(None),
        };
        let deduplicate = match node.get("deduplicate") {
            Some(given) => scope.within("deduplicate", |scope| bool::from_node(given, scope)),
            None => Some(false),
        };
        let Some(entry) = FORMATS.all().iter().find(|entry| format.text() == Some(entry.name)) else {
            let near = format.text().and_then(|text| nearest(text, names()));
            let what = match format.text() {
                Some(text) => format!("unknown format `{text}`"),
                None => format!("`format` cannot be {}", format.describe()),
            };
            let wrong = Diagnostic::at(format.span, what);
            return scope.fail(
                wrong
                    .label(format!("expected one of: {}", known()))
                    .hint_if(near.map(|near| format!("did you mean `{near}`?"))),
            );
        };
        let rest = node.entries().iter().filter(|(key, _)| !COMMON.contains(&key.text.as_str())).cloned().collect();
        let rest = Node { value: Value::Map(rest), span: node.span };
        let source = (entry.bind)(entry.name, &rest, scope);
        let (source, split) = (source?, split?);
        if let Some(split) = &split {
            split.check(node, scope)?;
        }
        Some(Self { source, split, subset: subset?, deduplicate: deduplicate? })
    }

    fn schema() -> Json {
        let form = |entry: &FormatEntry| {
            let with_common = |mut schema: Json| {
                schema["properties"]["format"] = json!({ "const": entry.name, "description": entry.about });
                schema["properties"]["split"] = Divide::schema();
                schema["properties"]["subset"] = Subset::schema();
                schema["properties"]["subset"]["default"] = Json::Null;
                schema["properties"]["deduplicate"] = json!({
                    "type": "boolean",
                    "default": false,
                    "description": "Whether questions that the dev or the test split has as well are left out of the train split, and counted."
                });
                if let Some(required) = schema["required"].as_array_mut() {
                    required.push(json!("format"));
                }
                schema
            };
            (entry.schemas)(entry.name).into_iter().map(with_common).collect::<Vec<_>>()
        };
        json!({
            "description": "Questions, read from files in one of several formats, out of any table, or generated.",
            "anyOf": FORMATS.all().iter().flat_map(form).collect::<Vec<_>>()
        })
    }
}

impl ContentHash for Dataset {
    fn term(&self) -> Term {
        let Self { source: Bound { name, format }, split, subset, deduplicate } = self;
        // A dataset that is taken whole has the key that it has without these fields.
        let whole = Term::variant(name, format.term());
        let whole = match split {
            Some(split) => Term::record([("divided", whole), ("split", split.term())]),
            None => whole,
        };
        if subset.is_none() && !deduplicate {
            return whole;
        }
        let deduplicate = if *deduplicate { DEDUPLICATION.term() } else { deduplicate.term() };
        Term::record([("of", whole), ("subset", subset.term()), ("deduplicate", deduplicate)])
    }
}

/// The fields of a mapping that an error may be about.
const ROLES: [&str; 6] = ["id", "question", "choices", "answer", "rationale", "keep"];

impl Dataset {
    /// Finds the field that an error about the data is about: where the mapping is written out, the field whose column is not there or
    /// holds something else; else the one that names the file. Empty where neither is told.
    fn field_of(&self, context: &Context<'_>, why: &str) -> String {
        let says = |role: &&str| {
            [format!("needed for `{role}`"), format!("`{role}`, from `"), format!("` for `{role}` matches")]
                .iter()
                .any(|said| why.contains(said.as_str()))
        };
        if self.source.name == "table"
            && let Some(role) = ROLES.into_iter().find(says)
        {
            return role.to_owned();
        }
        let named = |files: &[(String, std::path::PathBuf, retort_fingerprint::Digest)]| {
            let name = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
            files.iter().filter_map(|(_, path, _)| name(path)).any(|name| why.contains(&name))
        };
        let mut ports = context.job.externals.iter().filter(|(_, files)| named(files));
        match (ports.next(), ports.next()) {
            (Some((port, _)), None) => port.clone(),
            _ => String::new(),
        }
    }
}

impl Stage for Dataset {
    type Output = Questions;

    const NAME: &'static str = "dataset";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Questions, by split: read from files or made up.";
    const EXAMPLE: &'static str = "{ format: quarel, train: data/quarel/train.jsonl, test: data/quarel/test.jsonl }";

    fn foretold(&self) -> Vec<(&'static str, String)> {
        let fields = self.source.format.fields();
        fields.map(|fields| (templates::FIELDS, fields.join("\n"))).into_iter().collect()
    }

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let seen: String = context.job.externals.values().flatten().map(|(.., digest)| digest.hex()).collect();
        let first = looked.first(format!("questions {seen} {:?}", self.term()));
        let wrong = if first { self.run(context).err() } else { None };
        wrong.into_iter().map(|error| Flaw::new(self.field_of(context, &error.to_string()), error)).collect()
    }

    fn run(&self, context: &Context<'_>) -> Result<Questions, StageError> {
        let Self { source, split, subset, deduplicate } = self;
        let all = source.format.read(context)?;
        let all = match split {
            Some(split) => split.apply(context, all)?,
            None => all,
        };
        let apart = if *deduplicate { deduplicated(context, all) } else { all };
        let kept = match subset {
            Some(subset) => of_subset(context, subset, apart),
            None => apart,
        };
        if !deduplicate {
            warn_of_overlap(context, &kept);
        }
        Ok(kept)
    }
}

/// Keeps a subset, and says which splits it leaves empty.
fn of_subset(context: &Context<'_>, subset: &Subset, apart: Questions) -> Questions {
    let before: Vec<(Split, usize)> = apart.splits.iter().map(|(split, rows)| (*split, rows.len())).collect();
    let kept = subset.apply(apart);
    for (split, all) in before {
        if all > 0 && kept.split(split).is_empty() {
            context.warn(format!("no question of the split `{split}` is left: `subset` comes to none of {all}"));
        }
    }
    kept
}
