//! `docs/reference.md`: every kind of stage and every field, written from the schema that editors use.
//!
//! `UPDATE_EXPECT=1 cargo test --release --test cli reference` writes the page again.

use std::collections::BTreeMap;
use std::path::Path;

use retort::source::{Node, Sources, Value, read_yaml};
use serde_json::{Value as Json, json};

use super::blocks::{blocks, pages};
use super::commands::json_of_node;

/// What a number counts, by the end of its field's path.
const UNITS: &[(&str, &str)] = &[
    ("timeout", "seconds"),
    ("first_wait", "seconds"),
    ("longest_wait", "seconds"),
    ("traffic.patience", "seconds"),
    ("requests_per_minute", "requests per minute"),
    ("tokens_per_minute", "tokens per minute"),
    ("price.input", "currency per million tokens"),
    ("price.output", "currency per million tokens"),
    ("max_cost", "currency of `price`"),
    ("max_tokens_total", "tokens"),
    ("max_tokens", "tokens"),
    ("max_new", "tokens"),
    ("max_length", "tokens"),
    ("context", "tokens"),
    ("positions", "tokens"),
    ("recipe.batch", "questions"),
    ("recipe.patience", "evaluations"),
    ("recipe.eval_every", "steps"),
    ("recipe.warmup_steps", "steps"),
    ("recipe.steps", "steps"),
    ("recipe.epochs", "epochs"),
    ("hypotheses[].by", "percentage points"),
    ("hypotheses[].within", "percentage points"),
];

/// Examples of fields that no pipeline of the repository sets: bodies of stages by kind.
const EXAMPLES: &str = include_str!("reference.yaml");

/// One line of a table.
struct Row {
    path: String,
    schema: Json,
    required: bool,
}

/// Returns the alternatives of a schema, without placeholders and `null`.
fn forms(schema: &Json) -> Vec<&Json> {
    for many in ["anyOf", "oneOf"] {
        if let Some(all) = schema[many].as_array() {
            return all.iter().flat_map(forms).collect();
        }
    }
    let placeholder = schema["pattern"].as_str().is_some_and(|pattern| pattern.starts_with(r"^\$"));
    if placeholder || schema["type"] == "null" { Vec::new() } else { vec![schema] }
}

/// Returns the only field of a mapping that must have exactly this one.
fn only_field(form: &Json) -> Option<&str> {
    let fields = form["properties"].as_object()?;
    let (name, _) = fields.iter().next()?;
    (fields.len() == 1 && form["required"] == json!([name])).then_some(name.as_str())
}

/// Says in a few words what may be written.
fn type_of(schema: &Json) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut keyed = Vec::new();
    for form in forms(schema) {
        let one = if let Some(title) = form["title"].as_str() {
            title.to_owned()
        } else if let Some(value) = form.get("const") {
            format!("`{}`", inline(value))
        } else if let Some(values) = form["enum"].as_array() {
            values.iter().map(|value| format!("`{}`", inline(value))).collect::<Vec<_>>().join(", ")
        } else {
            match form["type"].as_str() {
                Some("integer") => match form["minimum"].as_u64() {
                    Some(least) => format!("integer ≥ {least}"),
                    None => "integer".into(),
                },
                Some("number") if form["maximum"] == 1 => "number from 0 to 1".into(),
                Some("number") if form["exclusiveMinimum"] == 0 => "number > 0".into(),
                Some("number") if form["minimum"] == 0 => "number ≥ 0".into(),
                Some("number") => "number".into(),
                Some("boolean") => "boolean".into(),
                Some("array") => format!("list of {}", type_of(&form["items"])),
                Some("object") => match only_field(form) {
                    Some(name) => {
                        keyed.push(format!("`{name}`"));
                        continue;
                    }
                    None => "mapping".into(),
                },
                _ => "text".into(),
            }
        };
        if !said.contains(&one) {
            said.push(one);
        }
    }
    if !keyed.is_empty() {
        said.push(format!("mapping with {}", keyed.join(" or ")));
    }
    said.join(" or ")
}

