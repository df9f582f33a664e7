//! Bytes that are lost or damaged, of whatever instance and wherever: every command says the same of them, and a run makes
//! them again once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::runner::{Digests, Events, FILE, Project, files};

/// A report of students on two axes that are not in the order of the alphabet.
const GATHERED: &str = r#"retort: 1
experiment: gathered
seed: 17

axes: { z: [0.4, 0.8], a: [word, sentence] }

models:
  tiny: { new: { architecture: gpt2, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: synthetic, train: 16, dev: 4, test: 4 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 300 }
  masked:
    transform:
      rationales: rationales
      steps: [ { mask: { fraction: "${z}", level: "${a}" } } ]
  tuned:
    train:
      student: tiny
      questions: questions
      rationales: masked
      placement: before
      recipe: { lr: 2.0e-3, batch: 8, steps: 2 }
  answers:
    evaluate: { model: tuned, questions: questions, split: test, max_new: 4 }
  results:
    report: { scores: answers, x: z, lines: a, title: One }
"#;

/// The same of one student.
pub(crate) fn one() -> String {
    GATHERED
        .replace("axes: { z: [0.4, 0.8], a: [word, sentence] }", "")
        .replace("\"${a}\"", "word")
        .replace("\"${z}\"", "0.4")
        .replace("x: z, lines: a, ", "")
}

/// What may be wrong with a blob.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Missing,
    Cut,
    Flipped,
    /// A folder has its name, which like a broken sector is nothing that can be read.
    Unreadable,
    /// It is not kept, on purpose.
    Evicted,
}

const STATES: [State; 5] = [State::Missing, State::Cut, State::Flipped, State::Unreadable, State::Evicted];

/// Brings a blob of a cache into a state.
fn bring(cache: &Path, digest: &str, state: State) {
    let path = cache.join("objects/v1").join(&digest[..2]).join(digest);
    let mut bytes = fs_err::read(&path).unwrap();
    fs_err::remove_file(&path).unwrap();
    match state {
        State::Missing => {}
        State::Cut => fs_err::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
        State::Flipped => {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs_err::write(&path, bytes).unwrap();
        }
        State::Unreadable => fs_err::create_dir(&path).unwrap(),
        State::Evicted => {
            let mark = cache.join("evicted/v1").join(&digest[..2]).join(digest);
            fs_err::create_dir_all(mark.parent().unwrap()).unwrap();
            fs_err::write(mark, "").unwrap();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let to = to.join(path.strip_prefix(from).unwrap());
        fs_err::create_dir_all(to.parent().unwrap()).unwrap();
        fs_err::copy(path, to).unwrap();
    }
}

/// Returns the instances to which the plan gives a verdict.
fn given(project: &Project, verdict: &str, arguments: &[&str]) -> BTreeSet<String> {
    let plan = project.run(&[&["plan", FILE, "--json"], arguments].concat()).code(0).json();
    let lines = plan["instances"].as_array().unwrap().iter().filter(|line| line["verdict"] == verdict);
    lines.map(|line| line["instance"].as_str().unwrap().to_owned()).collect()
}

fn planned(project: &Project, arguments: &[&str]) -> BTreeSet<String> {
    given(project, "run", arguments)
}

/// Runs, which must succeed at once, and checks that what ran is what the plan said, each once, and that all are counted.
#[track_caller]
fn run_as_planned(project: &Project, arguments: &[&str]) -> BTreeSet<String> {
    let (planned, awaits) = (planned(project, arguments), given(project, "awaits", arguments));
    let told = project.make_with(arguments);
    let started: BTreeSet<String> = told.instances("started").into_iter().collect();
    assert_eq!(told.instances("started").len(), started.len(), "once each: {told:?}");
    assert!(planned.is_subset(&started), "planned {planned:?}, and ran {started:?}");
    let foreseen = |name: &String| planned.contains(name) || awaits.contains(name);
    assert!(started.iter().all(foreseen), "planned {planned:?}, not known {awaits:?}, and ran {started:?}");
    let event = |name: &str| told.0.iter().find(|event| event["event"] == name).unwrap();
    let (first, last) = (event("run-started"), event("run-finished"));
    let count = |what: &str| last["tally"][what].as_u64().unwrap();
    assert!(count("ran") <= started.len() as u64 && count("failed") == 0, "{last}");
    assert_eq!(count("hits") + count("ran"), first["instances"].as_u64().unwrap(), "{last}");
    started
}

/// Returns the instances by each blob that is part of their results.
fn owners(digests: &Digests) -> BTreeMap<String, BTreeSet<String>> {
    let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, parts) in digests {
        for digest in parts.values() {
            owners.entry(digest.clone()).or_default().insert(name.clone());
        }
    }
    owners
}

