//! What `--json` prints has the fields that `docs/json.md` lists, and its version.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value as Json;

use crate::pipelines::PLAIN;
use crate::runner::{FILE, Project};

/// The fields of an object, and whether each may be left out.
type Fields = BTreeMap<String, bool>;

/// Reads the table: for each command the places in its answer and the fields there.
fn documented() -> BTreeMap<String, Vec<(String, Fields)>> {
    let text = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md")).unwrap();
    let mut all: BTreeMap<String, Vec<(String, Fields)>> = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [commands, place, fields] = cells[..] else { panic!("{row}") };
        let fields = fields.split(", ").map(|field| (field.trim_matches(['`', '?']).to_owned(), field.ends_with('?')));
        let fields: Fields = fields.collect();
        for command in commands.split(", ") {
            all.entry(command.trim_matches('`').to_owned())
                .or_default()
                .push((place.trim_matches('`').to_owned(), fields.clone()));
        }
    }
    all
}

/// Returns what stands at a place such as `instances[]`.
fn at<'j>(answer: &'j Json, place: &str) -> Vec<&'j Json> {
    let (field, is_list) = place.strip_suffix("[]").map_or((place, false), |field| (field, true));
    let found = if field.is_empty() { answer } else { &answer[field] };
    if is_list { found.as_array().unwrap().iter().collect() } else { vec![found] }
}

#[test]
fn answers_have_the_fields_that_are_documented() {
    let (project, team) = (Project::new(PLAIN), tempfile::tempdir().unwrap());
    let team = team.path().join("team");
    let team = team.to_str().unwrap();
    project.run(&["cache", "share", team]).code(0);
    project.write("retort.toml", &format!("[[remotes]]\nname = \"team\"\npath = {team:?}\nwrite = \"on-push\"\n"));
    // Nothing is there yet, so everything is to run and to be explained.
    let mut answers: BTreeMap<String, Json> = BTreeMap::new();
    let mut ask = |command: &str, further: &[&str]| {
        let words: Vec<&str> = command.split(' ').chain(further.iter().copied()).chain(["--json"]).collect();
        answers.insert(command.to_owned(), project.run(&words).code(0).json());
    };
    ask("plan", &[FILE]);
    ask("explain", &[FILE]);
    project.make();
    ask("graph", &[FILE]);
    ask("diff", &[FILE, FILE]);
    ask("check --from-scratch", &[FILE]);
    ask("runs", &[]);
    ask("cache size --by", &["stage"]);
    ask("cache verify", &[]);
    ask("cache push", &[]);
    ask("cache pull", &[]);
    project.edit("seed: 17", "seed: 18");
    project.make();
    ask("cache gc", &["--keep-runs", "1", "--grace", "0s"]);
    ask("cache undelete --list", &[]);
    ask("cache undelete", &[]);
    ask("cache rebuild", &[]);
    let documented = documented();
    assert_eq!(documented.keys().collect::<Vec<_>>(), answers.keys().collect::<Vec<_>>());
    for (command, places) in &documented {
        for (place, fields) in places {
            let found = at(&answers[command], place);
            assert!(!found.is_empty(), "`{command}` has nothing at `{place}`, so nothing is tested");
            for object in found {
                let there: BTreeSet<&String> = object.as_object().unwrap().keys().collect();
                let unknown: Vec<_> = there.iter().filter(|name| !fields.contains_key(**name)).collect();
                let lacking: Vec<_> =
                    fields.iter().filter(|(name, optional)| !**optional && !there.contains(name)).collect();
                assert!(unknown.is_empty() && lacking.is_empty(), "`{command}` at `{place}`: {unknown:?}, {lacking:?}");
            }
        }
        if let Some(object) = answers[command].as_object() {
            assert_eq!(object["version"], 1, "{command}");
        }
    }
}
