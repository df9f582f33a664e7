//! Questions out of any table, by a mapping of its fields or one of the presets.

use serde_json::{Value as Json, json};

use super::format::BoundFormat;
use retort_artifact::{Answers, Question, Questions, Split};
use retort_fingerprint::{ContentHash, Term};
use retort_hub::{HubData, HubModel, RepoId, Revision};
use retort_source::{Diagnostic, Node, Value};
use retort_stage::params::{self, External, FromNode, Scope};
use retort_stage::{Context, StageError};
use retort_text::dataset::table::preset::{Preset, preset};
use retort_text::dataset::table::{Field, Form, Listed, Mapping, Pattern, Place, Row, Source, rows};

/// The fields that name files; all others are of the mapping.
const FILES: [&str; 7] = ["train", "dev", "test", "form", "hub", "revision", "config"];

retort_stage::params! {
    /// The files of a table, one for each split; a split without a file is empty.
    pub struct TableFiles {
        /// The train split: JSON lines, one JSON array, CSV, TSV or Parquet.
        pub train: Option<External>,
        /// The dev split.
        pub dev: Option<External>,
        /// The test split; no row of it need have the field of the answer.
        pub test: Option<External>,
        /// What the files are written in: `json` (lines, or one array), `csv`, `tsv` or `parquet`; told from what they begin
        /// with where nothing is given.
        pub form: Option<Form>,
    }
}

/// Reads the splits of a dataset on the hub, and notes each as something outside the experiment.
fn on_hub(node: &Node, scope: &mut Scope<'_>) -> Option<TableFiles> {
    let mut fields = params::Fields::open(node, &FILES, scope)?;
    let id = fields.required::<RepoId, _>("hub");
    let revision = fields.optional("revision", Revision::main);
    let config = fields.optional::<Option<String>, _>("config", || None);
    let form = fields.optional::<Option<Form>, _>("form", || None);
    let splits = ["train", "dev", "test"].map(|name| (name, fields.optional::<Option<String>, _>(name, || None)));
    fields.close()?;
    let (id, revision, config, form) = (id?, revision?, config?, form?);
    let mut noted = Vec::with_capacity(splits.len());
    for (name, split) in splits {
        let Some(split) = split? else {
            noted.push(None);
            continue;
        };
        let at = node.get(name).unwrap_or(node).span;
        if let Some(unsound) =
            [Some(&split), config.as_ref()].into_iter().flatten().find(|text| !HubData::is_name(text))
        {
            let why = format!("`{unsound}` is no name of a split or configuration on the hub");
            return scope.fail(Diagnostic::at(at, why).label("expected a name such as `train` or `main`"));
        }
        let data = Some(HubData { config: config.clone(), split });
        let model = HubModel { id: id.clone(), revision: revision.clone(), data, chat: false };
        noted.push(Some(scope.within(name, |scope| External::hub(model, at, scope))));
    }
    let [train, dev, test] = noted.try_into().ok()?;
    Some(TableFiles { train, dev, test, form })
}

/// Describes to editors what [`on_hub`] reads.
fn hub_schema() -> Json {
    let split = |name: &'static str, about: &'static str| (name, about, Option::<String>::schema(), Some(Json::Null));
    params::Fields::schema(
        "The splits of a dataset on the Hugging Face hub; `retort run` fetches their files and no others.",
        vec![
            ("hub", "The repository, such as `openai/gsm8k`.", RepoId::schema(), None),
            ("revision", "A branch or tag, or the commit to pin it to.", Revision::schema(), Some(json!("main"))),
            (
                "config",
                "The configuration, where the dataset has several.",
                Option::<String>::schema(),
                Some(Json::Null),
            ),
            split("train", "What the repository calls the split that becomes the train split."),
            split("dev", "What it calls the split that becomes the dev split, such as `validation`."),
            split("test", "What it calls the split that becomes the test split."),
            (
                "form",
                "What the files are written in, as for files on this machine.",
                Option::<Form>::schema(),
                Some(Json::Null),
            ),
        ],
    )
}

