//! A team: private caches with a shared directory behind them, and one directory for all.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;

use crate::pipelines::{PLAIN, TRAINED};
use crate::runner::{Events, FILE, Output, Project};

/// A directory that a team shares.
struct Team(TempDir);

impl Team {
    fn new() -> Self {
        let team = Self(TempDir::with_prefix("retort-team-").unwrap());
        let outcome = Project::new(PLAIN).run(&["cache", "share", team.root().to_str().unwrap()]).code(0);
        assert!(outcome.stdout.contains("for its group to share"), "{outcome}");
        team
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("team")
    }

    /// The flag that puts it behind a cache, with a policy.
    fn flag(&self, writes: &str) -> String {
        format!("--remote={}={writes}", self.root().display())
    }
}

#[test]
fn what_one_person_ran_another_does_not_run_again() {
    let (team, ada, bob) = (Team::new(), Project::new(TRAINED), Project::new(TRAINED));
    let made = ada.make_with(&[&team.flag("on-success")]);
    assert!(made.ran().len() > 8);
    let told = bob.make_with(&[&team.flag("on-success")]);
    assert_eq!(told.ran(), BTreeSet::new());
    let hits = || told.0.iter().filter(|event| event["event"] == "hit");
    assert_eq!(hits().count(), ada.digests().len());
    assert!(hits().all(|hit| hit["from"] == "team" && hit["by"].as_str().unwrap().starts_with("tester@")));
    bob.run(&["cache", "verify", &team.flag("never")]).code(0).shows(" in the remotes and not here");
    // That it was made is known here now; its bytes come when something needs them.
    fs_err::remove_dir_all(team.root()).unwrap();
    assert_eq!(bob.digests(), ada.digests());
    bob.run(&["cache", "verify"]).code(8).shows("is gone");
}

#[test]
fn a_hit_says_whose_it_is_and_from_where() {
    let (team, ada, bob) = (Team::new(), Project::new(PLAIN), Project::new(PLAIN));
    ada.make_with(&[&team.flag("on-success")]);
    let output = bob.run(&["run", FILE, "--progress", "plain", "--verbose", &team.flag("never")]).code(0);
    assert!(output.stderr.contains("made by tester@") && output.stderr.contains(", from team"), "{output}");
}

#[test]
fn remotes_are_declared_in_the_settings_and_flags_replace_them() {
    let (team, ada, bob) = (Team::new(), Project::new(PLAIN), Project::new(PLAIN));
    let settings = format!("[[remotes]]\nname = \"lab\"\npath = {:?}\nwrite = \"on-success\"\n", team.root());
    ada.write("retort.toml", &settings);
    bob.write("retort.toml", &settings);
    ada.make();
    assert!(bob.make_with(&["--no-remotes"]).ran().len() > 4);
    let eve = Project::new(PLAIN);
    eve.write("retort.toml", &settings);
    assert_eq!(eve.make().ran(), BTreeSet::new());
}

#[test]
fn results_are_pushed_and_pulled_by_run_stage_and_digest() {
    let (team, ada, bob) = (Team::new(), Project::new(PLAIN), Project::new(PLAIN));
    let remote = team.flag("on-push");
    let count = ada.make_with(&[&remote]).ran().len() as u64;
    let moved = |output: &Output| output.json()[0].clone();
    let first = moved(&ada.run(&["cache", "push", "--stage", "masked", "--json", &remote]).code(0));
    assert_eq!((first["results"].as_u64(), first["there"].as_u64()), (Some(4), Some(0)));
    let rest = moved(&ada.run(&["cache", "push", "--json", &remote]).code(0));
    assert_eq!((rest["results"].as_u64(), rest["there"].as_u64()), (Some(count - 4), Some(4)));
    let again = moved(&ada.run(&["cache", "push", "--all", "--json", &remote]).code(0));
    assert_eq!((again["results"].as_u64(), again["bytes"].as_u64()), (Some(0), Some(0)));
    let output = bob.run(&["cache", "pull", "--stage", "questions", &remote]).code(0);
    assert!(output.stdout.starts_with("pulled from `team`: 1 result, "), "{output}");
    let record = ada.record_of("rationales");
    let fingerprint = record.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    bob.run(&["cache", "pull", &fingerprint[..10], &remote]).code(0).shows("1 result");
    bob.run(&["cache", "pull", "--run", "last", &remote]).code(0).shows("2 results here already");
    assert_eq!(bob.make_with(&["--no-remotes"]).ran(), BTreeSet::new());
    assert_eq!(bob.digests(), ada.digests());
}

