//! What a student is trained on and for: placements, weights, schedules, and rationales that are missing.

use serde_json::{Value as Json, json};

use crate::runner::{Events, FILE, Project};

const PIPELINE: &str = r#"retort: 1
experiment: objectives
seed: 3

models:
  tiny: { new: { layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }

fragments:
  training:
    student: tiny
    questions: questions
    rationales: rationales
    recipe: { lr: 2.0e-3, batch: 4, steps: 8 }

stages:
  questions:
    dataset: { format: synthetic, train: 24, dev: 4, test: 4 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  masked:
    transform: { rationales: rationales, steps: [ { mask: { fraction: 0.5 } } ] }
  first:
    train: { use: training, placement: before }
  important:
    attribute: { model: first, questions: questions, rationales: rationales, steps: 2 }

  plain:
    train: { use: training, placement: after }
  ones:
    train: { use: training, placement: after, weights: { label: 1, rationale: 1 } }
  heavy:
    train: { use: training, placement: after, weights: { label: 2.0, rationale: 0.5 } }
  fading:
    train: { use: training, placement: after, weights: { rationale: { from: 1.0, to: 0.0, over: 0.5 } } }
  fixed:
    train: { use: training, placement: after, weights: { rationale: { from: 0.5, to: 0.5 } } }
  half:
    train: { use: training, placement: after, weights: { rationale: 0.5 } }
  weighed:
    train: { use: training, placement: after, weights: { tokens: important, floor: 0.25 } }
  prompted:
    train: { use: training, placement: after, prompt: prompts/student.jinja }
  sequence:
    train: { use: training, placement: after, loss: sequence, weights: { prompt: 0.1 } }
  both:
    train: { use: training, placement: both, marker_as: text, recipe: { lr: 2.0e-3, steps: 2, eval_every: 2, eval_max_new: 8 } }
  answers:
    evaluate: { model: both, questions: questions, max_new: 8 }
"#;

fn project() -> Project {
    let project = Project::new(PIPELINE);
    project.write("prompts/student.jinja", include_str!("../../pipelines/prompts/student/quarel.jinja"));
    project
}

#[test]
fn objectives_differ_where_their_weights_do() {
    let project = project();
    project.make();
    let digests = project.digests();
    let weights = |name: &str| digests[name]["weights"].clone();
    assert_eq!(weights("plain"), weights("ones"), "weights of 1 are no weights");
    assert_eq!(weights("fixed"), weights("half"), "a schedule that stays is a number");
    let all = ["plain", "heavy", "fading", "half", "weighed", "prompted", "sequence", "both"].map(weights);
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    assert!(project.stale().is_empty());

    project.write("prompts/student.jinja", "Question: {{ query }}");
    project.run(&["run", FILE]).code(1).says("prompts/student.jinja`, line 1: there is no variable `query`");
}

#[test]
fn what_an_objective_cannot_be_is_named() {
    for (before, after, said) in [
        ("{ rationale: 0.5 }", "{ label: 0, rationale: { from: 1.0, to: 0.0 } }", "none of its tokens that carry loss"),
        ("both, marker_as", "none, weights: { label: 0 }, marker_as", "none of its tokens that carry loss"),
        (
            "weights: { tokens: important",
            "rationales: masked, weights: { tokens: important",
            "its attribution was made for another text",
        ),
        (
            "rationales: rationales, steps: 2",
            "rationales: masked, steps: 2",
            "its attribution was made for another text",
        ),
    ] {
        let project = project();
        project.edit(before, after);
        project.run(&["run", FILE]).code(1).says(said);
    }
    for (before, after, said) in [
        ("attribute: { model: first", "attribute: { model: both", "`placement: both`"),
        ("rationale: 0.5 }", "rationale: -0.5 }", "expected a number, 0 or more"),
        ("rationale: 0.5 }", "rationle: 0.5 }", "did you mean `rationale`?"),
        ("{ rationale: 0.5 }", "{ prompt: 0.5 }", "use `loss: sequence`"),
        ("{ rationale: 0.5 }", "{ floor: 0.5 }", "name `weights.tokens`"),
        ("eval_max_new: 8", "eval_by: likelihood", "with `placement: both` it follows a rationale"),
        ("over: 0.5", "over: 1.5", "expected a number from 0 to 1"),
        ("from: 1.0, to: 0.0, ", "from: 1.0, ", "missing field `to`"),
        ("placement: both", "placement: bot", "did you mean `both`?"),
        ("tokens: important", "tokens: masked", "needs attributions, but `masked` gives rationales"),
        (
            "  answers:\n",
            "  again:\n    retrain: { like: plain, rationales: rationales }\n  answers:\n",
            "`again` differs from `plain` in nothing",
        ),
    ] {
        let project = project();
        project.edit(before, after);
        project.run(&["check", FILE]).code(2).says(said);
    }
}

const GAPS: &str = r#"retort: 1
experiment: gaps
seed: 3

models:
  tiny: { new: { layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: quarel, train: questions.jsonl, test: questions.jsonl }
  rationales:
    elicit: { questions: questions, split: train, teacher: { import: { path: rationales.jsonl } } }
  emptied:
    transform: { rationales: rationales, steps: [ { mask: { fraction: 1.0, with: null } } ] }
  tokens:
    tokenizer: { questions: questions, vocabulary: 300 }
  tuned:
    train:
      student: tiny
      questions: questions
      rationales: rationales
      placement: after
      recipe: { steps: 1, batch: 2 }
  blank:
    retrain: { like: tuned, rationales: emptied }
  answers:
    over: { student: [tuned, blank] }
    evaluate: { model: "${student}", questions: questions, max_new: 2 }
  results:
    report: { scores: answers, training: [tuned, blank] }
"#;

/// Eight questions, of which the first six have a rationale; the first has two.
fn with_gaps() -> Project {
    let project = Project::new(GAPS);
    let question =
        |i: usize| json!({ "id": format!("q{i}"), "question": "Which? (A) this (B) that", "answer_index": 1 });
    let rationale = |i: usize, sample: u32| json!({ "id": format!("q{i}"), "rationale": "Surely", "sample": sample });
    let lines = |rows: Vec<Json>| rows.iter().map(|row| format!("{row}\n")).collect::<String>();
    project.write("questions.jsonl", &lines((0..8).map(question).collect()));
    let rows = (0..6).map(|i| rationale(i, 0)).chain([rationale(0, 1)]);
    project.write("rationales.jsonl", &lines(rows.collect()));
    project
}

fn log_of(project: &Project, name: &str) -> Json {
    project.run(&["show", FILE, name, "--json"]).code(0).json()
}

fn warnings(events: &Events) -> Vec<String> {
    let warned = events.0.iter().filter(|told| told["note"]["note"] == "warning");
    warned
        .map(|told| format!("{}: {}", told["instance"].as_str().unwrap(), told["note"]["message"].as_str().unwrap()))
        .collect()
}

#[test]
fn missing_rationales_stop_a_training_unless_it_is_said_what_becomes_of_them() {
    let project = with_gaps();
    project.run(&["run", FILE]).code(1).says(
        "2 of 8 questions of the train split have no rationale: `q6`, `q7`; `missing: drop` leaves them out, and \
         `missing: keep` trains on their labels alone",
    );

    project.edit("placement: after", "placement: after\n      missing: drop");
    let events = project.make();
    assert!(
        warnings(&events).contains(&"tuned: 2 of 8 questions have no rationale and are left out".to_owned()),
        "{:?}",
        warnings(&events)
    );
    let log = log_of(&project, "tuned");
    assert_eq!([&log["examples"], &log["without_rationale"], &log["label_alone"], &log["blank"]], [7, 2, 0, 0]);
    let log = log_of(&project, "blank");
    assert_eq!([&log["examples"], &log["without_rationale"], &log["label_alone"], &log["blank"]], [7, 2, 0, 7]);
    let report = project.run(&["report", FILE]).code(0);
    assert!(report.stdout.contains("Questions without a rationale, left out: 2 in each training."), "{report}");
    assert!(
        report.stdout.contains("Examples with a blank rationale, trained on their labels alone: 7 (`student=blank`)."),
        "{report}"
    );

    project.edit("missing: drop", "missing: keep");
    let events = project.make();
    assert!(
        warnings(&events)
            .contains(&"tuned: 2 of 8 questions have no rationale and are trained on their labels alone".to_owned()),
        "{:?}",
        warnings(&events)
    );
    let log = log_of(&project, "tuned");
    assert_eq!([&log["examples"], &log["without_rationale"], &log["label_alone"], &log["blank"]], [9, 0, 2, 0]);
    project.run(&["show", FILE, "tuned"]).code(0).shows("2 questions without a rationale, trained on the label alone");

    // The baseline needs none.
    project.edit("missing: keep", "missing: fail");
    project.edit("placement: after", "placement: none");
    project.make();
    assert_eq!(log_of(&project, "tuned")["examples"], 8);
}

#[test]
fn rationales_of_other_questions_are_counted() {
    let project = with_gaps();
    project.edit("placement: after", "placement: after\n      missing: drop");
    // Another dataset whose questions are fewer than the rationales.
    project.edit("  tokens:\n", "  fewer:\n    dataset: { format: quarel, train: questions.jsonl, test: questions.jsonl, limit: { train: 4 } }\n  tokens:\n");
    project.edit(
        "      questions: questions\n      rationales: rationales\n",
        "      questions: fewer\n      rationales: rationales\n",
    );
    let events = project.make();
    let expected = "tuned: 2 rationales belong to no question of the train split and are not read".to_owned();
    assert!(warnings(&events).contains(&expected), "{:?}", warnings(&events));
    let log = log_of(&project, "tuned");
    assert_eq!([&log["examples"], &log["strays"], &log["without_rationale"]], [5, 2, 0]);
}
