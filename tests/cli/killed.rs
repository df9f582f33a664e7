//! A run that is killed loses at most what it had not saved.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use crate::pipelines::SLOW;
use crate::runner::{Events, FILE, Output, Project, files};
use crate::stopped::{TRANSLATORS, interrupt, training, tuning};

/// The moments at which a run is killed, in milliseconds after its start: spread by a small generator, so that every
/// test run kills at the same ones.
fn moments(count: usize) -> Vec<u64> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    (0..count).map(|_| 5 + next() % 900).collect()
}

#[test]
fn a_run_killed_at_many_moments_ends_in_the_same_bytes() {
    let undisturbed = Project::new(SLOW);
    undisturbed.make();
    let project = Project::new(SLOW);
    let mut killed = 0;
    for after_ms in moments(8) {
        let mut child = project.command(&["run", FILE]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after_ms));
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
        let verify = project.run(&["cache", "verify"]);
        // Killed before there was a cache, there is nothing to verify.
        if project.cache().join("CACHEDIR.TAG").exists() {
            assert_eq!(verify.code, Some(0), "killed after {after_ms} ms: {verify}");
        }
    }
    assert!(killed >= 4, "only {killed} runs were killed before their end");
    Output::of(&mut project.command(&["run", FILE])).code(0);
    project.assert_clean();
    let digests = project.digests();
    assert_eq!(digests, undisturbed.digests());
    for digest in digests.values().flat_map(|parts| parts.values()) {
        let bytes = |project: &Project| fs_err::read(project.blob(digest)).unwrap();
        assert_eq!(bytes(&project), bytes(&undisturbed), "{digest}");
    }
}

#[test]
fn a_killed_training_goes_on_from_its_last_saved_state() {
    let undisturbed = Project::new(SLOW);
    undisturbed.make();
    let project = Project::new(SLOW);
    // A stop saves the state; what a kill interrupts afterwards goes on from there.
    let (mut child, mut lines, mut said) = training(&project, 30);
    interrupt(&child);
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let saved = *Events::read(&said).progress("tuned").last().unwrap();

    let (mut child, ..) = training(&project, saved + 40);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None);
    project.assert_clean();
    let steps = project.make().progress("tuned");
    assert_eq!((steps.first(), steps.last()), (Some(&(saved + 1)), Some(&240)));
    assert_eq!(project.digests(), undisturbed.digests());
    assert_eq!(
        files(&project.cache().join("partial")),
        [""; 0].map(std::path::PathBuf::from),
        "nobody needs it any more"
    );
}

#[test]
fn a_killed_tuning_of_a_lens_goes_on_from_its_last_saved_state_to_the_same_translators() {
    let undisturbed = tuning();
    undisturbed.make();
    let project = tuning();
    let (mut child, mut lines, mut said) = training(&project, 60);
    interrupt(&child);
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let saved = *Events::read(&said).progress(TRANSLATORS).last().unwrap();

    let (mut child, ..) = training(&project, saved + 20);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None);
    project.assert_clean();
    let steps = project.make().progress(TRANSLATORS);
    assert_eq!((steps.first(), steps.last()), (Some(&(saved + 1)), Some(&240)));
    let digests = project.digests();
    assert_eq!(digests, undisturbed.digests());
    let bytes = |project: &Project| fs_err::read(project.blob(&digests[TRANSLATORS]["translators"])).unwrap();
    assert_eq!(bytes(&project), bytes(&undisturbed));
    assert_eq!(files(&project.cache().join("partial")), [""; 0].map(std::path::PathBuf::from));
}