#[test]
fn a_check_from_scratch_takes_nothing_from_a_remote() {
    let (team, ada) = (Team::new(), Project::new(PLAIN));
    let remote = team.flag("on-success");
    ada.make_with(&[&remote]);
    let output = ada.run(&["check", FILE, "rationales", "--from-scratch", "--progress", "plain", &remote]).code(0);
    assert!(output.stderr.contains("2 ran"), "{output}");
}

#[test]
fn a_remote_that_is_down_is_a_warning_and_a_miss() {
    let project = Project::new(PLAIN);
    let remote = format!("--remote={}=on-success", project.path("nowhere").display());
    let output = project.run(&["run", FILE, &remote]).code(0);
    assert!(output.stderr.contains("going on without the remote `nowhere`"), "{output}");
    project.run(&["cache", "push", &remote]).code(3).says("cannot use the remote `nowhere`");
    assert!(!project.path("nowhere").exists());
}

#[test]
fn what_is_wrong_about_remotes_is_said() {
    let project = Project::new(PLAIN);
    project.make();
    let check = |arguments: &[&str], said: &str| {
        project.run(arguments).code(2).says(said);
    };
    check(&["plan", FILE, "--remote=/x=sometimes"], "`sometimes` says no time");
    check(&["plan", FILE, "--remote==never"], "expected DIR or DIR=WHEN");
    check(&["plan", FILE, "--remote=/a/team", "--remote=/b/team"], "two remotes are named `team`");
    project.run(&["cache", "push"]).code(3).says("no remote takes results").says("hint: declare one");
    project
        .run(&["cache", "pull", "--from", "lab", "--remote=/x"])
        .code(3)
        .says("no remote is named `lab`: remotes are x");
    project.write("retort.toml", "[[remotes]]\npath = \"x\"\nwrite = \"often\"\n");
    check(&["plan", FILE], "unknown variant `often`");
    project.write("retort.toml", "[[remotes]]\npath = \"x\"\ntimeout_s = 0\n");
    check(&["plan", FILE], "cannot use `timeout_s = 0` of the remote `x`");
    fs_err::remove_file(project.path("retort.toml")).unwrap();
    project.run(&["cache", "share", "."]).code(3).says("it is not empty");
}

/// Runs the pipeline of each project at the same time.
fn at_once(projects: &[Project], arguments: &[&str]) -> Vec<Events> {
    let start = |(index, project): (usize, &Project)| {
        let mut command = project.command(&[&["run", FILE, "--progress", "json"], arguments].concat());
        command.env("USER", format!("user{index}")).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children: Vec<_> = projects.iter().enumerate().map(start).collect();
    let end = |child: std::process::Child| Output::from(child.wait_with_output().unwrap()).code(0);
    children.into_iter().map(|child| Events::read(&end(child).stdout)).collect()
}

#[test]
fn several_people_at_once_train_each_student_once() {
    let alone = Project::new(TRAINED);
    alone.make();
    let team = Team::new();
    let people: Vec<Project> = (0..3).map(|_| Project::new(TRAINED)).collect();
    let told = at_once(&people, &[&team.flag("on-success")]);
    let finished: Vec<String> = told.iter().flat_map(|events| events.instances("finished")).collect();
    for instance in alone.digests().keys().filter(|name| name.starts_with("tuned") || name.starts_with("again")) {
        assert_eq!(finished.iter().filter(|name| *name == instance).count(), 1, "{instance}: {finished:?}");
    }
    for person in &people {
        assert_eq!(person.digests(), alone.digests());
        person.run(&["cache", "verify", &team.flag("never")]).code(0);
    }
    let shared = Project::new(TRAINED).with_cache(&team.root());
    shared.assert_clean();
    assert_eq!(shared.digests(), alone.digests(), "the remote is a cache like any other");
}

#[test]
fn several_people_share_one_cache() {
    let alone = Project::new(TRAINED);
    alone.make();
    let team = Team::new();
    let people: Vec<Project> = (0..4).map(|_| Project::new(TRAINED).with_cache(&team.root())).collect();
    at_once(&people, &[]);
    assert_eq!(people[0].digests(), alone.digests());
    people[0].assert_clean();
}