#[test]
fn a_bit_flipped_in_any_blob_is_mended_by_the_run_that_needs_it() {
    let project = Project::new(&one());
    project.make();
    let right = project.digests();
    let stages = ["questions", "rationales", "tokens", "masked", "tuned", "answers", "results"];
    for (digest, owners) in owners(&right) {
        bring(project.cache(), &digest, State::Flipped);
        let is_report = owners.iter().any(|name| name.starts_with("results"));
        let ran = run_as_planned(&project, if is_report { &[][..] } else { &stages[..] });
        assert!(!ran.is_empty() && ran.is_subset(&owners), "{owners:?}: {ran:?}");
        assert_eq!(project.digests(), right);
    }
    project.assert_clean();
    let pages = files(&project.path("out"));
    assert!(!pages.is_empty());
    // All at once, and a report that is new.
    owners(&right).keys().for_each(|digest| bring(project.cache(), digest, State::Flipped));
    assert_eq!(run_as_planned(&project, &stages).len(), right.len());
    assert_eq!(project.digests(), right);
    project.assert_clean();
    fs_err::remove_dir_all(project.path("out")).unwrap();
    assert_eq!(run_as_planned(&project, &[]), BTreeSet::new());
    assert_eq!(files(&project.path("out")), pages);
}

#[test]
fn lost_inputs_of_a_report_are_made_again_whatever_the_order_of_axes() {
    let project = Project::new(GATHERED);
    project.make();
    let right = project.digests();
    let answers: Vec<&String> = right.keys().filter(|name| name.starts_with("answers")).collect();
    assert_eq!(answers.len(), 4);
    for (index, state) in [State::Flipped, State::Missing, State::Cut, State::Unreadable].into_iter().enumerate() {
        let owners = owners(&right);
        let digest = &right[answers[index]]["rows"];
        bring(project.cache(), digest, state);
        project.write(FILE, &GATHERED.replace("title: One", &format!("title: After {state:?}")));
        let ran = run_as_planned(&project, &[]);
        let made: Vec<&String> = ran.iter().filter(|name| *name != "results").collect();
        assert!(ran.contains("results") && made.len() == 1, "{state:?}: {ran:?}");
        assert!(owners[digest].contains(made[0]), "{state:?}: {ran:?}");
    }
    // All of them at once, and what they are made of.
    project.write(FILE, &GATHERED.replace("title: One", "title: After all"));
    for digest in owners(&right).keys().filter(|digest| project.blob(digest).exists()) {
        bring(project.cache(), digest, State::Flipped);
    }
    let ran = run_as_planned(&project, &[]);
    assert!(answers.iter().any(|name| ran.contains(*name)) && ran.contains("questions"), "{ran:?}");
    let fresh = Project::new(&fs_err::read_to_string(project.path(FILE)).unwrap());
    fresh.make();
    assert_eq!(project.digests(), fresh.digests());
}

