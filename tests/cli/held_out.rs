//! Questions that are held out: a file divided into splits, and questions that are trained on and asked as well.

use serde_json::json;

use crate::runner::{FILE, Project};

const TABLE: &str = "retort: 1
experiment: held-out
seed: 17

stages:
  questions:
    dataset: { format: table, train: rows.jsonl, question: question, answer: answer, answers: number }
";

fn row(question: &str, answer: usize) -> String {
    json!({ "question": question, "answer": answer }).to_string() + "\n"
}

fn rows(count: usize) -> String {
    (0..count).map(|index| row(&format!("What is {index}?"), index)).collect()
}

#[test]
fn a_file_is_divided_into_splits() {
    let split = |fields: &str| TABLE.replace("answers: number", &format!("answers: number, split: {{ {fields} }}"));
    let project = Project::new(&split("test: 0.25, dev: 0.1, seed: 1"));
    project.write("rows.jsonl", &rows(80));
    project.make();
    let shown = |project: &Project| project.run(&["show", FILE, "questions", "--limit", "1"]).code(0).stdout;
    let counts = |text: &str| {
        ["train:", "dev:", "test:"].map(|split| {
            let count = text.lines().find_map(|line| line.trim_start().strip_prefix(split));
            count.map_or(0, |count| count.split_whitespace().next().unwrap().parse::<usize>().unwrap())
        })
    };
    let first = counts(&shown(&project));
    assert_eq!(first.iter().sum::<usize>(), 80);
    assert!((8..=32).contains(&first[2]) && (1..=20).contains(&first[1]), "{first:?}");
    // More rows only add to the splits.
    project.write("rows.jsonl", &rows(160));
    let more = counts(&shown(&project));
    assert!(more.iter().sum::<usize>() == 160 && more.iter().zip(&first).all(|(more, few)| more >= few), "{more:?}");
    // Divided by answers, the fractions are met.
    let project = Project::new(&split("test: 0.25, by: stratified"));
    project.write("rows.jsonl", &(0..80).map(|index| row(&format!("What is {index}?"), index % 2)).collect::<String>());
    assert_eq!(counts(&shown(&project)), [60, 0, 20]);

    for (fields, said) in [
        ("test: 0.5, dev: 0.5", "holds out 1 of the questions"),
        ("by: random", "holds out 0 of the questions"),
        ("test: 2", "expected a number from 0 to 1"),
        ("tset: 0.1", "did you mean `test`?"),
    ] {
        let project = Project::new(&split(fields));
        project.write("rows.jsonl", &rows(4));
        project.run(&["check", FILE]).code(2).says(said);
    }
    let project = Project::new(&split("test: 0.1").replace("train: rows", "test: rows.jsonl, train: rows"));
    project.write("rows.jsonl", &rows(4));
    project.run(&["check", FILE]).code(2).says("so `test` cannot be given too");
    let project = Project::new(&split("test: 0.1").replace("train: rows", "dev: rows"));
    project.write("rows.jsonl", &rows(4));
    project.run(&["check", FILE]).fails().says("`split` divides the train split, and the dataset has none");
    let text = TABLE.replace(
        "{ format: table, train: rows.jsonl, question: question, answer: answer, answers: number }",
        "{ format: synthetic, split: { test: 0.1 } }",
    );
    Project::new(&text).run(&["check", FILE]).fails().says("the dataset has one of its own with 400 questions");
}

#[test]
fn questions_that_are_trained_on_and_asked_are_counted() {
    let text = TABLE.replace("train: rows.jsonl", "train: rows.jsonl, test: test.jsonl");
    let project = Project::new(&text);
    project.write("rows.jsonl", &rows(4));
    project.write("test.jsonl", &(row("what is 3", 3) + &row("What is the 2?", 2) + &row("What is 9?", 9)));
    let said = "2 of 4 questions of the train split are in the test split as well; `deduplicate: true` leaves them out";
    project.run(&["check", FILE]).code(0).says(said);
    project.run(&["plan", FILE]).code(0).says(said);
    project.run(&["run", FILE, "--progress", "plain"]).code(0).says(said);
    project.edit("answers: number", "answers: number, deduplicate: true");
    project.run(&["check", FILE]).code(0).says("2 of 4 questions of the train split are in the dev or the test split");
    project.run(&["show", FILE, "questions"]).code(0).shows("train: 2 questions");
}

