//! Every operation on rationales from a pipeline: what it makes of a few of them, what it says, and what its key takes.

use expect_test::expect;

use crate::runner::{Events, FILE, Project};

const PIPELINE: &str = r#"retort: 1
experiment: operations
seed: 17

stages:
  questions:
    dataset: { format: quarel, train: train.jsonl }
  samples:
    elicit: { questions: questions, split: train, teacher: { import: { path: samples.jsonl } } }
  right:
    transform:
      rationales: samples
      questions: questions
      steps: [ { trim: { to: paragraph } }, { filter: { label: agrees } }, { sample: { n: 1, pick: first } } ]
  masked:
    over: { words: [the, than] }
    transform: { rationales: right, steps: [ { mask: { words: ["${words}"] } }, { truncate: { keep: 4 } } ] }
  unknown:
    over: { count: [0, 3] }
    transform: { rationales: right, steps: [ { fill: { count: "${count}" } } ] }
  frequent:
    transform: { rationales: right, steps: [ { keep_top: { k: 2, by: frequency, level: word } }, { shuffle: } ] }
  marked:
    transform: { rationales: right, steps: [ { keep_words: { annotations: marked.jsonl, missing: drop } } ] }
  near:
    transform:
      rationales: right
      questions: questions
      steps: [ { neighbours: { vectors: vectors.txt, k: 2, missing: keep } } ]
  swapped:
    transform: { rationales: right, questions: questions, steps: [ { swap: { label: other } } ] }
  stripped:
    transform: { rationales: right, questions: questions, steps: [ { strip_label: } ] }
  wrong:
    transform: { rationales: right, questions: questions, steps: [ { wrong: { from: samples, missing: drop } } ] }
"#;

fn project() -> Project {
    let project = Project::new(PIPELINE);
    let question = |id: &str, answer: usize| {
        format!("{{\"id\":\"{id}\",\"question\":\"Which? (A) the ice (B) the mud\",\"answer_index\":{answer}}}\n")
    };
    let sample = |id: &str, sample: usize, label: &str, text: &str| {
        format!("{{\"id\":\"{id}\",\"sample\":{sample},\"label\":\"{label}\",\"rationale\":\"{text}\"}}\n")
    };
    project.write("train.jsonl", &(question("a", 0) + &question("b", 1) + &question("c", 0)));
    let samples = sample("a", 0, "B", "Mud is softer.")
        + &sample("a", 1, "A", "Ice is smoother than the mud. The answer is A.\\n\\nQuestion:")
        + &sample("b", 0, "B", "The mud is rougher than the ice.")
        + &sample("b", 1, "B", "So it is.")
        + &sample("c", 0, "A", "Who knows?");
    project.write("samples.jsonl", &samples);
    let marked = "{\"id\":\"a\",\"annotator\":\"ada\",\"words\":[\"ice\",\"smoother\"]}\n\
                  {\"id\":\"b\",\"annotator\":\"ada\",\"spans\":[[4,7]]}\n";
    project.write("marked.jsonl", marked);
    project.write("vectors.txt", "ice 1 0\nfrost 0.9 0.1\nsnow 0.8 0.3\n");
    project
}

/// Returns the texts of an instance, by question.
fn texts(project: &Project, instance: &str) -> String {
    let rows = project.run(&["show", FILE, instance, "--json"]).code(0).json();
    let line =
        |row: &serde_json::Value| format!("  {}: {}\n", row["id"].as_str().unwrap(), row["text"].as_str().unwrap());
    rows.as_array().unwrap().iter().map(line).collect()
}

fn warnings(events: &Events) -> String {
    let warning = |event: &&serde_json::Value| event["note"]["note"] == "warning";
    let told = events.0.iter().filter(warning);
    let mut lines: Vec<String> = told
        .map(|event| {
            format!("{}: {}\n", event["instance"].as_str().unwrap(), event["note"]["message"].as_str().unwrap())
        })
        .collect();
    lines.sort();
    lines.concat()
}