/// What `run`, `plan`, `show`, `report` and `export` say of a blob, in whatever state it is, here or in a remote.
#[test]
fn every_command_says_the_same_of_a_blob_in_any_state() {
    let made = Project::new(&one());
    made.make();
    let right = made.digests();
    for state in STATES {
        for in_remote in [false, true] {
            for (victim, part, is_report) in [("rationales", "rows", false), ("results", "report.md", true)] {
                let case = format!("{victim}, {state:?}, in a remote: {in_remote}");
                let project = Project::new(&one());
                let team = project.path("team");
                copy(made.cache(), if in_remote { &team } else { project.cache() });
                bring(if in_remote { &team } else { project.cache() }, &right[victim][part], state);
                if in_remote {
                    project.write("retort.toml", "[[remotes]]\npath = \"team\"\nwrite = \"never\"\n");
                }
                check_state(&project, victim, is_report, &case);
                assert_eq!(project.digests(), right, "{case}");
            }
        }
    }
}

fn check_state(project: &Project, victim: &str, is_report: bool, case: &str) {
    let victims = BTreeSet::from([victim.to_owned()]);
    // Nothing that runs needs the bytes of the one; the other is there to be read.
    let needed = if is_report { victims.clone() } else { BTreeSet::new() };
    assert_eq!(planned(project, &[]), needed, "{case}");
    assert_eq!(planned(project, &[victim]), victims, "{case}");
    let back = "retort run";
    let fails = |arguments: &[&str]| {
        let output = project.run(arguments);
        assert_eq!(output.code, Some(3), "{case}: {output}");
        assert!(output.stderr.contains(back), "{case}: {output}");
    };
    fails(&["show", FILE, victim]);
    fails(&["export", FILE, victim, "x"]);
    assert!(!project.path("x").exists(), "{case}");
    let report = project.run(&["report", FILE]);
    assert_eq!(report.code, Some(if is_report { 3 } else { 0 }), "{case}: {report}");
    // The run does what the plan says, and the command that is named brings them back.
    assert_eq!(run_as_planned(project, &[]), needed, "{case}");
    assert_eq!(run_as_planned(project, &[victim]), if is_report { BTreeSet::new() } else { victims }, "{case}");
    for arguments in [&["show", FILE, victim][..], &["export", FILE, victim, "x"], &["report", FILE]] {
        let output = project.run(arguments);
        assert_eq!(output.code, Some(0), "{case}: {output}");
    }
    assert_eq!(planned(project, &[victim]), BTreeSet::new(), "{case}");
    assert_eq!(planned(project, &[]), BTreeSet::new(), "{case}");
}

/// A remote of which everything is damaged: nobody's run fails for it, and whoever may write there sets it right.
#[test]
fn a_damaged_remote_fails_nobody_and_is_set_right_by_the_next_push() {
    for state in STATES {
        let ada = Project::new(&one());
        ada.make();
        let right = ada.digests();
        owners(&right).keys().for_each(|digest| bring(ada.cache(), digest, state));
        let remote = |writes: &str| format!("--remote={}={writes}", ada.cache().display());
        let bob = Project::new(&one());
        bob.edit("fraction: 0.4", "fraction: 0.7");
        let (never, always) = (remote("never"), remote("on-success"));
        let ran = run_as_planned(&bob, &[&never]);
        assert!(ran.contains("rationales") && ran.contains("questions"), "{state:?}: {ran:?}");
        assert_eq!(run_as_planned(&bob, &[&never]), BTreeSet::new(), "{state:?}");
        let eve = Project::new(&one());
        eve.edit("title: One", "title: Two");
        let ran = run_as_planned(&eve, &[&always]);
        assert!(ran.contains("questions") && ran.contains("results"), "{state:?}: {ran:?}");
        let zoe = Project::new(&one());
        zoe.edit("title: One", "title: Three");
        let told: Events = zoe.make_with(&[&always]);
        assert_eq!(told.ran(), BTreeSet::from(["results".to_owned()]), "{state:?}");
        assert_eq!(told.instances("started").len(), 1, "{state:?}");
    }
}
