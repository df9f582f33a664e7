//! Answers by likelihood, what is shown and exported of answers, and what two pipelines' answers differ in.

use serde_json::Value as Json;

use crate::runner::{FILE, Project, files};

const PIPELINE: &str = r#"retort: 1
experiment: scores
seed: 5

axes:
  placement: [none, after]

models:
  tiny: { new: { architecture: llama, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: synthetic, train: 48, dev: 8, test: 24 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  tuned:
    train:
      student: tiny
      questions: questions
      rationales: rationales
      placement: "${placement}"
      recipe: { lr: 5.0e-3, batch: 8, steps: 24, eval_every: 12 }
  answers:
    evaluate: { model: tuned, questions: questions }
  held:
    over: { by: [sum, mean, bytes] }
    evaluate: { model: tuned, questions: questions, score: { likelihood: { of: text, by: "${by}" } } }
  labels:
    evaluate: { model: tuned, questions: questions, score: likelihood }
"#;

fn rows(project: &Project, instance: &str) -> Vec<Json> {
    let shown = project.run(&["show", FILE, instance, "--json", "--limit", "1000"]).code(0).json();
    shown.as_array().unwrap().clone()
}

#[test]
fn choices_are_scored_once_whatever_they_are_compared_by() {
    let project = Project::new(PIPELINE);
    let events = project.make();
    // Each of the three ways of comparing reads what the first of them asked.
    let asked = |by: &str| events.progress(&format!("held[placement=after,by={by}]"));
    let told = ["sum", "mean", "bytes"].map(|by| !asked(by).is_empty());
    assert_eq!(told.into_iter().filter(|told| *told).count(), 1, "{told:?}");
    let of = |by: &str| rows(&project, &format!("held[placement=after,by={by}]"));
    let (sum, mean, bytes) = (of("sum"), of("mean"), of("bytes"));
    assert_eq!(sum.len(), 24);
    for ((sum, mean), bytes) in sum.iter().zip(&mean).zip(&bytes) {
        for choice in 0..2 {
            let field = |row: &Json, name: &str| row["likelihoods"][choice][name].as_f64().unwrap();
            let log = field(sum, "log_probability");
            assert!(log < 0.0 && (field(sum, "score") - log).abs() < 1e-12);
            assert!((field(mean, "score") - log / field(sum, "tokens")).abs() < 1e-12);
            assert!((field(bytes, "score") - log / field(sum, "bytes")).abs() < 1e-12);
        }
        let likelier = |row: &Json| {
            let of = |choice: usize| row["likelihoods"][choice]["score"].as_f64().unwrap();
            if of(1) > of(0) { "B" } else { "A" }
        };
        assert_eq!(sum["predicted"], likelier(sum));
    }
    project
        .run(&["show", FILE, "labels[placement=none]"])
        .code(0)
        .shows("of 24 questions (95 % Wilson interval), parsed 100.0 %")
        .shows("ms a question")
        .shows("expected calibration error")
        .shows("Brier score");
    // An incremental result equals a fresh one to the bit, also where some questions were asked in other company.
    project.edit("test: 24", "test: 31");
    let later = project.make();
    assert_eq!(later.progress("labels[placement=none]").last(), Some(&31));
    let fresh = Project::new(&fs_err::read_to_string(project.path(FILE)).unwrap());
    fresh.make();
    assert_eq!(project.digests(), fresh.digests());
}

const NOTHING_TO_ASK: &str = r#"retort: 1
experiment: nothing
seed: 5

models:
  tiny: { new: { architecture: llama, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: quarel, train: quarel.jsonl }
  tokens:
    tokenizer: { questions: questions, vocabulary: 300 }
  tuned:
    train: { student: tiny, questions: questions, placement: none, recipe: { steps: 1 } }
  answers:
    evaluate: { model: tuned, questions: questions }
"#;

#[test]
fn what_cannot_be_scored_is_named() {
    let project = Project::new(PIPELINE);
    project.edit("placement: [none, after]", "placement: [before]");
    // The file says so, before anything is trained.
    project.run(&["check", FILE]).code(2).says("`score: likelihood` needs a student that writes its label first");
    let mistakes = [
        ("score: likelihood }", "score: likelyhood }", "`score` cannot be"),
        ("score: likelihood }", "score: likelihood, max_new: 4 }", "`max_new` has no meaning with `score: likelihood`"),
    ];
    for (before, after, said) in mistakes {
        let project = Project::new(PIPELINE);
        project.edit(before, after);
        project.run(&["check", FILE]).code(2).says(said).says("likelihood");
    }
    let project = Project::new(NOTHING_TO_ASK);
    project.write("quarel.jsonl", "{\"id\":\"q\",\"question\":\"Which? (A) this (B) that\",\"answer_index\":1}\n");
    project.run(&["run", FILE]).code(1).says("split `test` has no question with a known answer");
}

#[test]
fn outcomes_and_curves_are_exported() {
    let project = Project::new(PIPELINE);
    project.run(&["export", FILE, "--outcomes", "outcomes.csv"]).code(3).says("no current result for");
    project.make();
    project.run(&["export", FILE, "--outcomes", "outcomes.csv"]).code(0).shows("240 outcomes of 10 instances");
    let text = fs_err::read_to_string(project.path("outcomes.csv")).unwrap();
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let headings = csv.headers().unwrap().clone();
    let column = |name: &str| headings.iter().position(|heading| heading == name).unwrap();
    let all: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(all.len(), 240);
    for row in &all {
        assert!(["none", "after"].contains(&&row[column("placement")]));
        assert_eq!(row[column("by")].is_empty(), !row[column("instance")].starts_with("held"));
        assert!(row[column("took_ms")].parse::<f64>().unwrap() > 0.0);
        let scored = &row[column("stage")] != "answers";
        assert_eq!(row[column("confidence")].parse::<f64>().is_ok_and(|share| (0.5..=1.0).contains(&share)), scored);
        assert_eq!(row[column("correct")] == *"true", row[column("answer")] == row[column("predicted")]);
    }
    let only = project.run(&["export", FILE, "answers[placement=after]", "--outcomes", "-"]).code(0);
    assert_eq!(csv::Reader::from_reader(only.stdout.as_bytes()).records().count(), 24);

    project.run(&["export", FILE, "--tensorboard", "curves"]).code(0).shows("curves of 2 trainings");
    let written: Vec<_> =
        files(&project.path("curves")).into_iter().filter(|path| !path.ends_with(".retort-wrote.json")).collect();
    assert_eq!(written.len(), 2, "{written:?}");
    for file in &written {
        assert!(file.file_name().unwrap().to_string_lossy().starts_with("events.out.tfevents."));
        let bytes = fs_err::read(file).unwrap();
        let holds = |tag: &[u8]| bytes.windows(tag.len()).filter(|part| *part == tag).count();
        assert_eq!((holds(b"train/loss"), holds(b"train/grad_norm"), holds(b"eval/accuracy")), (24, 24, 2));
    }

    project.run(&["export", FILE]).code(2).says("needs an instance and a directory");
    project.run(&["export", FILE, "questions", "--outcomes", "x.csv"]).code(2).says("makes scores");
    project.edit("lr: 5.0e-3", "lr: 4.0e-3");
    project.run(&["export", FILE, "--outcomes", "outcomes.csv"]).code(3).says("retort run");
}

#[test]
fn two_pipelines_are_compared_by_parameters_accuracies_and_questions() {
    let project = Project::new(PIPELINE);
    project.make();
    let text = fs_err::read_to_string(project.path(FILE)).unwrap();
    // Not run yet: its parameters differ, and nothing is known of its answers.
    project.write("other.yaml", &text.replace("lr: 5.0e-3", "lr: 2.0e-3"));
    let before = project.run(&["diff", FILE, "other.yaml"]).code(0);
    let before = before.shows("recipe.lr: 0.005 → 0.002").shows("tuned[placement=after]");
    assert!(!before.stdout.contains("answers["), "{before}");
    project.run(&["run", "other.yaml"]).code(0);
    let limited = project.run(&["diff", FILE, "other.yaml", "--limit", "1"]).code(0);
    limited
        .shows("pipeline.yaml (scores) → other.yaml (scores)")
        .shows("last loss")
        .shows("accuracy %, 95 % intervals")
        .shows("questions answered differently");
    let json = project.run(&["diff", FILE, "other.yaml", "--json"]).code(0).json();
    let instances = json["instances"].as_array().unwrap();
    let held = instances.iter().find(|line| line["instance"] == "held[placement=after,by=sum]").unwrap();
    let accuracy = &held["accuracy"];
    for side in ["before", "after"] {
        let of = |end: &str| accuracy[side][end].as_f64().unwrap();
        assert!(of("low") <= of("value") && of("value") <= of("high"), "{accuracy}");
    }
    let compared = &accuracy["compared"];
    assert_eq!(compared["questions"], 24);
    let difference = accuracy["after"]["value"].as_f64().unwrap() - accuracy["before"]["value"].as_f64().unwrap();
    assert!((compared["difference"]["value"].as_f64().unwrap() - difference).abs() < 1e-12, "{accuracy}");
    let changed: Vec<&str> =
        compared["changed"].as_array().unwrap().iter().map(|change| change["question"].as_str().unwrap()).collect();
    let (old, new) = (rows(&project, "held[placement=after,by=sum]"), {
        let shown = project.run(&["show", "other.yaml", "held[placement=after,by=sum]", "--json", "--limit", "99"]);
        shown.code(0).json().as_array().unwrap().clone()
    });
    let differing = old.iter().zip(&new).filter(|(old, new)| old["predicted"] != new["predicted"]);
    let differing: Vec<&str> = differing.map(|(old, _)| old["id"].as_str().unwrap()).collect();
    assert_eq!(changed, differing);
    project.run(&["diff", FILE, FILE]).code(0).shows("the same keys in all");
    project.run(&["diff", "last", "other.yaml"]).code(0).shows("the same keys in all");
    project.run(&["diff", "nothing.yaml", FILE]).code(2);

    // Students that answered different questions are compared with nothing.
    project.write(
        "elsewhere.yaml",
        &text.replace(
            "evaluate: { model: tuned, questions: questions }",
            "evaluate: { model: tuned, questions: questions, split: dev }",
        ),
    );
    project.run(&["run", "elsewhere.yaml"]).code(0);
    project.run(&["diff", FILE, "elsewhere.yaml"]).code(0).shows("none of which is the same");
}
