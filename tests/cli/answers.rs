//! Questions without letters, from the dataset to the report: numbers and classes.

use serde_json::Value as Json;

use crate::paper::pipeline;
use crate::runner::{FILE, Project};

#[test]
fn numbers_are_asked_answered_and_reported() {
    let project = Project::new("");
    let file = pipeline("small/arithmetic");
    let few = ["--set", "rows=24", "--set", "asked=6", "--set", "epochs=1"];
    project.run(&[&["run", file.as_str(), "--progress", "plain"], &few[..]].concat()).code(0);
    let page = fs_err::read_to_string(project.path("out/small-arithmetic/results/report.md")).unwrap();
    assert!(page.contains("Open answers cannot be guessed"), "{page}");
    assert!(!page.contains("Chance is"), "{page}");
    // Nothing runs twice.
    let again = project.run(&[&["plan", file.as_str(), "--json"], &few[..]].concat()).code(0).json();
    assert_eq!(again["counts"]["hits"].as_u64().unwrap() as usize, again["instances"].as_array().unwrap().len());
    let shown = project.run(&[&["show", file.as_str(), "questions", "--json"], &few[..]].concat()).code(0).json();
    assert!(shown.as_array().unwrap().iter().all(|row| row["answer"]["number"].is_string()), "{shown}");
    // A likelihood needs something to choose from.
    let text = fs_err::read_to_string(&file).unwrap().replace("max_new: 64", "score: { likelihood: { of: text } }");
    project.write("likely.yaml", &text);
    project
        .run(&[&["run", "likely.yaml", "--progress", "plain"], &few[..]].concat())
        .fails()
        .says("has neither choices nor classes whose likelihoods could be compared: its answer is a number");
}

const CLASSES: &str = r#"retort: 1
experiment: classes
seed: 17

models:
  small: { new: { architecture: gpt2, layers: 1, width: 32, heads: 2, context: 96, tokenizer: tokens } }

stages:
  questions:
    dataset:
      format: table
      train: rows.csv
      dev: rows-dev.csv
      test: rows-test.csv
      question: "{{ premise }} So: {{ hypothesis }}"
      answer: label
      rationale: why
      answers: [entailment, neutral, contradiction]
      keep: [topic]
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 300 }
  swapped:
    over: { label: [same, other] }
    transform: { rationales: rationales, questions: questions, steps: [ { swap: { label: "${label}" } } ] }
  tuned:
    over: { placement: [none, after, before] }
    train:
      student: small
      questions: questions
      rationales: rationales
      placement: "${placement}"
      recipe: { lr: 3.0e-3, batch: 8, epochs: 40, eval_every: 60 }
  answers:
    evaluate: { model: tuned, questions: questions, split: test, max_new: 40 }
  likely:
    where: { placement: after }
    evaluate: { model: tuned, questions: questions, split: test, score: likelihood }
  seen:
    where: { placement: after }
    lens: { model: tuned, questions: questions, split: test }
  results:
    report: { scores: [answers, likely], questions: questions }
"#;

/// Rows of inference whose label the premise gives away.
fn rows(from: usize, count: usize) -> String {
    let row = |index: usize| {
        let (label, verb) = [("0", "sings"), ("1", "waits"), ("2", "sleeps")][index % 3];
        format!("Person {index} {verb}.,A person sings.,{label},{verb} is {verb}.,people\n")
    };
    "premise,hypothesis,label,why,topic\n".to_owned() + &(from..from + count).map(row).collect::<String>()
}

#[test]
fn classes_are_learnt_scored_read_and_reported() {
    let project = Project::new(CLASSES);
    project.write("rows.csv", &rows(0, 48));
    project.write("rows-dev.csv", &rows(100, 6));
    project.write("rows-test.csv", &(rows(200, 6) + "Person 9 sings.,A person sings.,0,x,people\n"));
    project.make();
    let scores = |instance: &str| -> Vec<Json> {
        project.run(&["show", FILE, instance, "--json", "--limit", "99"]).code(0).json().as_array().unwrap().clone()
    };
    let likely = scores("likely[placement=after]");
    let rows: Vec<&Json> = likely.iter().filter(|row| row["likelihoods"].is_array()).collect();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let classes: Vec<&str> =
            row["likelihoods"].as_array().unwrap().iter().map(|one| one["label"]["class"].as_str().unwrap()).collect();
        assert_eq!(classes, ["entailment", "neutral", "contradiction"]);
        assert!(classes.contains(&row["predicted"]["class"].as_str().unwrap()), "{row}");
    }
    let page = fs_err::read_to_string(project.path("out/classes/results/report.md")).unwrap();
    assert!(page.contains("Chance is the fraction of the commonest class (42.9 %)"), "{page}");
    assert!(page.contains("Calibration"), "{page}");
    assert!(page.contains("Confusion of classes") && page.contains("entailment %"), "{page}");
    // Baselines that know the classes by heart answer something that can be read.
    let answered = scores("answers[placement=none]");
    assert!(answered.iter().any(|row| row["predicted"]["class"].is_string()), "{answered:?}");
    let seen = scores("seen[placement=after]");
    assert!(seen.iter().any(|row| row["answer"]["class"] == "contradiction"), "{seen:?}");
}
