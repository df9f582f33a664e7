//! The first Ctrl-C stops at the next safe point, and the next run goes on from there.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::lenses::PIPELINE as LENSES;
use crate::pipelines::SLOW;
use crate::runner::{Events, FILE, Project};

/// Presses Ctrl-C.
pub(crate) fn interrupt(child: &Child) {
    signal(child, Signal::INT);
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Starts a run and waits until its training has come to a step; returns the child and what it said so far.
pub(crate) fn training(project: &Project, step: u64) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let mut command = project.command(&["run", FILE, "--progress", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    let at = format!("\"note\":\"progress\",\"done\":{step},");
    while !said.contains(&at) {
        assert_ne!(lines.read_line(&mut said).unwrap(), 0, "the run ended before step {step}");
    }
    (child, lines, said)
}

#[test]
fn a_training_stopped_by_ctrl_c_goes_on_where_it_was() {
    let undisturbed = Project::new(SLOW);
    undisturbed.make();

    let project = Project::new(SLOW);
    let (mut child, mut lines, mut said) = training(&project, 30);
    interrupt(&child);
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(said.contains("stopping at the next safe point"), "{said}");

    let events = Events::read(&said);
    assert_eq!(events.instances("stopped"), ["tuned"]);
    assert_eq!(events.instances("skipped"), ["answers", "results"]);
    let reached = *events.progress("tuned").last().unwrap();
    assert!(reached < 240);
    project.assert_clean();

    let steps = project.make().progress("tuned");
    assert_eq!(steps[0], reached + 1, "the state was saved when the run was stopped");
    assert_eq!(steps.last(), Some(&240));
    assert_eq!(project.digests(), undisturbed.digests());
}

#[test]
fn a_stopped_run_says_how_to_go_on() {
    let project = Project::new(SLOW);
    let mut child = project
        .command(&["run", FILE, "--progress", "plain"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("started tuned") {
        assert_ne!(lines.read_line(&mut said).unwrap(), 0, "{said}");
    }
    interrupt(&child);
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(said.contains("run the same command again"), "{said}");
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_leaves_a_clean_cache() {
    let project = Project::new(SLOW);
    let (mut child, ..) = training(&project, 10);
    interrupt(&child);
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    project.assert_clean();
    assert_eq!(project.make().progress("tuned").last(), Some(&240));
}

#[test]
fn a_termination_is_taken_as_a_ctrl_c() {
    let project = Project::new(SLOW);
    let (mut child, ..) = training(&project, 10);
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let steps = project.make().progress("tuned");
    assert!(steps[0] > 10, "the state was saved when the run was stopped");
}

/// The instance of it that is stopped.
pub(crate) const TRANSLATORS: &str = "translators[placement=after]";

/// A pipeline whose lens is tuned in many steps.
pub(crate) fn tuning() -> Project {
    let project = Project::new(LENSES);
    project.edit("placement: [before, after]", "placement: [after]");
    project.edit("steps: 12, tokens: 256", "steps: 240, tokens: 256");
    project
}

#[test]
fn a_tuning_of_a_lens_stopped_by_ctrl_c_goes_on_where_it_was() {
    let undisturbed = tuning();
    undisturbed.make();

    let project = tuning();
    let (mut child, mut lines, mut said) = training(&project, 60);
    interrupt(&child);
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let events = Events::read(&said);
    assert!(events.instances("stopped").contains(&TRANSLATORS.to_owned()), "{said}");
    let reached = *events.progress(TRANSLATORS).last().unwrap();
    assert!((60..240).contains(&reached));
    project.assert_clean();

    let steps = project.make().progress(TRANSLATORS);
    assert_eq!(steps[0], reached + 1, "the state was saved when the run was stopped");
    assert_eq!(steps.last(), Some(&240));
    assert_eq!(project.digests(), undisturbed.digests());
}
