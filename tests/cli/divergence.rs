//! A student learns from a teacher's distributions, from end to end, and what does not go together is named.

use serde_json::Value as Json;

use crate::paper::pipeline;
use crate::runner::{FILE, Project};
use crate::tiny_models;
use retort::model::Architecture;

const PIPELINE: &str = r#"retort: 1
experiment: divergence
seed: 3

models:
  large: { new: { architecture: llama, layers: 2, width: 32, heads: 4, context: 256, tokenizer: tokens } }
  small: { new: { architecture: gpt2, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }

fragments:
  sequences: { questions: questions, rationales: rationales, placement: before }

stages:
  questions:
    dataset: { format: table, train: rows.csv, question: q, answer: a, answers: number, rationale: why }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 300 }
  teacher:
    train: { use: sequences, student: large, recipe: { lr: 3.0e-3, batch: 4, steps: 8 } }
  logits:
    teacher_logits: { use: sequences, student: small, model: teacher, top: 8 }
  taught:
    over: { weight: [0, 0.5, 1] }
    train:
      use: sequences
      student: small
      recipe: { lr: 3.0e-3, batch: 4, steps: 6, divergence: { teacher: logits, kind: reverse, weight: "${weight}", temperature: 2 } }
  plain:
    train: { use: sequences, student: small, recipe: { lr: 3.0e-3, batch: 4, steps: 6 } }
"#;

fn rows(changed: &str) -> String {
    let row = |at: usize| format!("What is {at} and {at}?,{at} and {at} is {}.,{}\n", 2 * at, 2 * at);
    let rows: String = (1..9).map(row).collect();
    format!("q,why,a\n{rows}What is {changed}?,It is seven.,7\n")
}

fn project(pipeline: &str) -> Project {
    let project = Project::new(pipeline);
    project.write("rows.csv", &rows("three and four"));
    project
}

#[test]
fn the_arms_of_a_distillation_are_trained() {
    let project = project(PIPELINE);
    let plan = project.run(&["plan", FILE]).code(0);
    assert!(plan.stdout.contains("logits"), "{plan}");
    project.make();
    let digests = project.digests();
    // Without weight a teacher has no part in it.
    let weights = |name: &str| digests[name]["weights"].clone();
    assert_eq!(weights("taught[weight=0]"), weights("plain"));
    assert_ne!(weights("taught[weight=0.5]"), weights("plain"));
    assert_ne!(weights("taught[weight=0.5]"), weights("taught[weight=1]"));
    assert_eq!(digests["logits"].keys().collect::<Vec<_>>(), ["logits", "rows", "tokenizer"]);
    // What is shown: the tokens of each place with what the teacher holds likely.
    project
        .run(&["show", FILE, "logits", "--limit", "2"])
        .code(0)
        .shows("9 sequences")
        .shows("the 8 likeliest tokens of a place have")
        .shows("probability")
        .shows("rationale 0: tokens");
    let shown = project.run(&["show", FILE, "logits", "--json", "--limit", "99"]).code(0).json();
    let shown = shown.as_array().unwrap();
    assert_eq!(shown.len(), 9);
    for place in shown.iter().flat_map(|row| row["places"].as_array().unwrap()) {
        let top: Vec<f64> =
            place["top"].as_array().unwrap().iter().map(|one| one["probability"].as_f64().unwrap()).collect();
        assert_eq!(top.len(), 8);
        assert!(top.windows(2).all(|pair| pair[0] >= pair[1]), "{place}");
        assert!((top.iter().sum::<f64>() + place["rest"].as_f64().unwrap() - 1.0).abs() < 1e-5, "{place}");
    }
    project.run(&["show", FILE, "logits", "--row", "nobody"]).fails().says("no row has the id `nobody`");
    project.run(&["explain", FILE]).code(0);
    project.run(&["export", FILE, "logits", "there"]).code(0);
    // Another teacher's place in the loss concerns those that have one.
    project.edit("temperature: 2 }", "temperature: 3 }");
    assert_eq!(
        project.stale().into_iter().collect::<Vec<_>>(),
        ["taught[weight=0.5]", "taught[weight=0]", "taught[weight=1]"]
    );
    project.run(&["explain", FILE, "taught[weight=1]"]).code(0).shows("recipe.divergence.temperature: 2.0 → 3.0");
}

