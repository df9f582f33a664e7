//! `dataset`: questions, read from files or made up.

use serde_json::{Value as Json, json};

use super::subset::{Subset, deduplicated};
use super::table::Table;
use crate::params::{Count, External, FromNode, Scope, Seed};
use crate::{Context, Flaw, Looked, Stage, StageError};
use retort_artifact::{Question, Questions, Split};
use retort_fingerprint::{ContentHash, Term};
use retort_source::{Diagnostic, Node, Value, nearest};
use retort_text::Fraction;
use retort_text::dataset::quarel::{self, Wording};
use retort_text::dataset::synthetic::arithmetic::{self, ArithmeticSpec};
use retort_text::dataset::synthetic::{self, SyntheticSpec};
use retort_text::dataset::table::preset::{PRESETS, preset};
use retort_text::dataset::{DatasetError, csqa, obqa};

crate::params! {
    /// Files in one of the official line formats, one for each split; a split without a file is empty.
    pub struct Files {
        /// The train split.
        pub train: Option<External>,
        /// The dev split.
        pub dev: Option<External>,
        /// The test split.
        pub test: Option<External>,
        /// How many questions to keep of each split, the first ones; all where nothing is given.
        pub limit: Option<Limit>,
    }
}

crate::params! {
    /// How many questions to keep of each split, the first ones.
    pub struct Limit {
        /// Of the train split.
        pub train: Option<Count>,
        /// Of the dev split.
        pub dev: Option<Count>,
        /// Of the test split.
        pub test: Option<Count>,
    }
}

impl Limit {
    fn apply(&self, questions: &mut Questions) {
        let Self { train, dev, test } = self;
        for (split, most) in Split::ALL.into_iter().zip([train, dev, test]) {
            if let (Some(rows), Some(most)) = (questions.splits.get_mut(&split), most) {
                rows.truncate(most.get());
            }
        }
    }
}

crate::words!(read Wording);

crate::params! {
    /// QuaRel's files, one for each split; a split without a file is empty.
    pub struct QuarelFiles {
        /// The train split.
        pub train: Option<External>,
        /// The dev split.
        pub dev: Option<External>,
        /// The test split.
        pub test: Option<External>,
        /// What becomes of the words of a choice: `as_written` keeps the full stops and the `or` that stand in the dataset,
        /// `trimmed` takes them off.
        pub wording: Wording = Wording::AsWritten,
        /// How many questions to keep of each split, the first ones; all where nothing is given.
        pub limit: Option<Limit>,
    }
}

crate::params! {
    /// CommonsenseQA's files, or ARC's, which are written alike. With `in_house`, the listed train questions stay and the others become the test split, as
    /// is usual since the official test file has no labels.
    pub struct CsqaFiles {
        /// The train split.
        pub train: Option<External>,
        /// The dev split.
        pub dev: Option<External>,
        /// The test split; not with `in_house`, which makes one.
        pub test: Option<External>,
        /// The identifiers of the train questions to keep for training, one a line.
        pub in_house: Option<External>,
        /// How many questions to keep of each split, the first ones; all where nothing is given.
        pub limit: Option<Limit>,
    }
}

crate::params! {
    /// Qualitative-reasoning questions made up by rule, each with a gold rationale; no two have the same text.
    pub struct Synthetic {
        /// Questions in the train split.
        pub train: Count = Count::of(2000),
        /// Questions in the dev split.
        pub dev: Count = Count::of(200),
        /// Questions in the test split.
        pub test: Count = Count::of(400),
        /// Rules between what is stated and what is asked, from 1 to 3.
        pub chain: Count = Count::of(2),
        /// How many binary facts decide the label, from 1 to 4.
        pub difficulty: Count = Count::of(2),
        /// How many kinds of situation occur, from 1 to 12.
        pub situations: Count = Count::of(3),
        /// The share of questions in which each fact after the first is turned round, from 0 to 1: a student that has
        /// learnt the first fact alone is right in all others.
        pub reversals: Fraction = Fraction::try_from(0.2).expect("0.2 lies between 0 and 1"),
        /// Whether a scene is set before the comparison, which makes questions longer and more varied.
        pub scenes: bool = false,
        /// Decides every question; the experiment's seed where none is given.
        pub seed: Seed,
    }
}