/// Writes a value as YAML in one line.
fn inline(value: &Json) -> String {
    match value {
        Json::String(text) => {
            let plain = |c: char| c.is_alphanumeric() || "_-./ ".contains(c);
            let word = text.chars().all(plain) && !text.is_empty() && text.trim() == text;
            let like_another = text.parse::<f64>().is_ok() || ["true", "false", "null", "-"].contains(&text.as_str());
            if word && !like_another { text.clone() } else { value.to_string() }
        }
        Json::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) if fields.is_empty() => "{}".into(),
        Json::Object(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {}", inline(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        _ => value.to_string(),
    }
}

/// Lists the fields of a schema and of the mappings in it, by name.
fn rows(path: &str, schema: &Json, found: &mut Vec<Row>) {
    for form in forms(schema) {
        if form["type"] == "array" {
            rows(&format!("{path}[]"), &form["items"], found);
        }
        let Some(fields) = form["properties"].as_object() else { continue };
        let required = form["required"].as_array().cloned().unwrap_or_default();
        let mut nested = Vec::new();
        for (name, field) in fields.iter().filter(|(_, field)| field["deprecated"] != true) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if only_field(form).is_none() {
                let row = Row { path: path.clone(), schema: field.clone(), required: required.contains(&json!(name)) };
                if !found.iter().any(|known| known.path == row.path && known.schema == row.schema) {
                    found.push(row);
                }
            }
            nested.push((path, field));
        }
        nested.into_iter().for_each(|(path, field)| rows(&path, field, found));
    }
}

/// Collects how fields are written in pipelines, by path: a field may be written in several ways.
#[derive(Default)]
struct Examples(BTreeMap<String, Vec<Json>>);

impl Examples {
    fn note(&mut self, path: &str, node: &Node) {
        let value = json_of_node(node);
        let text = inline(&value);
        if !path.is_empty() && !text.contains("${") && !text.contains('|') && text.chars().count() <= 72 {
            self.0.entry(path.to_owned()).or_default().push(value);
        }
        match &node.value {
            Value::Map(entries) => {
                for (key, value) in entries {
                    let path = if path.is_empty() { key.text.clone() } else { format!("{path}.{}", key.text) };
                    self.note(&path, value);
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.note(&format!("{path}[]"), item)),
            _ => {}
        }
    }

    fn stage(&mut self, stage: &Node, fragments: Option<&Node>) {
        for (kind, body) in stage.entries() {
            self.note(&kind.text, body);
            let used = body.get("use").and_then(Node::text);
            if let Some(fragment) = used.and_then(|name| fragments?.get(name)) {
                self.note(&kind.text, fragment);
            }
        }
    }

    fn pipeline(&mut self, text: &str) {
        let Ok(read) = read_yaml(&mut Sources::default(), "x.yaml", text.as_bytes()) else { return };
        for (_, stage) in read.get("stages").unwrap_or(&read).entries() {
            self.stage(stage, read.get("fragments"));
        }
        for (_, model) in read.get("models").into_iter().flat_map(Node::entries) {
            for path in ["train.student", "pretrained.student", "elicit.teacher.local.model"] {
                self.note(path, model);
            }
        }
    }

    /// Reads the pipelines of the repository and of its documentation, and the examples of the kinds.
    fn collect(root: &Path) -> Self {
        let mut all = Self::default();
        for kind in retort::session::language().kinds {
            all.pipeline(&format!("example:\n{}", example(kind.name, kind.example)));
        }
        let mut files = super::runner::files(&root.join("pipelines"));
        files.retain(|path| path.extension().is_some_and(|ext| ext == "yaml"));
        files.iter().for_each(|path| all.pipeline(&fs_err::read_to_string(path).unwrap()));
        for (page, text) in pages(root) {
            if page != "docs/reference.md" {
                blocks(&text)
                    .iter()
                    .filter(|block| block.language == "yaml")
                    .for_each(|block| all.pipeline(&block.text));
            }
        }
        all.further();
        all
    }

    /// Reads the examples of fields that no pipeline sets.
    fn further(&mut self) {
        let read = read_yaml(&mut Sources::default(), "reference.yaml", EXAMPLES.as_bytes()).expect("it is YAML");
        for (kind, bodies) in read.entries() {
            match &bodies.value {
                Value::List(bodies) => bodies.iter().for_each(|body| self.note(&kind.text, body)),
                _ => self.note(&kind.text, bodies),
            }
        }
    }

    /// Returns how a field is written, in a way that its schema accepts.
    fn of(&self, path: &str, schema: &Json) -> Option<String> {
        let validator = jsonschema::validator_for(schema).unwrap();
        self.0.get(path)?.iter().find(|value| validator.is_valid(value)).map(inline)
    }
}

/// Writes the example of a kind as the body of a stage.
fn example(name: &str, body: &str) -> String {
    if body.trim().lines().count() == 1 && body.trim().starts_with('{') {
        return format!("  {name}: {}", body.trim());
    }
    let lines = body.trim_end().lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!("  {name}:\n{}", lines.trim_end())
}

/// Writes text into a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', r"\|")
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', r"\|"))
}

