//! Several targets a question, and several datasets in one training.

use serde_json::Value as Json;

use crate::paper::pipeline;
use crate::runner::{FILE, Project};

const PIPELINE: &str = r#"retort: 1
experiment: targets
seed: 3

models:
  tiny: { new: { layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }

fragments:
  training:
    student: tiny
    questions: questions
    recipe: { lr: 2.0e-3, batch: 4, steps: 6, group_by_length: true }

stages:
  questions:
    dataset: { format: synthetic, train: 24, dev: 4, test: 4 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }

  plain:
    train: { use: training, placement: none }
  step-by-step:
    over: { lambda: [0, 0.5, 1] }
    train:
      use: training
      rationales: rationales
      targets:
        - { name: label, placement: none, prefix: "[label] " }
        - { placement: alone, prefix: "[rationale] ", weight: "${lambda}" }
  reasons:
    train:
      use: training
      rationales: rationales
      recipe: { lr: 2.0e-3, batch: 4, steps: 2, eval_every: 2, eval_questions: 2, eval_max_new: 4 }
      targets: [ { placement: alone, prefix: "Why? " }, { placement: before }, { placement: after, prompt: short.jinja } ]
  answers:
    evaluate: { model: step-by-step, questions: questions, max_new: 8 }
  answers-of-reasons:
    over: { target: [before, after] }
    evaluate: { model: reasons, questions: questions, max_new: 8, target: "${target}" }
  results:
    report: { scores: answers, training: step-by-step, rows: lambda }
"#;

fn project() -> Project {
    let project = Project::new(PIPELINE);
    project.write("short.jinja", "{{ question }}");
    project
}

fn shown(project: &Project, name: &str) -> Json {
    project.run(&["show", FILE, name, "--json"]).code(0).json()
}

fn part(project: &Project, name: &str, part: &str) -> Json {
    let folder = format!("exported-{name}");
    project.run(&["export", FILE, name, &folder]).code(0);
    serde_json::from_slice(&fs_err::read(project.path(&format!("{folder}/{part}"))).unwrap()).unwrap()
}

#[test]
fn a_student_learns_several_targets_that_are_reported_apart() {
    let project = project();
    project.make();
    let log = shown(&project, "step-by-step[lambda=0.5]");
    let targets = log["targets"].as_array().unwrap();
    let names: Vec<&str> = targets.iter().map(|target| target["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["label", "alone"]);
    assert_eq!(
        (&targets[0]["examples"], &targets[1]["examples"], &log["examples"]),
        (&24.into(), &24.into(), &48.into())
    );
    // The loss of a step is the sum of weight · loss.
    for (step, loss) in log["losses"].as_array().unwrap().iter().enumerate() {
        let of = |target: usize| targets[target]["losses"][step].as_f64().unwrap();
        assert!((loss.as_f64().unwrap() - (of(0) + 0.5 * of(1))).abs() < 1e-4, "step {step}");
    }
    let text = project.run(&["show", FILE, "step-by-step[lambda=0.5]"]).code(0);
    text.shows("target alone: 24 examples, weight 0.5").shows("loss of alone");

    // A target that weighs nothing is none: labels alone, behind their prefix.
    let without = shown(&project, "step-by-step[lambda=0]");
    assert_eq!(without["targets"].as_array().unwrap().len(), 1);
    let page = fs_err::read_to_string(project.path("out/targets/results/report.md")).unwrap();
    for expected in ["Targets", "| label", "| alone", "The loss of each target by optimiser step"] {
        assert!(page.contains(expected), "{expected}: {page}");
    }

    // A student is asked as the first target with an answer says, and by name as any other.
    let usage = part(&project, "step-by-step[lambda=1]", "usage.json");
    assert!(usage["prompt"].as_str().unwrap().starts_with(r#"{{ "[label] " }}"#), "{usage}");
    assert_eq!(usage["format"]["placement"], "none");
    let usage = part(&project, "reasons", "usage.json");
    assert_eq!(usage["format"]["placement"], "before");
    assert_eq!(usage["targets"][2]["prompt"], "{{ question }}");
    assert!(project.stale().is_empty());

    // Another weight is another student; nothing else runs.
    project.edit("lambda: [0, 0.5, 1]", "lambda: [0, 0.25, 1]");
    let stale = project.stale();
    assert!(stale.contains("step-by-step[lambda=0.25]"), "{stale:?}");
    assert!(!stale.contains("step-by-step[lambda=1]"), "{stale:?}");
}

#[test]
fn what_targets_cannot_be_is_named() {
    for (before, after, said) in [
        ("placement: none }\n  step", "labels: gold }\n  step", "missing field `placement`"),
        ("      targets:\n", "      placement: none\n      targets:\n", "`placement` says nothing beside `targets`"),
        ("{ placement: before }", "{ placement: alone }", "two targets are called `alone`"),
        ("{ placement: before }", "{ name: ' ', placement: before }", "a target has a blank `name`"),
        (
            "name: label, placement: none",
            "name: label, placement: alone",
            "no target with an answer has a weight above 0",
        ),
        ("name: label, placement: none,", "name: label, weight: 0, placement: none,", "no target with an answer"),
        (
            "placement: alone, prefix: \"[r",
            "placement: only, prefix: \"[r",
            "expected one of: none, before, after, both, alone",
        ),
        ("weight: \"${lambda}\"", "weight: -1", "expected a number, 0 or more"),
        ("{ placement: before }", "{ placement: before, weigth: 1 }", "did you mean `weight`?"),
        (
            "      rationales: rationales\n      targets:",
            "      targets:",
            "a target with a rationale needs `rationales`",
        ),
        (
            "      targets:\n",
            "      think: { open: <t>, close: </t> }\n      targets:\n",
            "`think` puts brackets around a rationale that stands before its label, and no target has one: their placements are \
             `alone`, `none`",
        ),
        ("target: [before, after]", "target: [1]", "`target` cannot be"),
    ] {
        let project = project();
        project.edit(before, after);
        project.run(&["check", FILE]).code(2).says(said);
    }
    // Whether the label comes first is that of the target that is asked for.
    for (target, code) in [("after", 0), ("before", 2)] {
        let project = project();
        project.edit("target: [before, after]", &format!("target: [{target}]"));
        project.edit("max_new: 8, target: \"${target}\"", "score: likelihood, target: \"${target}\"");
        project.run(&["check", FILE]).code(code);
    }
    let project = project();
    project.edit("target: [before, after]", "target: [alone]");
    project.run(&["run", FILE]).code(1).says("this target is a rationale without an answer");
    project.edit("target: [alone]", "target: [befor]");
    project.run(&["run", FILE]).code(1).says("it knows `alone`, `before`, `after`");
    project.edit("model: reasons,", "model: plain,");
    project.run(&["run", FILE]).code(1).says("the student was trained without `targets`");
    project.write("short.jinja", "{{ answr }}");
    project.run(&["check", FILE]).fails().says("there is no variable `answr`");
}

/// Targets are the value of an axis, and what puts brackets around thoughts does so in each that has any.
#[test]
fn a_list_of_targets_is_the_value_of_an_axis() {
    let head = PIPELINE.split("  plain:").next().unwrap();
    let stages = r#"  thinking:
    over:
      form:
        values:
          both: [ { placement: none, prefix: "[label] " }, { placement: before, prefix: "[think] " } ]
          thoughts: [ { placement: before } ]
          label: [ { placement: none } ]
    train:
      use: training
      rationales: rationales
      placement: none
      think: { open: "<think>", close: "</think>" }
      targets: "${form}"
      recipe: { lr: 2.0e-3, batch: 4, steps: 2 }
  answers:
    over: { target: [none, before] }
    where: { form: both }
    evaluate: { model: thinking, questions: questions, max_new: 8, target: "${target}" }
"#;
    let text = format!("{head}{stages}").replace("placement: none\n      think", "think");
    let project = Project::new(&text);
    project.make();
    let usage = |form: &str| part(&project, &format!("thinking[form={form}]"), "usage.json");
    for (form, targets, thinks) in [("both", 2, true), ("thoughts", 1, true), ("label", 1, false)] {
        let usage = usage(form);
        assert_eq!(usage["targets"].as_array().unwrap().len(), targets, "{form}: {usage}");
        assert_eq!(usage["format"]["think"].is_object(), thinks, "{form}: {usage}");
    }
    assert!(project.stale().is_empty());
    // Other targets of one value are another student; those of the other values stay.
    project.edit("prefix: \"[think] \"", "prefix: \"[why] \"");
    let stale = project.stale();
    assert!(stale.contains("thinking[form=both]") && !stale.contains("thinking[form=thoughts]"), "{stale:?}");
    project.run(&["plan", FILE, "--set", "form=label"]).code(2);
    project.run(&["plan", FILE, "thinking", "--set", "form=lable"]).code(2).says("did you mean `label`?");
    // Written plainly, brackets around nothing are a mistake.
    project.edit("\"${form}\"", "[ { placement: none } ]");
    project.run(&["check", FILE]).code(2).says("`think` puts brackets around a rationale");
}

const MIXED: &str = r#"retort: 1
experiment: mixed
seed: 3

models:
  tiny: { new: { layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }

fragments:
  training:
    student: tiny
    recipe: { lr: 2.0e-3, batch: 4, steps: 2, eval_every: 2, eval_questions: 1, eval_max_new: 4 }

stages:
  choices:
    dataset: { format: synthetic, train: 24, dev: 4, test: 4 }
  sums:
    dataset: { format: synthetic, task: arithmetic, train: 30, dev: 4, test: 4 }
  of-choices:
    elicit: { questions: choices, split: train, teacher: gold }
  of-sums:
    elicit: { questions: sums, split: train, teacher: gold }
  strays:
    elicit: { questions: choices, split: dev, teacher: gold }
  tokens:
    tokenizer: { questions: [choices, sums], rationales: [of-choices, of-sums], vocabulary: 400 }
  mixed:
    over: { placement: [none, after] }
    train:
      use: training
      placement: "${placement}"
      questions:
        - { questions: choices, rationales: of-choices, proportion: 1 }
        - { questions: sums, rationales: of-sums, proportion: 3 }
  all:
    train:
      use: training
      targets: [ { placement: none, prefix: "[label] " }, { placement: alone, prefix: "[rationale] " } ]
      questions: [ { questions: choices, rationales: of-choices }, { questions: sums, rationales: of-sums } ]
  answers:
    over: { about: [choices, sums] }
    evaluate: { model: mixed, questions: "${about}", max_new: 8 }
  results:
    report: { scores: answers, training: mixed, rows: placement, columns: about }
"#;

#[test]
fn datasets_are_mixed_in_proportion_whatever_their_answers() {
    let project = Project::new(MIXED);
    project.make();
    let counts = |name: &str| {
        let log = shown(&project, name);
        let datasets = log["datasets"].as_array().unwrap().clone();
        let count = |of: &Json, what: &str| of[what].as_u64().unwrap();
        (datasets.iter().map(|of| (count(of, "trained"), count(of, "questions"))).collect::<Vec<_>>(), log)
    };
    // Thirty sums are three quarters of a mixture with ten questions of choices.
    for placement in ["none", "after"] {
        assert_eq!(counts(&format!("mixed[placement={placement}]")).0, [(10, 24), (30, 30)]);
    }
    let (all, log) = counts("all");
    assert_eq!(all, [(24, 24), (30, 30)]);
    assert_eq!(log["examples"], 108);
    assert_eq!(log["targets"][1]["examples"], 54);
    let page = fs_err::read_to_string(project.path("out/mixed/results/report.md")).unwrap();
    assert!(page.contains("Trained on 10 of 24 questions of dataset 1, 30 of 30 questions of dataset 2"), "{page}");
    // Questions of both kinds are asked as their answers need.
    let usage = part(&project, "all", "usage.json");
    assert!(usage["prompt"].as_str().unwrap().contains("{% if choices %}"), "{usage}");
    // Labels alone need no rationales, so that other rationales make no other student.
    project.edit(
        "questions: sums, rationales: of-sums, proportion: 3",
        "questions: sums, rationales: strays, proportion: 3",
    );
    assert!(!project.stale().contains("mixed[placement=none]"), "{:?}", project.stale());
    project.run(&["run", FILE]).code(1).says("`questions[1]`: none of the 30 questions");
}

#[test]
fn what_a_mixture_cannot_be_is_named() {
    for (before, after, said) in [
        ("proportion: 3", "proportion: 0", "expected a number above 0"),
        (", proportion: 3", "", "`questions[1]` has no `proportion`, and others have one"),
        ("sums, rationales: of-sums, p", "sums, p", "`questions[1]` has no `rationales`, which a target needs"),
        (
            "      use: training\n      placement",
            "      use: training\n      rationales: of-sums\n      placement",
            "each has its own rationales",
        ),
        ("      questions:\n        - {", "      questions: []\n      else:\n        - {", "names no dataset"),
        (
            "questions: sums, rationales: of-sums, proportion",
            "questions: sum, rationales: of-sums, proportion",
            "did you mean `sums`?",
        ),
        ("rationales: of-sums, proportion", "rationals: of-sums, proportion", "did you mean `rationales`?"),
    ] {
        let project = Project::new(MIXED);
        project.edit(before, after);
        project.run(&["check", FILE]).code(2).says(said);
    }
    let project = Project::new(MIXED);
    project.edit("proportion: 1 }", "proportion: 0.001 }");
    project.run(&["run", FILE]).code(1).says("its proportion beside the smallest dataset leaves none of them");
}

/// Runs a small pipeline at a tiny limit, and returns its report.
fn made(name: &str, few: &[&str]) -> String {
    let project = Project::new("");
    let file = pipeline(&format!("small/{name}"));
    project.run(&[&["run", file.as_str(), "--progress", "plain"], few].concat()).code(0);
    let again = project.run(&[&["plan", file.as_str(), "--json"], few].concat()).code(0).json();
    assert_eq!(again["counts"]["hits"].as_u64().unwrap() as usize, again["instances"].as_array().unwrap().len());
    fs_err::read_to_string(project.path(&format!("out/small-{name}/results/report.md"))).unwrap()
}

#[test]
fn the_small_pipelines_of_other_datasets_run() {
    let page = made("gsm8k", &["--set", "rows=24", "--set", "asked=4", "--set", "epochs=1"]);
    assert!(page.contains("tuned-corrupted"), "{page}");
    let page = made("esnli", &["--set", "epochs=1", "--set", "lambda=1.0"]);
    assert!(page.contains("Targets") && page.contains("rationale"), "{page}");
    let page = made("own-data", &["--set", "epochs=1"]);
    assert!(page.contains("questions of dataset 2"), "{page}");
}

#[test]
fn the_large_pipelines_are_planned() {
    let project = Project::new("");
    let head = "pairID,gold_label,Sentence1,Sentence2,Explanation_1\n";
    for (file, id) in [("train_1", "a"), ("dev", "b"), ("test", "c")] {
        let row = format!("{id},neutral,A man sings {id}.,He is famous.,Not all who sing are famous.\n");
        project.write(&format!("data/esnli/esnli_{file}.csv"), &(head.to_owned() + &row));
    }
    for (file, id) in [("train", "a"), ("test", "b")] {
        let row =
            format!("{{\"id\":\"{id}\",\"question\":\"One and {id}?\",\"answer\":\"2\",\"solution\":\"Count.\"}}\n");
        project.write(&format!("data/own/{file}.jsonl"), &row);
    }
    project.write("data/own/others.csv", "problem,steps,result\nTwo and two?,Count.,4\n");
    let data = format!("data={}", project.path("data").display());
    for (name, trainings) in [("gsm8k", 13), ("esnli", 5), ("own-data", 7)] {
        let planned = project.run(&["plan", &pipeline(name), "--root", &data, "--json"]).code(0).json();
        let trained = planned["instances"].as_array().unwrap().iter().filter(|instance| {
            let named = instance["instance"].as_str().unwrap();
            ["tuned", "baseline", "one-text", "step-by-step"].iter().any(|stage| named.starts_with(stage))
        });
        assert_eq!(trained.count(), trainings, "{name}: {planned}");
    }
}