/// The sequences that a run was told of as it asked the teacher.
fn asked(project: &Project) -> Vec<u64> {
    project.make().progress("logits")
}

#[test]
fn a_changed_question_asks_the_teacher_about_one_sequence() {
    let text = PIPELINE
        .replace(
            "train: { use: sequences, student: large, recipe: { lr: 3.0e-3, batch: 4, steps: 8 } }",
            "pretrained: { student: { path: model } }",
        )
        .replace("student: small", "student: { path: model }")
        .replace("placement: before", "placement: before, marker_as: text");
    let project = project(&text);
    tiny_models::write(&project, "model", Architecture::Llama, "llama-3", ["<|begin_of_text|>", "<|end_of_text|>"]);
    assert_eq!(asked(&project), [0, 9]);
    project.write("rows.csv", &rows("six and one"));
    // Eight of nine are there; the last one is asked about.
    assert_eq!(asked(&project), [8, 9]);
    let fresh = self::project(&text).with_cache(&project.path("other"));
    fresh.write("rows.csv", &rows("six and one"));
    tiny_models::write(&fresh, "model", Architecture::Llama, "llama-3", ["<|begin_of_text|>", "<|end_of_text|>"]);
    fresh.make();
    assert_eq!(fresh.digests()["logits"], project.digests()["logits"], "as if nothing had been there");
    assert_eq!(fresh.digests()["taught[weight=1]"], project.digests()["taught[weight=1]"]);
    // The same model by its path is asked without a stage.
    project.edit("model: teacher", "model: { path: model }");
    project.make();
    assert_eq!(fresh.digests()["logits"], project.digests()["logits"]);
}

/// Says what is wrong with a pipeline, before anything runs or while it does.
#[track_caller]
fn wrong(changes: &[(&str, &str)], command: &str, said: &[&str]) {
    let text = changes.iter().fold(PIPELINE.to_owned(), |text, (before, after)| {
        assert!(text.contains(before), "the pipeline has no `{before}`");
        text.replace(before, after)
    });
    let project = project(&text);
    tiny_models::write(&project, "one", Architecture::Llama, "llama-3", ["<|begin_of_text|>", "<|end_of_text|>"]);
    tiny_models::write(&project, "two", Architecture::Llama, "gpt2", ["<|endoftext|>", "<|endoftext|>"]);
    let output = project.run(&[command, FILE]).fails();
    for said in said {
        assert!(output.stderr.contains(said), "`{said}` is not said:\n{output}");
    }
}

#[test]
fn what_does_not_go_together_is_found_before_anything_runs() {
    let logits = "teacher_logits: { use: sequences, student: small, model: teacher, top: 8 }";
    let text = ("placement: before }", "placement: before, marker_as: text }");
    for (changes, said) in [
        (
            vec![("temperature: 2", "temperature: 0")],
            &["`recipe.divergence.temperature` cannot be", "a number above 0"][..],
        ),
        (vec![("temperature: 2", "temperature: -1")], &["`recipe.divergence.temperature` cannot be"]),
        (vec![("[0, 0.5, 1]", "[0, 1.5]")], &["`recipe.divergence.weight` cannot be", "from 0 to 1"]),
        (vec![("kind: reverse", "kind: backward")], &["expected one of: forward, reverse, jsd"]),
        (vec![("teacher: logits", "teacher: rationales")], &["rationales"]),
        (vec![("teacher: logits, ", "")], &["missing field `teacher`"]),
        (vec![("top: 8", "top: 0")], &["`top` cannot be"]),
        (vec![("model: teacher", "model: nobody")], &["unknown stage `nobody`"]),
        (vec![("model: teacher", "model: small")], &["a teacher that starts at random has nothing to teach"]),
        // Sequences that are known to differ.
        (
            vec![(
                logits,
                "teacher_logits: { use: sequences, student: small, model: teacher, top: 8, marker_as: text }",
            )],
            &["`logits` has other sequences than this stage trains on: `marker_as` differs", "from one fragment"],
        ),
        // Models that are there, with other tokenizers, and a vocabulary that is too small.
        (
            vec![
                text,
                (logits, "teacher_logits: { use: sequences, student: { path: two }, model: { path: one }, top: 8 }"),
            ],
            &["teacher and student must have one tokenizer", "in the student's"],
        ),
        (
            vec![(logits, "teacher_logits: { use: sequences, student: { path: one }, model: { path: one }, top: 8 }")],
            &["the token `[FIN_LABEL]` has the id", "no id in the teacher's", "marker_as: text"],
        ),
        (
            vec![
                text,
                (
                    logits,
                    "teacher_logits: { use: sequences, student: { path: one }, model: { path: one }, top: 99999 }",
                ),
            ],
            &["`top: 99999` is more than the", "lower it"],
        ),
    ] {
        wrong(&changes, "check", said);
    }
}