fn default_of(row: &Row) -> String {
    if row.required {
        return "required".into();
    }
    if let Some(comment) = row.schema["$comment"].as_str() {
        return comment.trim_start_matches("Default: ").trim_end_matches('.').to_owned();
    }
    match row.schema.get("default") {
        None | Some(Json::Null) => "–".into(),
        Some(Json::Object(_)) if has_fields(&row.schema) => "below".into(),
        Some(value) => code(&inline(value)),
    }
}

/// Returns what is said of the mapping at a path.
fn about(schema: &Json, path: &str) -> String {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let name = first.trim_end_matches("[]");
    for form in forms(schema) {
        let Some(field) = form["properties"].get(name) else { continue };
        let item = if first.ends_with("[]") {
            forms(field).into_iter().find(|form| form["type"] == "array").map_or(field, |list| &list["items"])
        } else {
            field
        };
        if !rest.is_empty() {
            return about(item, rest);
        }
        let said = |schema: &Json| schema["description"].as_str().unwrap_or_default().to_owned();
        // The form that has this one field says more than the mapping in it.
        return if only_field(form).is_some() && !said(form).is_empty() { said(form) } else { said(item) };
    }
    String::new()
}

/// Says whether a field has a table of its own.
fn has_fields(schema: &Json) -> bool {
    let mut nested = Vec::new();
    rows("", schema, &mut nested);
    !nested.is_empty()
}

/// Writes the table of a mapping's fields, and those of the mappings in it.
fn tables(kind: &str, schema: &Json, examples: &Examples, missing: &mut Vec<String>) -> String {
    let mut found = Vec::new();
    rows("", schema, &mut found);
    let mut text = String::new();
    let mut groups: Vec<(String, Vec<Row>)> = Vec::new();
    for row in found {
        let group = row.path.rsplit_once('.').map_or("", |(group, _)| group).to_owned();
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((group, vec![row])),
        }
    }
    for (group, rows) in groups {
        if !group.is_empty() {
            text += &format!("### `{kind}.{group}`\n\n");
            let about = about(schema, &group);
            if !about.is_empty() {
                text += &format!("{}\n\n", cell(&about));
            }
        }
        text += "| field | type | default | example | meaning |\n|---|---|---|---|---|\n";
        for row in rows {
            let path = format!("{kind}.{}", row.path);
            let example = match examples.of(&path, &row.schema) {
                Some(example) => code(&example),
                None if has_fields(&row.schema) => "below".into(),
                None => {
                    missing.push(format!("{path}: {}", type_of(&row.schema)));
                    "–".into()
                }
            };
            let unit = UNITS.iter().find(|(end, _)| path == *end || path.ends_with(&format!(".{end}")));
            let unit = unit.map_or_else(String::new, |(_, unit)| format!(" ({unit})"));
            let name = row.path.rsplit('.').next().unwrap_or_default();
            text += &format!(
                "| {} | {}{unit} | {} | {} | {} |\n",
                code(name),
                cell(&type_of(&row.schema)),
                default_of(&row),
                example,
                cell(row.schema["description"].as_str().unwrap_or_default()),
            );
        }
        text += "\n";
    }
    text
}