const MIXED: &str = r#"retort: 1
experiment: mixed
seed: 3

stages:
  one:
    dataset: { format: table, train: one.jsonl, test: one-test.jsonl, question: question, answer: answer, answers: number }
  two:
    dataset: { format: table, train: two.jsonl, test: two-test.jsonl, question: question, answer: answer, answers: number }
  tokens:
    tokenizer: { questions: [one, two], vocabulary: 300 }
  mixed:
    train:
      student: { new: { layers: 1, width: 16, heads: 2, context: 64, tokenizer: tokens } }
      placement: none
      questions: [ { questions: one }, { questions: two } ]
      recipe: { lr: 2.0e-3, batch: 4, steps: 2 }
"#;

#[test]
fn what_one_dataset_holds_out_is_not_trained_on_out_of_another() {
    let project = Project::new(MIXED);
    let sums = |range: std::ops::Range<usize>| range.map(|n| row(&format!("What is {n}?"), n)).collect::<String>();
    project.write("one.jsonl", &sums(0..6));
    project.write("one-test.jsonl", &sums(20..22));
    project.write("two.jsonl", &sums(20..26));
    project.write("two-test.jsonl", &(row("what IS 4", 4) + &sums(40..42)));
    let trained = |project: &Project| {
        let log = project.run(&["show", FILE, "mixed", "--json"]).code(0).json();
        log["datasets"].as_array().unwrap().iter().map(|of| of["trained"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    project.make();
    assert_eq!(trained(&project), [6, 6]);
    project.edit("placement: none", "placement: none\n      deduplicate: true");
    let run = project.run(&["run", FILE, "--progress", "plain"]).code(0);
    run.says("`questions[0]`: 1 of 6 questions of the train split are held out")
        .says("`questions[1]`: 2 of 6 questions of the train split are held out");
    assert_eq!(trained(&project), [5, 4]);
    // What is held out decides what is trained on, and is a part of the key only where it does.
    project.write("two-test.jsonl", &sums(40..42));
    assert!(project.stale().contains("mixed"));
    project.write("two-test.jsonl", &sums(0..6));
    project.run(&["run", FILE, "--progress", "plain"]).code(1).says("which leaves none to train on");
}

/// Templates that no question would fit are found before anything runs, as far as fields are known.
#[test]
fn templates_are_held_against_what_is_known_of_questions() {
    let with = |more: &str| MIXED.replace("answers: number }\n  two", &format!("answers: number{more} }}\n  two"));
    let make = |text: &str, template: &str| {
        let project = Project::new(&text.replace("placement: none", "placement: none\n      prompt: ask.jinja"));
        for name in ["one", "one-test", "two", "two-test"] {
            let line = json!({ "question": format!("What is {name}?"), "answer": 3, "unit": "m" });
            project.write(&format!("{name}.jsonl"), &format!("{line}\n"));
        }
        project.write("ask.jinja", template);
        project
    };
    let keeps = ", keep: [unit]";
    let both =
        |text: &str| text.replace("answers: number }\n  tokens", &format!("answers: number{keeps} }}\n  tokens"));
    make(&both(&with(keeps)), "{{ question }} {{ fields.unit }}").run(&["check", FILE]).code(0);
    let said = "needs `fields.unti`, which the dataset does not keep: did you mean `fields.unit`?";
    make(&both(&with(keeps)), "{{ question }}\n{{ fields.unti }}").run(&["check", FILE]).fails().says(said);
    let said = "needs `fields.unit`, which the dataset does not keep: `keep: [unit]` in the dataset would keep it";
    make(&with(keeps), "{{ question }} {{ fields.unit }}").run(&["check", FILE]).fails().says(said);
    let said = "line 2: a choice has no `txt`, expected label or text; did you mean `text`?";
    make(MIXED, "{{ question }}\n{{ choices[0].txt }}").run(&["check", FILE]).fails().says(said);
    let constant = make(MIXED, "Think.");
    let said = "names nothing of the question, so that all questions are asked the same";
    constant.run(&["check", FILE]).code(0).says(said);
    constant.run(&["run", FILE, "--progress", "plain"]).code(0).says(said);
}
