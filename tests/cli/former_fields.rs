//! Fields of pipelines that had another name in the version before, as the catalog declares them: each is read under either
//! name as the same.
//!
//! They are found in the schemas of all kinds, where an old name is marked as deprecated. The bodies that they are tried in
//! are made from the schemas too, so a field that is renamed later is tried without a line here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use retort::kinds::kinds;
use retort::source::{Diagnostics, Sources, Style, read_yaml};
use retort::stage::params::Scope;
use retort::stage::{BoundStage, Kind};
use serde_json::{Map, Value, json};

/// A step from a schema to one within it.
#[derive(Debug, Clone)]
enum Step {
    Field(String),
    Item,
    /// One of the forms that a value may have.
    Form(&'static str, usize),
}

/// A field with an old name.
#[derive(Debug)]
struct Renamed {
    /// From the body of the stage to the mapping that has the field.
    path: Vec<Step>,
    old: String,
    new: String,
    /// What the mapping is said to be, which tells the declarations apart.
    of: String,
}

fn find(schema: &Value, path: &mut Vec<Step>, found: &mut Vec<Renamed>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if field["deprecated"] == true {
            let said = field["description"].as_str().unwrap();
            let new = said.split('`').nth(1).unwrap().to_owned();
            assert!(schema["properties"][&new].is_object(), "{said}");
            let of = schema["description"].as_str().unwrap().to_owned();
            found.push(Renamed { path: path.clone(), old: name.clone(), new, of });
            continue;
        }
        path.push(Step::Field(name.clone()));
        find(field, path, found);
        path.pop();
    }
    if schema["items"].is_object() {
        path.push(Step::Item);
        find(&schema["items"], path, found);
        path.pop();
    }
    for forms in ["anyOf", "oneOf"] {
        for (at, form) in schema[forms].as_array().into_iter().flatten().enumerate() {
            path.push(Step::Form(forms, at));
            find(form, path, found);
            path.pop();
        }
    }
}

/// Makes a value that is no default, as far as a schema tells what one looks like.
fn value(schema: &Value) -> Value {
    for forms in ["anyOf", "oneOf"] {
        if let Some(forms) = schema[forms].as_array() {
            return value(&forms[0]);
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.last().unwrap().clone();
    }
    if !schema["const"].is_null() {
        return schema["const"].clone();
    }
    let least = |name: &str| schema[name].as_i64();
    match schema["type"].as_str() {
        Some("boolean") => json!(true),
        Some("integer") => json!(least("minimum").unwrap_or(0) + 2),
        Some("number") if schema["maximum"] == 1 => json!(0.25),
        Some("number") => json!(least("minimum").or(least("exclusiveMinimum")).unwrap_or(0) as f64 + 1.5),
        Some("array") => json!([value(&schema["items"])]),
        Some("object") if schema["properties"].is_object() => Value::Object(required(schema)),
        Some("object") => json!({ "axis": "x" }),
        _ => json!("x"),
    }
}

/// Makes the fields that a mapping must have.
fn required(schema: &Value) -> Map<String, Value> {
    // A dataset's files are optional, and one of them is not.
    let train =
        schema["properties"].get("train").filter(|_| schema["properties"]["format"].is_object()).map(|_| "train");
    let names = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).chain(train);
    names.map(|name| (name.to_owned(), value(&schema["properties"][name]))).collect()
}

/// Lists the optional fields of every mapping on a path, each with how deep it lies.
fn optional(schema: &Value, path: &[Step], depth: usize, into: &mut Vec<(usize, String)>) {
    let fields = schema["properties"].as_object().into_iter().flatten();
    let needed = required(schema);
    let on_path = |name: &str| matches!(path.first(), Some(Step::Field(next)) if next == name);
    let is_free = |(name, field): &(&String, &Value)| {
        field["deprecated"] != true && !needed.contains_key(*name) && !on_path(name)
    };
    into.extend(fields.filter(is_free).map(|(name, _)| (depth, name.clone())));
    if let Some((step, rest)) = path.split_first() {
        optional(within(schema, step), rest, depth + 1, into);
    }
}

fn within<'s>(schema: &'s Value, step: &Step) -> &'s Value {
    match step {
        Step::Field(name) => &schema["properties"][name],
        Step::Item => &schema["items"],
        Step::Form(forms, at) => &schema[*forms][*at],
    }
}

/// Makes a body with some fields at the end of a path, and further ones by how deep they lie.
fn body(schema: &Value, path: &[Step], depth: usize, further: &[(usize, String)], last: &Map<String, Value>) -> Value {
    let here = further.iter().filter(|(at, _)| *at == depth);
    let here = here.map(|(_, name)| (name.clone(), value(&schema["properties"][name])));
    let Some((step, rest)) = path.split_first() else {
        return Value::Object(required(schema).into_iter().chain(here).chain(last.clone()).collect());
    };
    let inner = body(within(schema, step), rest, depth + 1, further, last);
    match step {
        Step::Field(name) => {
            let inner = std::iter::once((name.clone(), inner));
            Value::Object(required(schema).into_iter().chain(here).chain(inner).collect())
        }
        Step::Item => json!([inner]),
        Step::Form(..) => inner,
    }
}