/// The formats of a dataset, each with its schemas merged: a table on this machine and one on the hub.
fn formats(schema: &Json) -> Vec<(String, String, Json)> {
    let mut found: Vec<(String, String, Json)> = Vec::new();
    for form in forms(schema) {
        let name = form["properties"]["format"]["const"].as_str().unwrap_or_default().to_owned();
        let about = form["properties"]["format"]["description"].as_str().unwrap_or_default().to_owned();
        let mut form = form.clone();
        let fields = form["properties"].as_object_mut().unwrap();
        fields.remove("format");
        match found.iter_mut().find(|(known, ..)| *known == name) {
            Some((.., known)) => {
                let required = known["required"].as_array().cloned().unwrap_or_default();
                let of_both = |name: &&Json| form["required"].as_array().is_some_and(|other| other.contains(name));
                known["required"] = required.iter().filter(of_both).cloned().collect();
                let merged = known["properties"].as_object_mut().unwrap();
                for (name, field) in form["properties"].as_object().unwrap() {
                    match merged.get_mut(name) {
                        Some(first) if first == field => {}
                        Some(first) => {
                            let both = |field: &Json| field["description"].as_str().unwrap_or_default().to_owned();
                            first["description"] = json!(format!("{} With `hub`: {}", both(first), both(field)));
                        }
                        None => {
                            merged.insert(name.clone(), field.clone());
                        }
                    }
                }
            }
            None => found.push((name, about, form)),
        }
    }
    found
}

fn dataset(schema: &Json, examples: &Examples, missing: &mut Vec<String>) -> String {
    let formats = formats(schema);
    let table = formats.iter().find(|(name, ..)| name == "table").map(|(.., schema)| schema["properties"].clone());
    let mut text = String::from("`format` is one of:\n\n| format | questions | fields |\n|---|---|---|\n");
    let like_table = |form: &Json| Some(&form["properties"]) == table.as_ref();
    for (name, about, form) in &formats {
        let fields = if like_table(form) { "table" } else { name };
        text += &format!("| `{name}` | {} | [below](#dataset-with-format-{fields}) |\n", cell(about));
    }
    text += "\n";
    // Mappings that several formats have are described once, behind the formats.
    let mut nested: Vec<String> = Vec::new();
    for (name, _, form) in formats.iter().filter(|(name, _, form)| name == "table" || !like_table(form)) {
        text += &format!("### `dataset` with `format: {name}`\n\n");
        let written = tables("dataset", form, examples, missing);
        let mut parts = written.split("### `dataset.");
        text += parts.next().unwrap_or_default();
        for part in parts {
            if !nested.iter().any(|known| known == part) {
                nested.push(part.to_owned());
            }
        }
    }
    nested.iter().for_each(|part| text += &format!("### `dataset.{part}"));
    text
}

