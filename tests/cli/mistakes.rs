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
    check(
        pipeline,
        &[],
        2,
        &expect![[r#"
        error: the axis `fraction` has the value `0.4` twice
         --> pipeline.yaml:5:19
          |
        5 |   fraction: [0.4, 0.4]
          |                   ^^^

        error: unknown stage kind `datset`
         --> pipeline.yaml:8:5
          |
        8 |     datset: { format: synthetic, train: 24 }
          |     ^^^^^^ known: dataset, elicit, transform, tokenizer, train, pretrained, teacher_logits, attribute, agreement, tuned_lens, lens, evaluate, report, retrain
          |
          = help: did you mean `dataset`?

        error: unknown stage `question`
          --> pipeline.yaml:10:26
           |
        10 |     elicit: { questions: question, split: trian, teacher: gold }
           |                          ^^^^^^^^ known: a, b, masked, questions, rationales
           |
           = help: did you mean `questions`?

        error: `split` cannot be `trian`
          --> pipeline.yaml:10:43
           |
        10 |     elicit: { questions: question, split: trian, teacher: gold }
           |                                           ^^^^^ expected one of: train, dev, test
           |
           = help: did you mean `train`?

        error: unknown field `fractoin` in `steps[0].mask`
          --> pipeline.yaml:14:26
           |
        14 |       steps: [ { mask: { fractoin: "${fraction}" } }, { mask: { fraction: 1.5 } } ]
           |                          ^^^^^^^^ known: fraction, words, level, with
           |
           = help: did you mean `fraction`?

        error: `steps[1].mask.fraction` cannot be `1.5`
          --> pipeline.yaml:14:75
           |
        14 |       steps: [ { mask: { fractoin: "${fraction}" } }, { mask: { fraction: 1.5 } } ]
           |                                                                           ^^^ expected a number from 0 to 1

        error: stages refer to each other: a → b → a
          --> pipeline.yaml:16:30
           |
        16 |     transform: { rationales: b, steps: [] }
           |                              ^
           |
           = help: `a` refers to `b` at pipeline.yaml:16; `b` refers to `a` at pipeline.yaml:18

        7 errors in `pipeline.yaml`
    "#]],
    );
}

#[test]
fn an_artifact_of_the_wrong_kind_is_shown_on_its_edge() {
    let pipeline = PLAIN.replace("rationales: shortened", "rationales: questions");
    check(
        &pipeline,
        &[],
        2,
        &expect![[r#"
        error: `rationales` needs rationales, but `questions` gives questions
          --> pipeline.yaml:25:19
           |
        25 |       rationales: questions
           |                   ^^^^^^^^^
           |
           = help: what gives rationales: `masked`, `rationales`, `shortened`, `shuffled`

        1 error in `pipeline.yaml`
    "#]],
    );
}

#[test]
fn an_unknown_target_lists_the_stages() {
    check(
        PLAIN,
        &["maskd"],
        2,
        &expect![[r#"
        error: no instance matches `maskd`
        hint: did you mean `masked`? stages: questions, rationales, masked, shortened, shuffled
    "#]],
    );
}

#[test]
fn an_unknown_axis_on_the_command_line_is_named() {
    check(
        PLAIN,
        &["--set", "fractoin=0.5"],
        2,
        &expect![[r#"
        error: cannot set `fractoin`: there is no such axis
         --> --set fractoin:1:1
          |
        1 | [0.5]
          | ^^^^^ known: level, fraction
          |
          = help: did you mean `fraction`?

        1 error in `pipeline.yaml`
    "#]],
    );
}

#[test]
fn a_missing_file_is_named_with_the_place_where_it_was_looked_for() {
    let pipeline = PLAIN
        .replace("format: synthetic, train: 24, dev: 4, test: 4", "format: quarel, train: data/quarel/train.jsonl");
    let project = Project::new(&pipeline);
    let output = project.run(&["run", FILE]).code(3);
    expect![[r#"
        error: cannot use `data/quarel/train.jsonl`: there is no such file
          --> pipeline.yaml:11:39
           |
        11 |     dataset: { format: quarel, train: data/quarel/train.jsonl }
           |                                       ^^^^^^^^^^^^^^^^^^^^^^^ looked for `data/quarel/train.jsonl`
           |
           = help: paths are relative to the pipeline file; `--root data=DIR`, or `data = "DIR"` below `[roots]` in retort.toml, says where `data` is on this machine
    "#]].assert_eq(&project.redact(&output.stderr));
}

#[test]
fn a_root_says_where_a_file_is() {
    let pipeline = PLAIN
        .replace("format: synthetic, train: 24, dev: 4, test: 4", "format: quarel, train: data/quarel/train.jsonl");
    let project = Project::new(&pipeline);
    project.write(
        "elsewhere/quarel/train.jsonl",
        "{\"id\":\"q\",\"question\":\"Which? (A) this (B) that\",\"answer_index\":0}\n",
    );
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
    project.write(
        "train.jsonl",
        "{\"id\":\"q\",\"question\":\"Which? (A) this (B) that\",\"answer_index\":0}\n{\"id\":\"r\"}\n",
    );
    let output = project.run(&["run", FILE, "--progress", "plain"]).code(1);
    assert!(output.stderr.contains("train.jsonl") && output.stderr.contains("line 2"), "{output}");
    // A failure is no result: the same run fails again, and succeeds when the line is mended.
    project.run(&["run", FILE]).code(1);
    project.write("train.jsonl", "{\"id\":\"q\",\"question\":\"Which? (A) this (B) that\",\"answer_index\":0}\n");
    project.run(&["run", FILE, "questions"]).code(0);
}

#[test]
fn a_failed_stage_stops_its_descendants_and_not_its_siblings() {
    let project = Project::new(
        &(PLAIN.to_owned()
            + "  wrong:\n    elicit: { questions: questions, split: dev, teacher: { import: { path: none.jsonl } } }\n  after-wrong:\n    transform: { rationales: wrong, steps: [ { truncate: { keep: 3 } } ] }\n"),
    );
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
    expect![[r#"
        error: `pipeline.yaml` is not UTF-8: byte 0xe9 at offset 25
         --> pipeline.yaml:2:16
          |
        2 | experiment: caf�
          |                ^
          |
          = help: save it as UTF-8

        1 error in `pipeline.yaml`
    "#]]
    .assert_eq(&project.redact(&output.stderr));
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
    expect![[r#"
        error: cannot read `pipeline.yaml`: it holds more than 2 MiB
         |
         = help: keep data in files of its own, and name them in the experiment file

        1 error in `pipeline.yaml`
    "#]]
    .assert_eq(&project.redact(&output.stderr));
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

#[test]
fn independent_mistakes_of_one_stage_are_all_told() {
    let pipeline = "\
retort: 1
experiment: asked
stages:
  questions:
    dataset: { format: synthetic, train: 4 }
  rationales:
    elicit:
      questions: questions
      votes: 3
      max_cost: 1
      teacher: { openai: { base_url: \"http://localhost:1/v1\", model: m, temperature: 0 } }
";
    let said = Project::new(pipeline).run(&["check", FILE]).code(2).stderr;
    for told in ["needs a `prompt`", "`max_cost` needs the prices", "`votes` needs the labels", "and all vote alike"] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert!(said.contains("4 errors in `pipeline.yaml`"), "{said}");
}

#[test]
fn what_is_wrong_with_data_and_sizes_is_shown_at_its_field() {
    let pipeline = "\
retort: 1
experiment: fields
models:
  small: { new: { layers: 1, width: 16, heads: 3, context: 64, tokenizer: tokens } }
stages:
  first:
    dataset: { format: table, train: t.jsonl, question: Body, answer: answr, answers: number }
  second:
    dataset: { format: gsm8k, train: t.jsonl, test: other.jsonl }
  tokens:
    tokenizer: { questions: first }
  tuned:
    train: { student: small, questions: first, placement: none, recipe: { lr: 1.0e-3, batch: 4, epochs: 1 } }
";
    let project = Project::new(pipeline);
    project.write("t.jsonl", "{\"Body\": \"one\", \"answer\": 1}\n");
    project.write("other.jsonl", "{\"question\": \"one\", \"answer\": \"#### 1\"}\n");
    let said = project.run(&["check", FILE]).fails().stderr;
    let marks: Vec<(&str, usize)> = said
        .lines()
        .zip(said.lines().skip(1))
        .filter(|(_, below)| below.contains('^'))
        .filter_map(|(above, below)| {
            let (at, marked) = (below.find('^')?, below.chars().filter(|c| *c == '^').count());
            Some((above.get(at..at + marked)?, marked))
        })
        .collect();
    // A preset has no field of its own that would be wrong.
    assert_eq!(marks[..2], [("3", 1), ("answr", 5)], "{said}");
    assert!(marks[2].0.starts_with("{ format: gsm8k") && marks.len() == 3, "{said}");
}