crate::params! {
    /// Word problems made up by rule, each with its steps as the gold rationale and a number as the answer; no two have the same
    /// text.
    pub struct Arithmetic {
        /// Questions in the train split.
        pub train: Count = Count::of(2000),
        /// Questions in the dev split.
        pub dev: Count = Count::of(200),
        /// Questions in the test split.
        pub test: Count = Count::of(400),
        /// Steps of each, from 1 to 4.
        pub steps: Count = Count::of(2),
        /// The largest number that a question begins with, or that a step adds or takes, from 2 to 1000.
        pub largest: Count = Count::of(20),
        /// Decides every question; the experiment's seed where none is given.
        pub seed: Seed,
    }
}

/// Questions in one of several formats, and which of them stay.
#[derive(Debug, Clone)]
pub struct Dataset {
    source: Format,
    subset: Option<Subset>,
    deduplicate: bool,
}

/// Questions in one of several formats, named by the field `format`.
#[derive(Debug, Clone)]
enum Format {
    /// CommonsenseQA's line format.
    Csqa(CsqaFiles),
    /// OpenBookQA's line format.
    Obqa(Files),
    /// QuaRel's line format.
    Quarel(QuarelFiles),
    /// Made up by rule.
    Synthetic(Synthetic),
    /// Word problems made up by rule.
    Arithmetic(Arithmetic),
    /// Any table.
    Table(Box<Table>),
}

const FORMATS: [&str; 5] = ["csqa", "obqa", "quarel", "synthetic", "table"];

/// Every format: those above, and the mappings that have names.
fn formats() -> impl Iterator<Item = &'static str> {
    FORMATS.into_iter().chain(PRESETS.iter().map(|preset| preset.name))
}

/// The tasks that `format: synthetic` can make up, named by the field `task`; the first where nothing is given.
const TASKS: [&str; 2] = ["qualitative", "arithmetic"];

/// Fields that every format has, and that stand beside its own.
const COMMON: [&str; 3] = ["format", "subset", "deduplicate"];

impl FromNode for Dataset {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let one_of = || formats().collect::<Vec<_>>().join(", ");
        let Some(format) = node.get("format") else {
            let wrong = Diagnostic::at(node.span, "missing field `format`").label(format!("one of: {}", one_of()));
            return scope.fail(wrong);
        };
        let subset = match node.get("subset") {
            Some(given) => scope.within("subset", |scope| Option::<Subset>::from_node(given, scope)),
            None => Some(None),
        };
        let deduplicate = match node.get("deduplicate") {
            Some(given) => scope.within("deduplicate", |scope| bool::from_node(given, scope)),
            None => Some(false),
        };
        let source = match format.text() {
            Some("csqa") => CsqaFiles::from_node(&without(node, &COMMON), scope).map(Format::Csqa),
            Some("obqa") => Files::from_node(&without(node, &COMMON), scope).map(Format::Obqa),
            Some("quarel") => QuarelFiles::from_node(&without(node, &COMMON), scope).map(Format::Quarel),
            Some("synthetic") => made_up(node, scope),
            Some(name) if name == "table" || preset(name).is_some() => {
                Table::from_node(&without(node, &COMMON), name, scope).map(|table| Format::Table(Box::new(table)))
            }
            _ => {
                let near = format.text().and_then(|text| nearest(text, formats()));
                let wrong = Diagnostic::at(format.span, format!("`format` cannot be {}", format.describe()));
                scope.fail(
                    wrong
                        .label(format!("expected one of: {}", one_of()))
                        .hint_if(near.map(|near| format!("did you mean `{near}`?"))),
                )
            }
        };
        Some(Self { source: source?, subset: subset?, deduplicate: deduplicate? })
    }

    fn schema() -> Json {
        let with_format = |format: &str, mut schema: Json| {
            schema["properties"]["format"] = json!({ "const": format });
            schema["properties"]["subset"] = Subset::schema();
            schema["properties"]["deduplicate"] = json!({
                "type": "boolean",
                "description": "Whether questions that the dev or the test split has as well are left out of the train split, and counted."
            });
            if let Some(required) = schema["required"].as_array_mut() {
                required.push(json!("format"));
            }
            schema
        };
        let with_task = |task: &str, mut schema: Json| {
            schema["properties"]["task"] = json!({ "const": task });
            if let Some(required) = schema["required"].as_array_mut().filter(|_| task != TASKS[0]) {
                required.push(json!("task"));
            }
            with_format("synthetic", schema)
        };
        let tables = ["table"].into_iter().chain(PRESETS.iter().map(|preset| preset.name));
        let tables = tables.flat_map(|name| Table::schema(name).map(|schema| with_format(name, schema)));
        let all = [
            with_format("csqa", CsqaFiles::schema()),
            with_format("obqa", Files::schema()),
            with_format("quarel", QuarelFiles::schema()),
            with_task(TASKS[0], Synthetic::schema()),
            with_task(TASKS[1], Arithmetic::schema()),
        ];
        json!({
            "description": "Questions, read from files in an official line format, out of any table, or made up.",
            "anyOf": all.into_iter().chain(tables).collect::<Vec<_>>()
        })
    }
}