fn page(missing: &mut Vec<String>) -> String {
    let language = retort::session::language();
    let examples = Examples::collect(Path::new(env!("CARGO_MANIFEST_DIR")));
    let mut text = String::from(
        "# Reference\n\n\
         Every kind of stage with its fields. This page is generated from the JSON Schema that `retort schema` prints: after a \
         change, run `UPDATE_EXPECT=1 cargo test --release --test cli reference`.\n\n\
         - **Type**: *stage* is the name of a stage of the pipeline, *path* a file or directory, relative to the pipeline or below a \
         `--root`. A value can also be a placeholder such as `${fraction}`.\n\
         - **Default**: the value without the field. “–” means that nothing is set.\n\
         - **Example**: a value from a pipeline of this repository.\n\
         - `[]` in a path stands for each item of a list.\n\n\
         ## A pipeline\n\n\
         | field | type | meaning |\n|---|---|---|\n",
    );
    let schema = retort::spec::schema(language);
    for (name, field) in schema["properties"].as_object().unwrap() {
        let reference = field["$ref"].as_str().and_then(|path| schema.pointer(&path[1..]));
        let about = field["description"].as_str().or_else(|| reference?["description"].as_str()).unwrap_or_default();
        let required = if schema["required"].as_array().unwrap().contains(&json!(name)) { ", required" } else { "" };
        let written = match name.as_str() {
            "retort" => "`1`",
            "experiment" => "text",
            "seed" => "integer ≥ 0",
            "include" => "list of paths",
            _ => "mapping by name",
        };
        text += &format!("| `{name}` | {written}{required} | {} |\n", cell(about));
    }
    text += "\n## A stage\n\nA stage has one field that is a kind of stage, described below, and any of these:\n\n\
             | field | type | meaning |\n|---|---|---|\n";
    for name in ["over", "where", "except", "use"] {
        let field = &schema["$defs"]["stage"]["properties"][name];
        let reference = field["$ref"].as_str().and_then(|path| schema.pointer(&path[1..]));
        let about = field["description"].as_str().or_else(|| reference?["description"].as_str()).unwrap_or_default();
        let written = match name {
            "over" => "mapping of axes",
            "use" => "text or list of text",
            _ => "mapping of axis values, or a list of them",
        };
        text += &format!("| `{name}` | {written} | {} |\n", cell(about));
    }
    text += "\n";
    for kind in language.kinds {
        let schema = (kind.schema)();
        text += &format!("## `{}`\n\n{}\n\n", kind.name, kind.about);
        text += &format!("```yaml\nexample:\n{}\n```\n\n", example(kind.name, kind.example));
        text += &match kind.name {
            "dataset" => dataset(&schema, &examples, missing),
            name => tables(name, &schema, &examples, missing),
        };
    }
    for kind in language.derivations {
        let (name, base) = (kind.name, kind.base);
        text += &format!("## `{name}`\n\n{}\n\n", kind.about);
        text += &format!(
            "| field | type | meaning |\n|---|---|---|\n| `{}` | stage, required | The `{base}` stage that is repeated. |\n",
            kind.like
        );
        for field in kind.replaces {
            text += &format!(
                "| `{field}` | as in [`{base}`](#{base}) | Replaces the field of that stage; at least one is required. |\n"
            );
        }
        text += "\n";
    }
    text.trim_end().to_owned() + "\n"
}

#[test]
fn the_reference_is_what_the_schema_says() {
    let mut missing = Vec::new();
    let expected = page(&mut missing);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs_err::write(&path, &expected).unwrap();
    }
    let found = fs_err::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "docs/reference.md is out of date from line {} on: run it with UPDATE_EXPECT=1",
        differs.map_or(found.lines().count().min(expected.lines().count()), |index| index) + 1
    );
    assert!(missing.is_empty(), "fields without an example (add one to EXAMPLES):\n{}", missing.join("\n"));
}

#[test]
fn every_unit_and_example_belongs_to_a_field() {
    let mut known = Vec::new();
    for kind in retort::session::language().kinds {
        let mut found = Vec::new();
        rows("", &(kind.schema)(), &mut found);
        known.extend(found.into_iter().map(|row| format!("{}.{}", kind.name, row.path)));
        known.push(kind.name.to_owned());
    }
    for (end, _) in UNITS {
        assert!(known.iter().any(|path| path.ends_with(&format!(".{end}"))), "there is no field `{end}`");
    }
    let mut further = Examples::default();
    further.further();
    // What is below a mapping without fields of its own, such as headers, is free.
    let free = |path: &str| {
        known.iter().any(|field| {
            let below = path.strip_prefix(field.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']));
            let leaf = !known
                .iter()
                .any(|other| other.strip_prefix(field.as_str()).is_some_and(|rest| rest.starts_with(['.', '['])));
            below && leaf
        })
    };
    for path in further.0.keys() {
        let inner =
            known.iter().any(|field| field.starts_with(&format!("{path}.")) || field.starts_with(&format!("{path}[")));
        assert!(known.contains(path) || inner || free(path), "reference.yaml: there is no field `{path}`");
    }
}