/// A field with what of it: `question`, `question.stem`, `{{ Body }} {{ Question }}`, or `{ field: answer, pattern: '#### (.*)'
/// }`.
#[derive(Debug, Clone)]
pub struct Piece(Source);

/// The choices: a field, or a list of columns.
#[derive(Debug, Clone)]
pub struct Columns(Listed);

/// The kind of answer: `choice`, `number`, `text`, `exact`, or the list of the classes.
#[derive(Debug, Clone)]
pub struct Kind(Answers);

/// The name of a field that is kept.
#[derive(Debug, Clone)]
pub struct Kept(Field);

retort_stage::params! {
    /// Which field of a table is what. A field is a column, a path such as `question.stem` or `options.0`, or a Jinja expression
    /// over the row, such as `{{ Body }} {{ Question }}`.
    pub struct Fields {
        /// The identifier; made from the words where nothing is given.
        pub id: Option<Piece>,
        /// The words of the question.
        pub question: Option<Piece>,
        /// The choices: a list of texts, a list of `{label, text}`, `{label: […], text: […]}`, or a list of columns.
        pub choices: Option<Columns>,
        /// The right answer: of a choice its letter, its label, its place from 0 or its words; of a class its name or its place;
        /// a number; or a text.
        pub answer: Option<Piece>,
        /// A rationale, which `teacher: gold` hands on.
        pub rationale: Option<Piece>,
        /// Further fields, which templates find under `fields`.
        pub keep: Option<Vec<Kept>>,
        /// What kind of answer it is: a `choice`, a `number`, a `text` (compared as SQuAD does), an `exact` text, or a list of
        /// classes such as `[yes, no]`.
        pub answers: Option<Kind>,
    }
}

/// A table: its files, and the mapping of its fields.
#[derive(Debug, Clone)]
pub struct Table {
    files: TableFiles,
    mapping: Mapping,
}

impl Table {
    /// Raised whenever the same mapping makes other questions of the same table.
    pub(super) const REVISION: u32 = 3;

    /// Reads a table from a mapping without its `format`; a preset gives the fields that are not there.
    pub(super) fn from_node(node: &Node, name: &str, scope: &mut Scope<'_>) -> Option<Self> {
        let preset = preset(name).map(Preset::mapping);
        let part = |of_files: bool| {
            let entries = node.entries().iter().filter(|(key, _)| FILES.contains(&key.text.as_str()) == of_files);
            Node { value: Value::Map(entries.cloned().collect()), span: node.span }
        };
        let named = part(true);
        let files = match node.get("hub") {
            Some(_) => on_hub(&named, scope),
            None => TableFiles::from_node(&named, scope),
        };
        let fields = Fields::from_node(&part(false), scope);
        let (files, fields) = (files?, fields?);
        if files.train.is_none() && files.dev.is_none() && files.test.is_none() {
            let wrong = Diagnostic::at(node.span, "a table needs a split: `train`, `dev` or `test`");
            return scope.fail(wrong);
        }
        let mapping = match fields.mapping(preset) {
            Ok(mapping) => mapping,
            Err(why) => return scope.fail(Diagnostic::at(node.span, why)),
        };
        match mapping.check() {
            Ok(()) => Some(Self { files, mapping }),
            Err(why) => scope.fail(Diagnostic::at(node.span, why.to_string())),
        }
    }

    /// Describes a table to editors; `name` is a preset's, or `table`.
    pub(super) fn schema(name: &str) -> [Json; 2] {
        let fields = Fields::schema();
        let merged = fields["properties"].as_object().cloned().unwrap_or_default();
        let with_fields = |mut files: Json| {
            if let Some(properties) = files["properties"].as_object_mut() {
                properties.extend(merged.clone());
            }
            let about = preset(name).map_or("Questions out of any table.", |preset| preset.about);
            files["description"] = json!(about);
            files
        };
        [with_fields(TableFiles::schema()), with_fields(hub_schema())]
    }
}