/// Returns a mapping without some of its keys.
fn without(node: &Node, keys: &[&str]) -> Node {
    let rest = node.entries().iter().filter(|(key, _)| !keys.contains(&key.text.as_str())).cloned().collect();
    Node { value: Value::Map(rest), span: node.span }
}

fn made_up(node: &Node, scope: &mut Scope<'_>) -> Option<Format> {
    let rest = without(node, &[&COMMON[..], &["task"]].concat());
    let Some(task) = node.get("task") else { return Synthetic::from_node(&rest, scope).map(Format::Synthetic) };
    match task.text() {
        Some("qualitative") => Synthetic::from_node(&rest, scope).map(Format::Synthetic),
        Some("arithmetic") => Arithmetic::from_node(&rest, scope).map(Format::Arithmetic),
        _ => {
            let wrong = Diagnostic::at(task.span, format!("`task` cannot be {}", task.describe()));
            let near = task.text().and_then(|text| nearest(text, TASKS));
            scope.fail(
                wrong
                    .label(format!("expected one of: {}", TASKS.join(", ")))
                    .hint_if(near.map(|near| format!("did you mean `{near}`?"))),
            )
        }
    }
}

impl ContentHash for Dataset {
    fn term(&self) -> Term {
        let Self { source, subset, deduplicate } = self;
        let (name, term) = match source {
            Format::Csqa(files) => ("csqa", files.term()),
            Format::Obqa(files) => ("obqa", files.term()),
            Format::Quarel(files) => ("quarel", files.term()),
            Format::Synthetic(spec) => ("synthetic", spec.term()),
            Format::Arithmetic(spec) => ("arithmetic", spec.term()),
            Format::Table(table) => ("table", table.term()),
        };
        // A dataset that is taken whole has the key that it always had.
        let whole = Term::variant(name, term);
        if subset.is_none() && !deduplicate {
            return whole;
        }
        Term::record([("of", whole), ("subset", subset.term()), ("deduplicate", deduplicate.term())])
    }
}

impl Stage for Dataset {
    type Output = Questions;

    const NAME: &'static str = "dataset";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Questions, by split: read from files or made up.";
    const EXAMPLE: &'static str = "{ format: quarel, train: data/quarel/train.jsonl, test: data/quarel/test.jsonl }";

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let seen: String = context.order.externals.values().flatten().map(|(.., digest)| digest.hex()).collect();
        let first = looked.first(format!("questions {seen} {:?}", self.term()));
        let flaw = if first { Flaw::of("", self.run(context)) } else { None };
        flaw.into_iter().collect()
    }

    fn run(&self, context: &Context<'_>) -> Result<Questions, StageError> {
        let Self { source, subset, deduplicate } = self;
        let all = source.questions(context)?;
        let apart = if *deduplicate { deduplicated(context, all) } else { all };
        Ok(match subset {
            Some(subset) => subset.apply(apart),
            None => apart,
        })
    }
}