#[test]
fn every_operation_runs_from_a_pipeline() {
    let project = project();
    let events = project.make();
    let instances = [
        "right",
        "masked[words=the]",
        "masked[words=than]",
        "unknown[count=0]",
        "unknown[count=3]",
        "frequent",
        "marked",
        "near",
        "swapped",
        "stripped",
        "wrong",
    ];
    let made: String = instances.iter().map(|name| format!("{name}\n{}", texts(&project, name))).collect();
    expect![[r#"
        right
          a: Ice is smoother than the mud. The answer is A.
          b: The mud is rougher than the ice.
          c: Who knows?
        masked[words=the]
          a: Ice is smoother than
          b: [MASK] mud is rougher
          c: Who knows?
        masked[words=than]
          a: Ice is smoother [MASK]
          b: The mud is rougher
          c: Who knows?
        unknown[count=0]
          a: 
          b: 
          c: 
        unknown[count=3]
          a: <unk> <unk> <unk>
          b: <unk> <unk> <unk>
          c: <unk> <unk> <unk>
        frequent
          a: The the
          b: The the
          c: knows Who
        marked
          a: Ice smoother
          b: mud
        near
          a: frost snow
          b: 
          c: frost snow
        swapped
          a: The mud is rougher than the ice.
          b: Ice is smoother than the mud. The answer is A.
          c: The mud is rougher than the ice.
        stripped
          a: Ice is smoother than the mud.
          b: The mud is rougher than the ice.
          c: Who knows?
        wrong
          a: Mud is softer.
    "#]]
    .assert_eq(&made);
    expect![[r#"
        marked: `steps[0].keep_words`: 1 of 3 rationales have no annotation and are left out: `c`
        near: `steps[0].neighbours`: 1 of 3 rationales have an answer whose longest word has no vector and are empty now: `b`
        right: `steps[1].filter`: 1 of 5 rationales are left out, since the teacher's label is not the right answer: `a`
        stripped: `steps[0].strip_label`: 1 sentences of 1 of 3 rationales are left out or cut
        wrong: `steps[0].wrong`: 2 of 3 rationales have no sample with another label than the right answer and are left out: `b`, `c`
    "#]].assert_eq(&warnings(&events));
}

#[test]
fn the_content_of_a_file_is_in_the_key_of_the_step_that_names_it() {
    let project = project();
    project.make();
    project.write("vectors.txt", "ice 1 0\nsnow 0.9 0.1\n");
    assert_eq!(project.stale().into_iter().collect::<Vec<_>>(), ["near"]);
    project.write("marked.jsonl", "{\"id\":\"a\",\"words\":[\"ice\"]}\n");
    assert_eq!(project.make().ran().into_iter().collect::<Vec<_>>(), ["marked", "near"]);
    assert_eq!(texts(&project, "near"), "  a: snow\n  b: \n  c: snow\n");
    // Another file of the same content is the same file.
    project.write("other.txt", "ice 1 0\nsnow 0.9 0.1\n");
    project.edit("vectors.txt", "other.txt");
    assert!(project.stale().is_empty());
}

#[test]
fn what_a_step_cannot_do_is_said_with_its_place_and_what_to_try() {
    for (before, after, said) in [
        ("annotations: marked.jsonl, missing: drop", "annotations: marked.jsonl", "`missing: drop` or `missing: keep`"),
        ("vectors: vectors.txt, k: 2, missing: keep", "vectors: train.jsonl", "cannot do `steps[0].neighbours`"),
        (
            "rationales: right, questions: questions, steps: [ { strip",
            "rationales: right, steps: [ { wrong: { from: samples } }, { strip",
            "name the stage that gives them as `questions`",
        ),
        ("swap: { label: other }", "swap: { label: same }", "no other question has the same right answer: `b`"),
        (
            "{ filter: { label: agrees } }, ",
            "{ sample: { n: 9 } }, { filter: { words_min: 99 } }, ",
            "none of 5 rationales is left",
        ),
        (
            "rationales: right, steps: [ { mask",
            "rationales: right, steps: [ { shuffle: { level: token } }, { mask",
            "name the stage that makes one as `tokenizer`",
        ),
    ] {
        let project = project();
        project.edit(before, after);
        // What the file itself shows is refused before anything runs.
        let code = if said.starts_with("name ") { 2 } else { 1 };
        project.run(&["run", FILE]).code(code).says(said);
    }
}
