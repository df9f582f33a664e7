//! The schema accepts what the room accepts, and refuses what an editor should mark.

use serde_json::{Map, Value as Json, json};

use super::{LANGUAGE, document, kinds, read_files};
use crate::schema;
use retort_source::{Node, Sources, Value, read_yaml};

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(text) => json!(text),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, node)| (key.text.clone(), json(node))).collect::<Map<_, _>>())
        }
    }
}

fn errors(text: &str) -> Vec<String> {
    let validator = jsonschema::draft202012::new(&schema(LANGUAGE)).expect("the schema is one");
    let node = read_yaml(&mut Sources::default(), "x.yaml", text.as_bytes()).expect("it is YAML");
    validator.iter_errors(&json(&node)).map(|error| format!("{} {error}", error.instance_path())).collect()
}

const GOOD: &str = "include: [a.yaml]
axes:
  student: [gpt2, phi]
  run: { replicates: 2 }
  f: { range: [0.1, 0.3, 0.1] }
  pair: { zip: { a: [1, 2], b: [r, null] } }
  how: { values: { whole: [], half: [{ mask: { fraction: 0.5 } }] } }
models: { gpt2: { path: m } }
fragments: { slow: { lr: 0.1, batch: \"${a}\" }, r: { rationales: r } }
stages:
  q: { dataset: }
  r: { elicit: { questions: q } }
  masked: { over: { k: [1] }, transform: { rationales: r, steps: [{ mask: { fraction: \"${f}\" } }, { use: slow }] } }
  tuned:
    where: [{ run: 0 }, { f: [0.1, null] }]
    except: { student: gpt2 }
    train: { student: \"${student}\", questions: q, placement: \"${b}\", recipe: { use: slow }, seed: \"${run}\" }
  named: { transform: { rationales: r, steps: \"${how}\" } }
  other: { train: { student: { path: m }, use: [slow], placement: before, recipe: null } }
  again: { retrain: { like: tuned, rationales: r } }
  more: { retrain: { like: tuned, use: r } }
  none: { use: slow, over: { z: [1] } }
  t: { report: { scores: [s], title: x } }
";

#[test]
fn good_documents_pass() {
    assert_eq!(errors(&document(GOOD)), Vec::<String>::new());
    assert_eq!(errors("retort: 1\nexperiment: x\nstages:\naxes:\n"), Vec::<String>::new());
}

#[test]
fn the_example_of_every_kind_passes() {
    for kind in kinds::KINDS {
        let body = kind.example.replace('\n', "\n      ");
        let text = document(&format!("stages:\n  x:\n    {}:\n      {body}\n", kind.name));
        assert_eq!(errors(&text), Vec::<String>::new(), "{}", kind.name);
    }
}

#[test]
fn broken_documents_fail() {
    let broken = [
        "stages: { q: { datset: {} } }",
        "stages: { q: { dataset: { sise: 3 } } }",
        "stages: { q: { dataset: { size: 0 } } }",
        "stages: { q: { dataset: {}, report: { scores: x } } }",
        "stages: { q: { over: { n: [1] } } }",
        "stages: { r: { elicit: {} } }",
        "stages: { m: { transform: { rationales: r, steps: [{ msk: {} }] } } }",
        "stages: { m: { transform: { rationales: r, steps: [{ mask: {}, keep_top: {} }] } } }",
        "stages: { t: { retrain: { like: x } } }",
        "stages: { t: { retrain: { like: x, rationales: r, lr: 3 } } }",
        "stages: { q: { dataset: {}, where: 3 } }",
        "stages: { 'a b': { dataset: {} } }",
        "axes: { a: 3 }",
        "axes: { a: [] }",
        "axes: { a: [[1]] }",
        "axes: { a: { replicates: 0 } }",
        "axes: { a: { values: [1] } }",
        "axes: { a: { values: {} } }",
        "stages: { m: { transform: { rationales: r, steps: mask } } }",
        "axes: { use: [1] }",
        "stags: {}",
        "fragments: { a: [1] }",
    ];
    for text in broken {
        assert!(!errors(&document(text)).is_empty(), "{text}");
        let with_stage = document(text);
        assert!(read_files(&[("x.yaml", &with_stage)], &[]).1.is_err(), "{text}");
    }
    assert!(!errors("experiment: x").is_empty());
    assert!(!errors("retort: 2\nexperiment: x").is_empty());
}

#[test]
fn everything_is_described() {
    let schema = schema(LANGUAGE);
    assert_eq!(schema["$defs"]["kinds"]["dataset"]["description"], "The kind dataset.\n\nQuestions.");
    assert_eq!(schema["$defs"]["kinds"]["dataset"]["properties"]["size"]["description"], "How many.");
}