#[test]
fn what_only_a_run_can_know_is_named() {
    let logits = "teacher_logits: { use: sequences, student: small, model: teacher, top: 8 }";
    for (changes, said) in [
        (vec![("top: 8", "top: 400")], &["`top: 400` is more than the"][..]),
        (
            vec![
                (
                    logits,
                    "teacher_logits: { use: sequences, student: small, model: teacher, top: 8, rationales: short }",
                ),
                (
                    "  tokens:\n",
                    "  short:\n    transform: { rationales: rationales, steps: [ { truncate: { keep: 2, level: word } } ] }\n  tokens:\n",
                ),
            ],
            &["the teacher was shown another sequence than the student is trained on", "same fields"],
        ),
        (
            vec![
                (
                    logits,
                    "teacher_logits: { use: sequences, student: small, model: teacher, top: 8, rationales: few, missing: drop }",
                ),
                (
                    "  tokens:\n",
                    "  few:\n    transform: { rationales: rationales, steps: [ { filter: { words_max: 3 } } ] }\n  tokens:\n",
                ),
            ],
            &["the teacher was not asked about question", "same `questions`"],
        ),
        (
            vec![
                ("width: 32, heads: 4, context: 256", "width: 32, heads: 4, context: 30"),
                ("student: large, recipe", "student: large, placement: none, recipe"),
            ],
            &["has a sequence of", "the teacher takes 30", "max_length"],
        ),
        (
            vec![("student: large, recipe", "student: large, add_tokens: [more], recipe")],
            &["teacher and student must have one tokenizer", "the token `more` has no id in the student's"],
        ),
    ] {
        wrong(&changes, "run", said);
    }
}

#[test]
fn every_kind_of_sequence_can_be_taught() {
    for (before, after) in [
        ("placement: before }", "placement: after, loss: sequence }"),
        ("placement: before }", "placement: both, labels: shuffled }"),
        (
            "placement: before }",
            "answer_form: \"So {answer}.\", placement: before, think: { open: \"<t>\", close: \"</t>\" } }",
        ),
        (
            "placement: before }",
            "targets: [ { placement: none, prefix: \"[a] \" }, { placement: alone, prefix: \"[b] \", weight: 0.5 } ] }",
        ),
        ("kind: reverse", "kind: jsd"),
        (
            "batch: 4, steps: 6, divergence",
            "batch: 2, accumulate: 2, steps: 4, lora: { rank: 2 }, group_by_length: true, divergence",
        ),
        ("steps: 6, divergence", "steps: 6, eval_every: 2, patience: 1, eval_by: generation, divergence"),
    ] {
        let text = PIPELINE.replace("over: { weight: [0, 0.5, 1] }", "over: { weight: [0.5] }").replace(before, after);
        let text = text.replace("train: rows.csv,", "train: rows.csv, dev: rows.csv,");
        assert_ne!(text, PIPELINE, "{before}");
        let project = project(&text);
        project.make();
        let log = project.run(&["show", FILE, "taught", "--json"]).code(0).json();
        let losses: Vec<&Json> = log["losses"].as_array().unwrap().iter().collect();
        assert!(losses.len() > 1 && losses.iter().all(|loss| loss.is_number()), "{after}: {log}");
    }
}

#[test]
fn the_small_pipeline_runs() {
    let project = Project::new("");
    let file = pipeline("small/divergence");
    let few = ["--set", "rows=24", "--set", "asked=4", "--set", "epochs=1"];
    project.run(&[&["run", file.as_str(), "--progress", "plain"], &few[..]].concat()).code(0);
    let page = fs_err::read_to_string(project.path("out/small-divergence/results/report.md")).unwrap();
    assert!(page.contains("weight"), "{page}");
    let again = project.run(&[&["plan", file.as_str(), "--json"], &few[..]].concat()).code(0).json();
    assert_eq!(again["counts"]["hits"].as_u64().unwrap() as usize, again["instances"].as_array().unwrap().len());
}