impl BoundFormat for Table {
    fn term(&self) -> Term {
        let Self { files, mapping } = self;
        Term::record([("files", files.term()), ("mapping", mapping.term()), ("revision", Self::REVISION.term())])
    }

    fn fields(&self) -> Option<Vec<String>> {
        Some(self.mapping.keep.iter().map(|field| field.written().to_owned()).collect())
    }

    fn read(&self, context: &Context<'_>) -> Result<Questions, StageError> {
        let Self { files: TableFiles { train, dev, test, form }, mapping } = self;
        let mut questions = Questions::default();
        let mut seen = std::collections::BTreeMap::<String, (String, Place)>::new();
        for (split, file) in Split::ALL.into_iter().zip([train, dev, test]) {
            let Some(file) = file else { continue };
            let path = context.path_of(file);
            let wrong = |error| StageError::data(format!("`{path}`: {error}"));
            let mut all: Vec<Row> = Vec::new();
            for bytes in context.files_of_rows(file)? {
                let form = form.unwrap_or_else(|| Form::of(&bytes));
                let before = all.len();
                // Of a split in several files, rows are counted through.
                let counted = |row: Row| match before {
                    0 => row,
                    _ => Row { place: Place { row: row.place.row + before, line: None }, ..row },
                };
                all.extend(rows(form, bytes).map_err(wrong)?.into_iter().map(counted));
            }
            let table = mapping.read(&all, split == Split::Test).map_err(wrong)?;
            if table.questions.is_empty() {
                context.warn(format!("`{path}` has no rows, so split `{split}` is empty"));
            }
            for note in table.notes {
                context.warn(format!("`{path}`: {note}"));
            }
            // An identifier that was made of the words says nothing but that the words are the same.
            for (place, question) in table.questions.iter().filter(|_| mapping.id.is_some()) {
                if let Some((other, first)) = seen.insert(question.id.clone(), (path.clone(), *place)) {
                    return Err(StageError::data(format!(
                        "`{path}`, {place}: the identifier `{}` is that of {first} of `{other}` already; an identifier names one \
                         question over all splits, so take another field for `id`, or leave it out",
                        question.id
                    )));
                }
            }
            let read: Vec<Question> = table.questions.into_iter().map(|(_, question)| question).collect();
            questions.splits.insert(split, read);
        }
        Ok(questions)
    }
}

impl Fields {
    /// Puts the mapping together; what is not given comes from the preset.
    fn mapping(self, preset: Option<Mapping>) -> Result<Mapping, String> {
        let Self { id, question, choices, answer, rationale, keep, answers } = self;
        let base = preset.as_ref();
        let or = |given: Option<Piece>, of: fn(&Mapping) -> Option<&Source>| {
            given.map(|Piece(source)| source).or_else(|| base.and_then(of).cloned())
        };
        let question = or(question, |preset| Some(&preset.question));
        let choices = choices.map(|Columns(listed)| listed).or_else(|| base.and_then(|preset| preset.choices.clone()));
        let answers = match (answers, base) {
            (Some(Kind(answers)), _) => answers,
            (None, Some(preset)) => preset.answers.clone(),
            (None, None) if choices.is_some() => Answers::Choice,
            (None, None) => {
                return Err(
                    "a table without `choices` needs `answers`: `number`, `text`, `exact`, or the classes, such as \
                            `[yes, no]`"
                        .into(),
                );
            }
        };
        Ok(Mapping {
            answers,
            id: or(id, |preset| preset.id.as_ref()),
            question: question.ok_or("a table needs `question`, the field with the words of the question")?,
            choices,
            answer: or(answer, |preset| preset.answer.as_ref()),
            rationale: or(rationale, |preset| preset.rationale.as_ref()),
            keep: match keep {
                Some(keep) => keep.into_iter().map(|Kept(field)| field).collect(),
                None => preset.map(|preset| preset.keep).unwrap_or_default(),
            },
        })
    }
}