impl Format {
    fn questions(&self, context: &Context<'_>) -> Result<Questions, StageError> {
        match self {
            Self::Quarel(QuarelFiles { train, dev, test, wording, limit }) => {
                let read = |bytes: &[u8]| quarel::read_worded(bytes, *wording);
                Ok(limited(splits(context, [train, dev, test], &read)?, limit.as_ref()))
            }
            Self::Obqa(Files { train, dev, test, limit }) => {
                Ok(limited(splits(context, [train, dev, test], &obqa::read)?, limit.as_ref()))
            }
            Self::Csqa(given) => csqa(context, given),
            Self::Synthetic(Synthetic { train, dev, test, chain, difficulty, situations, reversals, scenes, seed }) => {
                let small = |count: &Count| u8::try_from(count.get()).unwrap_or(u8::MAX);
                let spec = SyntheticSpec {
                    train: train.get(),
                    dev: dev.get(),
                    test: test.get(),
                    chain: small(chain),
                    difficulty: small(difficulty),
                    situations: small(situations),
                    reversals: *reversals,
                    scenes: *scenes,
                    seed: seed.0,
                };
                synthetic::generate(&spec).map_err(|error| StageError::data(error.to_string()))
            }
            Self::Arithmetic(Arithmetic { train, dev, test, steps, largest, seed }) => {
                let spec = ArithmeticSpec {
                    train: train.get(),
                    dev: dev.get(),
                    test: test.get(),
                    steps: u8::try_from(steps.get()).unwrap_or(u8::MAX),
                    largest: u32::try_from(largest.get()).unwrap_or(u32::MAX),
                    seed: seed.0,
                };
                arithmetic::generate(&spec).map_err(|error| StageError::data(error.to_string()))
            }
            Self::Table(table) => table.questions(context),
        }
    }
}

type Reader<'a> = &'a dyn Fn(&[u8]) -> Result<Vec<Question>, DatasetError>;

fn splits(context: &Context<'_>, files: [&Option<External>; 3], read: Reader<'_>) -> Result<Questions, StageError> {
    let mut questions = Questions::default();
    for (split, file) in Split::ALL.into_iter().zip(files) {
        if let Some(file) = file {
            questions.splits.insert(split, rows(context, file, read)?);
        }
    }
    Ok(questions)
}

fn rows(context: &Context<'_>, file: &External, read: Reader<'_>) -> Result<Vec<Question>, StageError> {
    let bytes = context.file(file)?;
    read(&bytes).map_err(|error| StageError::data(format!("`{}`: {error}", context.path_of(file))))
}

fn csqa(context: &Context<'_>, files: &CsqaFiles) -> Result<Questions, StageError> {
    let CsqaFiles { train, dev, test, in_house, limit } = files;
    let mut questions = splits(context, [train, dev, test], &csqa::read)?;
    if let Some(list) = in_house {
        if test.is_some() {
            return Err(StageError::data("`in_house` makes the test split, so `test` cannot be given as well"));
        }
        let all = questions.splits.remove(&Split::Train).unwrap_or_default();
        let parted = csqa::in_house(all, &context.file(list)?)
            .map_err(|error| StageError::data(format!("`{}`: {error}", context.path_of(list))))?;
        questions.splits.insert(Split::Train, parted.train);
        questions.splits.insert(Split::Test, parted.test);
    }
    Ok(limited(questions, limit.as_ref()))
}

fn limited(mut questions: Questions, limit: Option<&Limit>) -> Questions {
    if let Some(limit) = limit {
        limit.apply(&mut questions);
    }
    questions
}
