//! Three ways in which other tools hand out a wrong result without a word.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::pipelines::{PLAIN, TRAINED};
use crate::runner::{FILE, Output, Project};

const TWO_FILES: &str = "\
retort: 1
experiment: two-files
seed: 1
stages:
  questions:
    dataset: { format: quarel, train: one.jsonl, test: other.jsonl }
  of-train:
    elicit: { questions: questions, split: train, teacher: { import: { path: rationales.jsonl } } }
";

fn question(id: &str) -> String {
    json!({ "id": id, "question": format!("Which is {id}? (A) this (B) that"), "answer_index": 1 }).to_string() + "\n"
}

/// A key that ignores which input is which takes the result of `train: one, test: other` for that of the reverse.
#[test]
fn swapped_inputs_do_not_share_a_result() {
    let project = Project::new(TWO_FILES);
    project.write("one.jsonl", &question("q1"));
    project.write("other.jsonl", &question("q2"));
    project.write("rationales.jsonl", "{\"id\":\"q1\",\"rationale\":\"one\"}\n{\"id\":\"q2\",\"rationale\":\"two\"}\n");
    project.make();
    let before = project.digests();
    let shown = |expected: &str| project.run(&["show", FILE, "of-train"]).code(0).shows(expected);
    shown("one");

    project.edit("train: one.jsonl, test: other.jsonl", "train: other.jsonl, test: one.jsonl");
    assert_eq!(project.make().ran().len(), 2);
    let after = project.digests();
    assert_eq!(before["questions"]["train"], after["questions"]["test"]);
    assert_eq!(before["questions"]["test"], after["questions"]["train"]);
    assert_ne!(before["of-train"], after["of-train"]);
    shown("two");

    // The same swap, made to the files instead: back to the first results, without a run.
    project.write("one.jsonl", &question("q2"));
    project.write("other.jsonl", &question("q1"));
    assert_eq!(project.make().ran().len(), 0);
    assert_eq!(project.digests(), before);
}

/// A cache that trusts the mode of its files calls a poisoned object with mode 0444 up to date.
#[test]
fn a_poisoned_object_with_mode_0444_is_never_served() {
    let project = Project::new(PLAIN);
    project.make();
    let right = project.digests();
    let digest = &right["rationales"]["rows"];
    let path = project.blob(digest);
    let bytes = fs_err::read(&path).unwrap();
    let poisoned = String::from_utf8(bytes.clone()).unwrap().replacen("the", "THE", 1).into_bytes();
    assert_ne!(poisoned, bytes);
    fs_err::remove_file(&path).unwrap();
    fs_err::write(&path, &poisoned).unwrap();
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();

    // Something new reads it.
    project.run(&["show", FILE, "rationales"]).code(3).says("is lost or damaged").says(&digest[..10]);
    project.edit("fraction: [0.4, 0.8]", "fraction: [0.4, 0.8, 0.6]");
    fs_err::write(&path, &poisoned).unwrap();
    fs_err::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
    while project.run(&["run", FILE]).code != Some(0) {
        assert!(!project.blob(digest).exists(), "a run that fails has put the poisoned object aside");
    }
    let after = project.digests();
    assert_eq!(fs_err::read(project.blob(digest)).unwrap(), bytes);
    assert!(right.iter().all(|(name, parts)| after[name] == *parts));
    let fresh = Project::new(&fs_err::read_to_string(project.path(FILE)).unwrap());
    fresh.make();
    assert_eq!(fresh.digests(), after);
    project.assert_clean();
}

/// A cache whose keys leave out variables that the work depends on hands out the result of another environment. Nothing
/// here depends on any, so there is nothing to leave out.
#[test]
fn the_environment_does_not_change_results() {
    let (ours, theirs) = (Project::new(TRAINED), Project::new(TRAINED));
    ours.make();
    let mut command = theirs.command(&["run", FILE]);
    let kept: Vec<_> = ["RETORT_DEVICE"].into_iter().collect();
    command.env_clear().envs(kept.into_iter().map(|name| (name, "cpu")));
    command
        .env("HOME", "/nonexistent")
        .env("LANG", "tr_TR.UTF-8")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("TZ", "Asia/Kathmandu");
    command
        .env("USER", "someone-else")
        .env("TMPDIR", theirs.path("."))
        .env("PYTHONHASHSEED", "3")
        .env("LC_NUMERIC", "de_DE");
    Output::of(&mut command).code(0);
    assert_eq!(ours.digests(), theirs.digests());
}