/// A body that was read, or what is wrong with it; and the notices of it.
struct Read {
    bound: Result<Box<dyn BoundStage>, String>,
    notices: Vec<String>,
}

fn bind(kind: &'static Kind, body: &Value) -> Read {
    let mut sources = Sources::default();
    let node = read_yaml(&mut sources, "x.yaml", body.to_string().as_bytes()).unwrap();
    let (models, mut diagnostics) = (BTreeMap::new(), Diagnostics::default());
    let bound = (kind.bind)(kind, &node, &mut Scope::new(17, &models, &mut diagnostics));
    let notices = diagnostics.take_notices().into_iter().map(|notice| notice.message).collect();
    let bound = bound.filter(|_| diagnostics.is_empty()).ok_or_else(|| diagnostics.render(&sources, Style::Plain));
    Read { bound, notices }
}

/// Returns what of a stage enters its key.
fn key(bound: &dyn BoundStage) -> String {
    let files = bound.externals().iter().map(|file| format!("{} {:?}", file.port, file.source));
    let edges = bound.edges().iter().map(|edge| format!("{} {}", edge.port, edge.stage));
    format!("{:?} {:?} {:?}", bound.params(), edges.collect::<Vec<_>>(), files.collect::<Vec<_>>())
}

/// Finds further fields with which a body is sound that has a field under its new name.
fn sound(kind: &'static Kind, schema: &Value, renamed: &Renamed, named: &Map<String, Value>) -> Vec<(usize, String)> {
    let mut free = Vec::new();
    optional(schema, &renamed.path, 0, &mut free);
    let free: Vec<_> = free.into_iter().filter(|(_, name)| *name != renamed.new).collect();
    let pairs = free
        .iter()
        .enumerate()
        .flat_map(|(at, one)| free[..at].iter().map(move |other| vec![one.clone(), other.clone()]));
    let tries = std::iter::once(Vec::new()).chain(free.iter().map(|one| vec![one.clone()])).chain(pairs);
    let mut first = None;
    for further in tries {
        match bind(kind, &body(schema, &renamed.path, 0, &further, named)).bound {
            Ok(_) => return further,
            Err(why) => _ = first.get_or_insert(why),
        }
    }
    panic!("no body with `{}` was found to be sound; the first: {}", renamed.new, first.unwrap_or_default())
}

#[test]
fn every_field_is_read_under_its_old_name_as_under_the_new_one() {
    let mut declared = BTreeSet::new();
    for kind in kinds() {
        let schema = (kind.schema)();
        let mut found = Vec::new();
        find(&schema, &mut Vec::new(), &mut found);
        for renamed in &found {
            let Renamed { path, old, new, of } = renamed;
            declared.insert((of.clone(), old.clone(), new.clone()));
            let mapping = path.iter().fold(&schema, |schema, step| within(schema, step));
            let sample = value(&mapping["properties"][new]);
            let named =
                |names: &[&String]| names.iter().map(|name| ((*name).clone(), sample.clone())).collect::<Map<_, _>>();
            let further = sound(kind, &schema, renamed, &named(&[new]));
            let read = |names: &[&String]| bind(kind, &body(&schema, path, 0, &further, &named(names)));
            let place = format!("`{old}` of `{}` at {path:?}", kind.name);
            let (now, before, both, neither) = (read(&[new]), read(&[old]), read(&[old, new]), read(&[]));
            assert!(now.notices.is_empty(), "{place}: {:?}", now.notices);
            let said = match &before.notices[..] {
                [said] => said,
                other => panic!("{place}: not one notice: {other:?}"),
            };
            assert!(said.contains(&format!("`{old}`")) && said.contains(&format!("`{new}`")), "{place}: {said}");
            let [now, before] =
                [now, before].map(|read| key(&*read.bound.unwrap_or_else(|why| panic!("{place}: {why}"))));
            assert_eq!(now, before, "{place}");
            // The sample is no default, so the field was not passed by.
            if let Ok(without) = neither.bound {
                assert_ne!(key(&*without), now, "{place}");
            }
            let why = both.bound.err().unwrap_or_else(|| panic!("{place}: both names are read"));
            assert!(
                why.contains(&format!("`{old}`")) && why.contains(&format!("old name of `{new}`")),
                "{place}: {why}"
            );
        }
    }
    // No declaration is hidden from the schemas, and so from this test and from editors.
    let written = written(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kinds"));
    let names = declared.iter().map(|(_, old, new)| (old.clone(), new.clone()));
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, written);
}

/// Lists the old names that are declared below a folder, each with the new one, in order.
fn written(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in fs_err::read_dir(folder).unwrap().map(|entry| -> PathBuf { entry.unwrap().path() }) {
        if path.is_dir() {
            found.extend(written(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs_err::read_to_string(&path).unwrap();
            found.extend(text.split("#[was = \"").skip(1).map(|rest| {
                let (old, rest) = rest.split_once('"').unwrap();
                let (_, rest) = rest.split_once("pub ").unwrap();
                let new = rest.split(':').next().unwrap().trim_start_matches("r#");
                (old.to_owned(), new.to_owned())
            }));
        }
    }
    found.sort();
    found
}
