//! The same experiment gives the same bytes, however it is run.

use crate::pipelines::{PLAIN, TRAINED};
use crate::runner::{FILE, Output, Project};

#[test]
fn fresh_caches_and_other_numbers_of_jobs_and_threads_give_the_same_bytes() {
    let reference = Project::new(TRAINED);
    reference.make();
    for (jobs, threads) in [("1", "1"), ("4", "2"), ("2", "3")] {
        let project = Project::new(TRAINED);
        let mut command = project.command(&["run", FILE, "--jobs", jobs]);
        Output::of(command.env("RAYON_NUM_THREADS", threads)).code(0);
        assert_eq!(project.digests(), reference.digests(), "with {jobs} jobs and {threads} threads");
    }
}

#[test]
fn a_cache_grown_by_changes_equals_a_fresh_one() {
    let project = Project::new(PLAIN);
    project.make();
    for (before, after) in [("0.8]", "0.7]"), ("keep: 500", "keep: 3"), ("0.7]", "0.8, 0.9]"), ("keep: 3", "keep: 9")] {
        project.edit(before, after);
        project.make();
    }
    let fresh = Project::new(&fs_err::read_to_string(project.path(FILE)).unwrap());
    fresh.make();
    assert_eq!(project.digests(), fresh.digests());
}

#[test]
fn a_check_from_scratch_says_that_the_cache_is_equal() {
    let project = Project::new(TRAINED);
    project.make();
    project
        .run(&["check", FILE, "--from-scratch"])
        .code(0)
        .shows("18 instances, equal to a fresh computation byte for byte");
    project.run(&["check", FILE, "--from-scratch", "masked", "--json", "--quiet"]).code(0).shows("\"different\": []");
    project.assert_clean();
}
