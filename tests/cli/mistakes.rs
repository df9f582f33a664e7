//! What is wrong with a pipeline or its arguments is said at once, all of it, with its place.

use std::io::Write;

use expect_test::{Expect, expect};

use crate::pipelines::PLAIN;
use crate::runner::{FILE, Project};

/// Checks what is said about a pipeline that is wrong.
#[track_caller]
fn check(pipeline: &str, arguments: &[&str], code: i32, expected: &Expect) {
    let project = Project::new(pipeline);
    let output = project.run(&[&["plan", FILE], arguments].concat()).code(code);
    assert_eq!(output.stdout, "");
    expected.assert_eq(&project.redact(&output.stderr));
}

#[test]
fn every_mistake_of_a_file_is_shown_with_its_place() {
    let pipeline = "\
retort: 1
experiment: wrong
seed: 17
axes:
  fraction: [0.4, 0.4]
stages:
  questions:
    datset: { format: synthetic, train: 24 }
  rationales:
    elicit: { questions: question, split: trian, teacher: gold }
  masked:
    transform:
      rationales: rationales
      steps: [ { mask: { fractoin: \"${fraction}\" } }, { mask: { fraction: 1.5 } } ]
  a:
    transform: { rationales: b, steps: [] }
  b:
    transform: { rationales: a, steps: [] }
";
    check(pipeline, &[], 2, &expect![[]]);
}

#[test]
fn an_artifact_of_the_wrong_kind_is_shown_on_its_edge() {
    let pipeline = PLAIN.replace("rationales: shortened", "rationales: questions");
    check(&pipeline, &[], 2, &expect![[]]);
}

#[test]
fn an_unknown_target_lists_the_stages() {
    check(PLAIN, &["maskd"], 2, &expect![[]]);
}

#[test]
fn an_unknown_axis_on_the_command_line_is_named() {
    check(PLAIN, &["--set", "fractoin=0.5"], 2, &expect![[]]);
}

#[test]
fn a_missing_file_is_named_with_the_place_where_it_was_looked_for() {
    let pipeline = PLAIN.replace("format: synthetic, train: 24, dev: 4, test: 4", "format: quarel, train: data/quarel/train.jsonl");
    let project = Project::new(&pipeline);
    let output = project.run(&["run", FILE]).code(3);
    expect![[]].assert_eq(&project.redact(&output.stderr));
}

#[test]
fn a_root_says_where_a_file_is() {
    let pipeline = PLAIN.replace("format: synthetic, train: 24, dev: 4, test: 4", "format: quarel, train: data/quarel/train.jsonl");
    let project = Project::new(&pipeline);
    project.write("elsewhere/quarel/train.jsonl", "{\"id\":\"q\",\"question\":\"Which? (A) this (B) that\",\"answer_index\":0}\n");
    project.run(&["run", FILE, "questions", "--root", "data=elsewhere"]).code(0);
    project.write("retort.toml", "[roots]\ndata = \"elsewhere\"\n");
    project.run(&["plan", FILE]).code(0);
    project.run(&["plan", FILE, "--root", "data"]).code(2).says("NAME=DIR");
    project.write("retort.toml", "[rots]\ndata = \"elsewhere\"\n");
    project.run(&["plan", FILE]).code(2).says("retort.toml").says("rots");
}

#[test]
fn a_broken_line_of_data_is_named() {
    let pipeline = PLAIN.replace("format: synthetic, train: 24, dev: 4, test: 4", "format: quarel, train: train.jsonl");
    let project = Project::new(&pipeline);
    project.write("train.jsonl", "{\"id\":\"q\",\"question\":\"Which? (A) this (B) that\",\"answer_index\":0}\n{\"id\":\"r\"}\n");
    let output = project.run(&["run", FILE, "--progress", "plain"]).code(1);
    assert!(output.stderr.contains("train.jsonl") && output.stderr.contains("line 2"), "{output}");
    // A failure is no result: the same run fails again, and succeeds when the line is mended.
    project.run(&["run", FILE]).code(1);
    project.write("train.jsonl", "{\"id\":\"q\",\"question\":\"Which? (A) this (B) that\",\"answer_index\":0}\n");
    project.run(&["run", FILE, "questions"]).code(0);
}

#[test]
fn a_failed_stage_stops_its_descendants_and_not_its_siblings() {
    let project = Project::new(&(PLAIN.to_owned() + "  wrong:\n    elicit: { questions: questions, split: dev, teacher: { import: { path: none.jsonl } } }\n  after-wrong:\n    transform: { rationales: wrong, steps: [ { truncate: { keep: 3 } } ] }\n"));
    project.write("none.jsonl", "{\"id\":\"nobody\",\"rationale\":\"nothing\"}\n");
    let output = project.run(&["run", FILE, "--progress", "json"]).code(1);
    let events = crate::runner::Events::read(&output.stdout);
    assert_eq!(events.instances("failed"), ["wrong"]);
    assert_eq!(events.instances("skipped"), ["after-wrong"]);
    assert_eq!(events.ran().len(), 2 + 3 * 4);
}

#[test]
fn what_is_not_utf_8_is_refused() {
    let project = Project::new("");
    fs_err::write(project.path(FILE), b"retort: 1\nexperiment: caf\xe9\n").unwrap();
    let output = project.run(&["plan", FILE]).code(2);
    expect![[]].assert_eq(&project.redact(&output.stderr));
}

#[test]
fn a_hundred_megabytes_are_refused() {
    let project = Project::new("");
    let mut file = fs_err::File::create(project.path(FILE)).unwrap();
    let line = "# Nothing but comments, a hundred megabytes of them.\n".repeat(1 << 10);
    while file.metadata().unwrap().len() < 100 << 20 {
        file.write_all(line.as_bytes()).unwrap();
    }
    let output = project.run(&["plan", FILE]).code(2);
    expect![[]].assert_eq(&project.redact(&output.stderr));
}

#[test]
fn aliases_that_blow_up_are_refused() {
    let mut pipeline = "retort: 1\nexperiment: laughs\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        pipeline += &format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", "));
    }
    let project = Project::new(&pipeline);
    let output = project.run(&["plan", FILE]).code(2);
    assert!(output.stderr.len() < 20_000 && output.stderr.contains("pipeline.yaml:"), "{output}");
}

#[test]
fn a_file_that_is_not_there_or_empty_is_said() {
    let project = Project::new("");
    let output = project.run(&["plan", "nowhere.yaml"]);
    assert!(matches!(output.code, Some(2 | 3)), "{output}");
    assert!(output.stderr.contains("nowhere.yaml"), "{output}");
    project.run(&["plan", FILE]).code(2).says(FILE);
    project.run(&["plan", "."]).says("error");
    project.run(&["plan"]).code(2).says("PIPELINE");
    project.run(&["plna", FILE]).code(2).says("plan");
}

#[test]
fn a_device_that_is_not_there_is_said() {
    let project = Project::new(crate::pipelines::TRAINED);
    project.run(&["plan", FILE, "--device", "tpu"]).code(2).says("tpu");
    let output = project.run(&["run", FILE, "--device", "cuda:77"]).code(3).says("cuda:77");
    assert!(!output.stderr.contains("panicked"), "{output}");
}
