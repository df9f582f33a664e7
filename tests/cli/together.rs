//! Several processes work on one cache at once.

use std::process::Stdio;

use crate::pipelines::{SLOW, TRAINED};
use crate::runner::{Events, FILE, Output, Project};

/// Runs the pipeline in several processes at once and returns the events of each.
fn at_once(project: &Project, count: usize) -> Vec<Events> {
    let start = |_| {
        let mut command = project.command(&["run", FILE, "--progress", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..count).map(start).collect();
    // A pipe holds what these small runs have to say, so they need not be read at the same time.
    let end = |child: std::process::Child| Output::from(child.wait_with_output().unwrap()).code(0);
    children.into_iter().map(|child| Events::read(&end(child).stdout)).collect()
}

#[test]
fn processes_on_one_cache_do_each_piece_of_work_once() {
    let alone = Project::new(SLOW);
    alone.make();
    let project = Project::new(SLOW);
    let told = at_once(&project, 2);
    let finished: Vec<String> = told.iter().flat_map(|events| events.instances("finished")).collect();
    for instance in project.digests().keys() {
        assert_eq!(finished.iter().filter(|name| *name == instance).count(), 1, "{instance}: {finished:?}");
    }
    for events in &told {
        let ended = events.instances("finished").len() + events.instances("hit").len();
        assert_eq!(ended, project.digests().len());
    }
    assert!(
        told.iter().any(|events| events.instances("waiting").contains(&"tuned".to_owned())),
        "one waits for the other"
    );
    assert_eq!(project.digests(), alone.digests());
    project.assert_clean();
}

#[test]
fn four_processes_on_small_stages_all_succeed() {
    let project = Project::new(TRAINED);
    at_once(&project, 4);
    let alone = Project::new(TRAINED);
    alone.make();
    assert_eq!(project.digests(), alone.digests());
    project.assert_clean();
}

#[test]
fn a_reader_beside_a_run_sees_a_whole_cache() {
    let project = Project::new(SLOW);
    let mut command = project.command(&["run", FILE]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // As often as there is time for while the other runs.
    while run.try_wait().unwrap().is_none() {
        if project.cache().join("CACHEDIR.TAG").exists() {
            project.run(&["plan", FILE]).code(0);
            project.run(&["cache", "verify"]).code(0);
            project.run(&["runs"]).code(0);
        }
    }
    assert_eq!(run.wait().unwrap().code(), Some(0));
}
