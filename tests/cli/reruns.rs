//! What runs again after a change, and what does not.

use std::collections::BTreeSet;

use crate::pipelines::{PLAIN, TRAINED};
use crate::runner::{FILE, Project};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Checks that a run is all hits, as the plan says.
#[track_caller]
fn assert_all_hits(project: &Project) {
    assert_eq!(project.stale(), names(&[]));
    let events = project.make();
    assert_eq!(events.instances("started"), [""; 0]);
    assert!(!events.instances("hit").is_empty());
}

#[test]
fn the_second_run_is_all_hits_and_touches_nothing() {
    let project = Project::new(TRAINED);
    project.run(&["run", FILE]).code(0);
    let (reports, objects, records) =
        (project.mtimes("out"), project.mtimes("cache/objects"), project.mtimes("cache/actions"));
    assert!(reports.keys().any(|path| path.ends_with("results/report.html")), "{reports:?}");
    assert_all_hits(&project);
    project.run(&["run", FILE]).code(0);
    assert_eq!(project.mtimes("out"), reports);
    assert_eq!(project.mtimes("cache/objects"), objects);
    assert_eq!(project.mtimes("cache/actions"), records);
}

#[test]
fn only_the_branch_of_a_changed_fraction_runs_as_the_plan_said() {
    let project = Project::new(TRAINED);
    project.make();
    project.edit("fraction: [0.4, 0.8]", "fraction: [0.4, 0.7]");
    let planned = project.stale();
    let branch = ["masked", "tuned", "weighed", "top", "again"].map(|stage| format!("{stage}[fraction=0.7]"));
    let answers = ["answers[fraction=0.7,student=again]", "answers[fraction=0.7,student=tuned]", "results"];
    let expected: BTreeSet<String> = branch.into_iter().chain(answers.map(str::to_owned)).collect();
    assert_eq!(planned, expected);
    assert_eq!(project.make().ran(), planned);
    project.edit("fraction: [0.4, 0.7]", "fraction: [0.4, 0.8]");
    assert_all_hits(&project);
}

#[test]
fn what_says_the_same_in_other_words_is_all_hits() {
    let project = Project::new(TRAINED);
    project.make();
    for (before, after) in [
        ("retort: 1\n", "# What is said here is for people.\nretort: 1\n"),
        // A renamed stage.
        ("masked", "hidden"),
        // A renamed model.
        ("tiny", "student-of-mine"),
        // Another way to write a number.
        ("2.0e-3", "0.002"),
        // Another order of fields.
        ("split: train, teacher: gold", "teacher: gold, split: train"),
        // A default that is written out.
        ("placement: before", "placement: before\n      marker_as: token"),
        // Another name of the experiment.
        ("experiment: trained", "experiment: renamed"),
    ] {
        project.edit(before, after);
        let stale = project.stale();
        assert!(stale.is_empty(), "after `{before}` became `{after}`: {stale:?}");
    }
    assert_all_hits(&project);

    // A report is laid out in the order of an axis's values; nothing else goes by it.
    project.edit("fraction: [0.4, 0.8]", "fraction: [0.8, 0.4]");
    assert!(project.stale().is_subset(&names(&["results"])), "{:?}", project.stale());
}

#[test]
fn the_order_of_stages_and_sections_does_not_matter() {
    for pipeline in [PLAIN, TRAINED] {
        let project = Project::new(pipeline);
        project.make();
        project.write(FILE, &reversed(pipeline));
        assert_all_hits(&project);
    }
}

/// Writes the stages of a pipeline in reverse, and before everything else.
fn reversed(pipeline: &str) -> String {
    let (head, stages) = pipeline.split_once("stages:\n").unwrap();
    let mut blocks: Vec<String> = Vec::new();
    for line in stages.lines() {
        if line.starts_with("  ") && !line.starts_with("   ") {
            blocks.push(String::new());
        }
        *blocks.last_mut().unwrap() += &format!("{line}\n");
    }
    blocks.reverse();
    format!("stages:\n{}{head}", blocks.concat())
}

#[test]
fn a_transform_whose_output_is_unchanged_stops_the_wave() {
    let project = Project::new(PLAIN);
    project.make();
    project.edit("keep: 500", "keep: 600");
    let ran = project.make().ran();
    assert!(ran.iter().all(|name| name.starts_with("shortened[")), "{ran:?}");
    assert_eq!(ran.len(), 4);
    assert_all_hits(&project);
}

/// A stage's key takes only the parts it reads, so that another file for one split leaves the others alone.
#[test]
fn a_change_of_one_split_leaves_what_reads_another_alone() {
    let line = |id: &str| format!("{{\"id\":\"{id}\",\"question\":\"Which? (A) this (B) that\",\"answer_index\":0}}\n");
    let project = Project::new(
        "retort: 1\nexperiment: splits\nseed: 1\nstages:
  questions:
    dataset: { format: quarel, train: train.jsonl, test: test.jsonl }
  of-train:
    elicit: { questions: questions, split: train, teacher: { import: { path: rationales.jsonl } } }
  of-test:
    elicit: { questions: questions, split: test, teacher: { import: { path: rationales.jsonl } } }
",
    );
    project.write("train.jsonl", &line("a"));
    project.write("test.jsonl", &line("b"));
    project.write("rationales.jsonl", "{\"id\":\"a\",\"rationale\":\"so\"}\n{\"id\":\"b\",\"rationale\":\"thus\"}\n");
    project.make();
    project.write("train.jsonl", &(line("a") + &line("c")));
    assert_eq!(project.make().ran(), names(&["questions", "of-train"]));
}

#[test]
fn targets_run_with_what_they_need_and_nothing_else() {
    let project = Project::new(PLAIN);
    let ran = project.make_with(&["shortened[level=word,fraction=0.4]"]).ran();
    assert_eq!(
        ran,
        names(&["questions", "rationales", "masked[level=word,fraction=0.4]", "shortened[level=word,fraction=0.4]"])
    );
}

#[test]
fn values_given_on_the_command_line_replace_those_of_an_axis() {
    let project = Project::new(PLAIN);
    let ran = project.make_with(&["--set", "fraction=0.5", "--set", "level=word", "masked"]).ran();
    assert_eq!(ran, names(&["questions", "rationales", "masked[level=word,fraction=0.5]"]));
}