fn sound<T>(read: Result<T, String>, node: &Node, scope: &mut Scope<'_>) -> Option<T> {
    read.map_err(|why| scope.diagnostics.push(Diagnostic::at(node.span, why))).ok()
}

fn wrong<T>(node: &Node, scope: &mut Scope<'_>, expected: &str) -> Option<T> {
    let message = format!("`{}` cannot be {}", scope.path(), node.describe());
    scope.fail(Diagnostic::at(node.span, message).label(format!("expected {expected}")))
}

const FIELD: &str = "a field, such as `question`, `question.stem` or `\"{{ Body }} {{ Question }}\"`";

fn field(node: &Node, scope: &mut Scope<'_>) -> Option<Field> {
    match node.text() {
        Some(written) => sound(Field::parse(written), node, scope),
        None => wrong(node, scope, FIELD),
    }
}

retort_stage::params! {
    /// A piece of a field.
    pub struct PieceFields {
        /// The field.
        pub field: Kept,
        /// A regular expression: of its last match the first group counts, or all of it where it has none.
        pub pattern: Option<String>,
        /// A regular expression whose matches are taken out first.
        pub remove: Option<String>,
    }
}

impl FromNode for Piece {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        if !matches!(node.value, Value::Map(_)) {
            return field(node, scope).map(|field| Self(Source::of(field)));
        }
        let PieceFields { field: Kept(field), pattern, remove } = PieceFields::from_node(node, scope)?;
        let mut read = |written: Option<String>, name: &str| {
            let Some(written) = written else { return Some(None) };
            sound(Pattern::parse(&written), node.get(name).unwrap_or(node), scope).map(Some)
        };
        let (pattern, remove) = (read(pattern, "pattern"), read(remove, "remove"));
        Some(Self(Source { field, pattern: pattern?, remove: remove? }))
    }

    fn schema() -> Json {
        json!({ "anyOf": [{ "type": "string" }, PieceFields::schema()] })
    }
}

impl ContentHash for Piece {
    fn term(&self) -> Term {
        self.0.term()
    }
}

impl FromNode for Columns {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let Value::List(columns) = &node.value else {
            return field(node, scope).map(|field| Self(Listed::Field(field)));
        };
        if columns.len() < 2 {
            return wrong(node, scope, "a field with a list, or two columns or more");
        }
        let columns: Vec<Option<Field>> = columns.iter().map(|column| field(column, scope)).collect();
        Some(Self(Listed::Columns(columns.into_iter().collect::<Option<_>>()?)))
    }

    fn schema() -> Json {
        json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 2 }] })
    }
}

impl ContentHash for Columns {
    fn term(&self) -> Term {
        self.0.term()
    }
}

impl FromNode for Kind {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        const EXPECTED: &str = "`choice`, `number`, `text`, `exact`, or a list of classes such as `[yes, no]`";
        if let Value::List(names) = &node.value {
            let name = |name: &Node| match &name.value {
                Value::Bool(value) => Some(value.to_string()),
                _ => name.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            };
            let names: Option<Vec<String>> = names.iter().map(name).collect();
            return match names {
                Some(names) => Some(Self(Answers::Class(names))),
                None => wrong(node, scope, "the names of classes as text; put numbers in quotes"),
            };
        }
        match node.text() {
            Some("choice") => Some(Self(Answers::Choice)),
            Some("number") => Some(Self(Answers::Number)),
            Some("text") => Some(Self(Answers::Text)),
            Some("exact") => Some(Self(Answers::Exact)),
            _ => wrong(node, scope, EXPECTED),
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "enum": ["choice", "number", "text", "exact"] },
            { "type": "array", "items": { "type": ["string", "boolean"] }, "minItems": 2 },
        ] })
    }
}

impl ContentHash for Kind {
    fn term(&self) -> Term {
        self.0.term()
    }
}

impl FromNode for Kept {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        field(node, scope).map(Self)
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

impl ContentHash for Kept {
    fn term(&self) -> Term {
        self.0.term()
    }
}
