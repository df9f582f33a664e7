//! Tokens are scored by every method, the scores are shown, and what cannot be scored or compared is named.

use std::collections::BTreeSet;

use expect_test::expect;
use serde_json::{Value as Json, json};

use crate::runner::{FILE, Project};

const PIPELINE: &str = r#"retort: 1
experiment: attributions
seed: 3

models:
  tiny: { new: { architecture: llama, layers: 2, width: 16, heads: 4, kv_heads: 2, context: 256, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: synthetic, train: 12, dev: 2, test: 2 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  tuned:
    train:
      student: tiny
      questions: questions
      rationales: rationales
      placement: before
      recipe: { lr: 2.0e-3, batch: 4, steps: 8 }
  weighed:
    over:
      way:
        zip:
          method: [integrated_gradients, gradient_x_input, saliency, attention_rollout, leave_one_out, random]
          baseline: [mask, null, null, null, mean, null]
          steps: [6, null, null, null, null, null]
    attribute:
      model: tuned
      questions: questions
      rationales: rationales
      method: "${method}"
      baseline: "${baseline}"
      steps: "${steps}"
"#;

const METHODS: [&str; 6] =
    ["integrated_gradients", "gradient_x_input", "saliency", "attention_rollout", "leave_one_out", "random"];

fn instance(project: &Project, method: &str) -> String {
    let stage = format!("method={method}");
    let names = project.plan().into_iter().map(|(name, ..)| name);
    names.filter(|name| name.starts_with("weighed") && name.contains(&stage)).collect::<Vec<_>>().pop().unwrap()
}

#[test]
fn every_method_scores_the_same_tokens_and_its_scores_are_shown() {
    let project = Project::new(PIPELINE);
    project.make();
    let rows = |method: &str| {
        let shown = project.run(&["show", FILE, &instance(&project, method), "--json", "--limit", "99"]).code(0).json();
        shown.as_array().unwrap().clone()
    };
    let spans = |row: &Json| -> Vec<String> {
        row["tokens"].as_array().unwrap().iter().map(|token| token["span"].to_string()).collect()
    };
    let scores = |row: &Json| -> Vec<f64> {
        row["tokens"].as_array().unwrap().iter().map(|token| token["score"].as_f64().unwrap()).collect()
    };
    let first = rows(METHODS[0]);
    assert_eq!(first.len(), 12);
    let mut seen = BTreeSet::new();
    for method in METHODS {
        let found = rows(method);
        assert!(found.iter().zip(&first).all(|(one, two)| spans(one) == spans(two)), "{method}");
        assert!(seen.insert(format!("{:?}", scores(&found[0]))), "{method} scores as another does");
        assert_eq!(found[0]["completeness"].is_object(), method == "integrated_gradients", "{method}");
        let all: Vec<f64> = found.iter().flat_map(scores).collect();
        if ["saliency", "attention_rollout", "random"].contains(&method) {
            assert!(all.iter().all(|score| *score >= 0.0), "{method}");
        }
        if method == "attention_rollout" {
            assert!(found.iter().all(|row| scores(row).iter().sum::<f64>() < 1.0));
        }
        let shown = project.run(&["show", FILE, &instance(&project, method), "--limit", "1"]).code(0);
        let shown = shown.shows("rows: 12 rows").shows("tokens");
        assert!(shown.stdout.contains(['█', '▓']), "the largest has the fullest mark, below zero or above:\n{shown}");
        assert_eq!(shown.stdout.contains("completeness: the sum misses"), method == "integrated_gradients");
    }
    assert!(project.stale().is_empty());
}

#[test]
fn chance_does_not_look_at_the_student() {
    let project = Project::new(PIPELINE);
    project.make();
    project.edit("lr: 2.0e-3, batch: 4, steps: 8", "lr: 2.0e-3, batch: 4, steps: 9");
    let ran = project.make().ran();
    for method in METHODS {
        assert_eq!(ran.contains(&instance(&project, method)), method != "random", "{method}");
    }
}

#[test]
fn a_bound_decides_a_warning_and_no_score() {
    let project = Project::new(PIPELINE);
    project.make();
    project.edit(
        "  weighed:",
        "  strict:
    attribute:
      { model: tuned, questions: questions, rationales: rationales, baseline: mask, steps: 6, completeness_bound: 1.0e-12 }
  weighed:",
    );
    let events = project.make();
    assert_eq!(events.ran().into_iter().collect::<Vec<_>>(), ["strict"]);
    assert!(events.progress("strict").is_empty(), "its rows are known");
    let told: Vec<&str> = events.0.iter().filter_map(|event| event["note"]["message"].as_str()).collect();
    assert!(told.iter().any(|told| told.starts_with("for 12 of 12 rationales the attributions miss")), "{told:?}");
    project.run(&["show", FILE, "strict", "--limit", "1"]).code(0).shows("12 of 12 rows are beyond the bound");
    let digests = project.digests();
    assert_ne!(digests["strict"], digests[&instance(&project, "integrated_gradients")], "it is said of each row");
}

#[test]
fn fields_that_mean_nothing_to_a_method_are_shown_with_their_place() {
    let project = Project::new(PIPELINE);
    project.edit("baseline: [mask, null, null, null, mean, null]", "baseline: [mask, null, mask, null, mean, null]");
    project.edit("steps: [6, null, null, null, null, null]", "steps: [6, null, null, null, null, 3]");
    let output = project.run(&["plan", FILE]).code(2);
    expect![[r#"
        error: `baseline` means nothing to the method `saliency`
          --> pipeline.yaml:34:7
           |
        34 |       baseline: "${baseline}"
           |       ^^^^^^^^ what does: function
           |
           = help: leave it out, or give `null`

        error: `steps` means nothing to the method `random`
          --> pipeline.yaml:35:7
           |
        35 |       steps: "${steps}"
           |       ^^^^^ what does: seed
           |
           = help: leave it out, or give `null`

        2 errors in `pipeline.yaml`
    "#]]
    .assert_eq(&project.redact(&output.stderr));
}

#[test]
fn a_student_whose_rationale_comes_too_late_is_refused_before_it_is_trained() {
    for (placement, code) in [("before", 0), ("after", 2), ("both", 2), ("none", 2)] {
        let project = Project::new(PIPELINE);
        project.edit("placement: before", &format!("placement: {placement}"));
        let output = project.run(&["check", FILE]).code(code);
        if code == 2 {
            output.says("attribution needs a student whose rationale comes before its label").says(placement);
        }
    }
}

#[test]
fn a_rationale_that_does_not_fit_names_its_question() {
    let project = Project::new(PIPELINE);
    project.make_with(&["rationales"]);
    let rows = project.run(&["show", FILE, "rationales", "--json", "--limit", "99"]).code(0).json();
    let id = rows[3]["id"].as_str().unwrap();
    let line = |row: &Json| {
        let text = if row["id"] == id { "so it is ".repeat(99) } else { row["text"].as_str().unwrap().to_owned() };
        format!("{}\n", json!({ "id": row["id"], "rationale": text }))
    };
    project.write("long.jsonl", &rows.as_array().unwrap().iter().map(line).collect::<String>());
    project.edit(
        "  weighed:",
        "  long:
    elicit: { questions: questions, split: train, teacher: { import: { path: long.jsonl } } }
  too-long:
    attribute: { model: tuned, questions: questions, rationales: long }
  weighed:",
    );
    project
        .run(&["run", FILE, "too-long"])
        .code(1)
        .says(&format!("cannot attribute the rationale of question `{id}`, its "))
        .says("more than the model's 256 positions: shorten it with a transform");
}

#[test]
fn selections_that_do_not_say_what_they_keep_are_not_compared() {
    let project = Project::new(PIPELINE);
    project.edit(
        "stages:\n",
        "stages:
  masked:
    transform: { rationales: rationales, steps: [ { mask: { fraction: 0.5, with: null } } ] }
  agree:
    agreement: { of: rationales, reference: masked, selected: masked, match: exact }
",
    );
    project
        .run(&["run", FILE, "agree"])
        .code(1)
        .says("cannot compare the words of `selected`")
        .says("name a transform over the stage of `of` whose first and only step selects");
    project.edit("match: exact", "match: word");
    project.run(&["check", FILE]).code(2).says("expected one of: subword, exact");
}

#[test]
fn selections_by_scores_are_compared_shown_and_reported() {
    let project = Project::new(PIPELINE);
    project.edit(
        "  weighed:",
        "  often:
    transform: { rationales: rationales, steps: [ { keep_top: { fraction: 0.3, by: frequency, level: word } } ] }
  top:
    transform: { rationales: rationales, steps: [ { keep_top: { k: 6, attributions: weighed } } ] }
  same:
    agreement: { of: rationales, reference: often, selected: often, match: exact }
  agree:
    agreement: { of: rationales, reference: top, selected: often }
  answers:
    evaluate: { model: tuned, questions: questions, max_new: 2 }
  results:
    report: { scores: answers, agreement: [agree] }
  weighed:",
    );
    project.make();
    let shown = project.run(&["show", FILE, "same", "--limit", "1"]).code(0);
    shown
        .shows("12 rationales of 12 questions, matching: exact")
        .shows("precision    1.000 = ")
        .shows("[0.758, 1.000]");
    let all = project.run(&["show", FILE, "same", "--json", "--limit", "99"]).code(0).json();
    assert!(all.as_array().unwrap().iter().take(12).all(|row| row["shared"] == row["selected"]), "{all}");
    let report = project.run(&["show", FILE, "results"]).code(0);
    report.shows("## Agreement of selected words").shows("| saliency |").shows("| rationales |");
    let csv = fs_err::read_to_string(project.path("out/attributions/results/agreement.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + METHODS.len() * 8, "{csv}");
}
