//! Which weights are kept: the best, those of each evaluation, or none.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::pipelines::{SLOW, TRAINED};
use crate::runner::{FILE, Project};
use crate::stopped::{interrupt, training};

/// Two students, the second trained on what the first was found to look at; none of their weights are kept.
fn none() -> Project {
    let project = Project::new(TRAINED);
    project.edit("      placement: before\n", "      placement: before\n      keep: none\n");
    project
}

/// Returns the file of the part of an instance.
fn file_of(project: &Project, instance: &str, part: &str) -> PathBuf {
    project.blob(&project.digests()[instance][part])
}

/// Counts the instances of a stage whose weights are there.
fn weights_there(project: &Project, stage: &str) -> usize {
    let plan = project.plan().into_iter().filter(|(name, verdict, _)| name.starts_with(stage) && verdict == "hit");
    let record =
        |fingerprint: Option<String>| fs_err::read_to_string(&project.records(&fingerprint.unwrap())[0]).unwrap();
    let digest = |record: String| {
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        record["outputs"]["weights"]["digest"].as_str().unwrap().to_owned()
    };
    plan.filter(|(.., fingerprint)| project.blob(&digest(record(fingerprint.clone()))).exists()).count()
}

fn weights(project: &Project) -> BTreeSet<String> {
    let students = ["tuned[fraction=0.4]", "tuned[fraction=0.8]", "again[fraction=0.4]", "again[fraction=0.8]"];
    students.into_iter().filter(|name| file_of(project, name, "weights").exists()).map(str::to_owned).collect()
}

#[test]
fn weights_that_are_not_kept_go_and_are_made_again_for_what_needs_them() {
    let (kept, project) = (Project::new(TRAINED), none());
    kept.make();
    let events = project.make();
    assert_eq!(weights(&project), BTreeSet::new());
    let evicted: BTreeSet<String> = events.instances("evicted").into_iter().collect();
    assert_eq!(evicted.len(), 4, "{evicted:?}");
    assert_eq!(project.digests(), kept.digests(), "what is made is the same");
    let verified = project.run(&["cache", "verify"]).code(0);
    assert!(verified.stdout.contains("4 blobs not kept, as their stages ask"), "{verified}");
    assert_eq!(project.stale(), BTreeSet::new(), "nothing needs them");
    assert_eq!(project.make().instances("started"), [""; 0]);

    // A further stage needs those of one student.
    project.edit(
        "max_new: 16 }",
        "max_new: 16 }\n  first:\n    where: { fraction: 0.4 }\n    evaluate: { model: tuned, questions: questions, split: dev, max_new: 16 }",
    );
    let plan = project.run(&["plan", FILE]).code(0);
    assert!(plan.stdout.contains("`weights` not kept"), "{plan}");
    let explained = project.run(&["explain", FILE, "tuned"]).code(0);
    let remade = project.stale();
    let expected = ["first[fraction=0.4]", "tuned[fraction=0.4]"].map(str::to_owned);
    assert_eq!(remade, BTreeSet::from(expected), "{explained}");
    let events = project.make();
    assert_eq!(events.ran(), remade);
    assert_eq!(events.instances("evicted"), ["tuned[fraction=0.4]"]);
    assert_eq!(project.make().instances("started"), [""; 0]);
    project.assert_clean();
}

#[test]
fn weights_that_somebody_names_are_made_again_and_stay() {
    let project = none();
    project.make();
    let name = "tuned[fraction=0.8]";
    let export = |project: &Project| project.run(&["export", FILE, name, "student"]);
    export(&project)
        .code(3)
        .says("the weights of `tuned[fraction=0.8]` were not kept once all that reads them was done")
        .says("`retort run pipeline.yaml 'tuned[fraction=0.8]' --cache ")
        .says("makes them again");
    project.run(&["show", FILE, name]).code(0).shows("12 steps");
    let plan = project.run(&["plan", FILE, name, "--json"]).code(0).json();
    let verdicts = plan["instances"].as_array().unwrap().iter();
    let to_run: Vec<&str> =
        verdicts.filter(|line| line["verdict"] == "run").map(|line| line["instance"].as_str().unwrap()).collect();
    assert_eq!(to_run, [name]);
    let events = project.make_with(&[name]);
    assert_eq!(events.ran(), BTreeSet::from([name.to_owned()]));
    assert_eq!(events.instances("evicted"), [""; 0]);
    assert_eq!(weights(&project), BTreeSet::from([name.to_owned()]));
    assert_eq!(project.make_with(&[name]).instances("started"), [""; 0], "they are there");
    export(&project).code(0);
    assert!(project.path("student/model.safetensors").exists());
    // Whoever runs the whole again has them go.
    assert_eq!(project.make().instances("evicted"), [name]);
}

#[test]
fn a_change_of_mind_trains_nothing() {
    let project = Project::new(TRAINED);
    project.make();
    assert_eq!(weights(&project).len(), 4);
    project.edit("      placement: before\n", "      placement: before\n      keep: none\n");
    let output = project.run(&["run", FILE]).code(0);
    assert!(output.stderr.contains("4 checkpoints are not kept, as `keep: none` asks:"), "{output}");
    assert!(output.stderr.contains("nothing to run"), "{output}");
    assert_eq!(weights(&project), BTreeSet::new());
    project.edit("keep: none", "keep: best");
    assert_eq!(project.make().instances("started"), [""; 0]);
}

#[test]
fn what_another_experiment_goes_by_stays() {
    let other = Project::new(TRAINED);
    other.make();
    let project = none().with_cache(other.cache());
    project.edit("experiment: trained", "experiment: mine");
    assert_eq!(project.make().instances("evicted"), [""; 0]);
    assert_eq!(weights(&project).len(), 4);
}

#[test]
fn students_whose_readers_are_not_asked_for_or_are_none_stay() {
    let project = none();
    assert_eq!(project.make_with(&["tuned", "top"]).instances("evicted"), [""; 0], "`answers` has yet to read them");
    assert_eq!(weights_there(&project, "tuned"), 2);
    let text = fs_err::read_to_string(project.path(FILE)).unwrap();
    project.write(FILE, text.split_once("  answers:\n").unwrap().0);
    let evicted: BTreeSet<String> = project.make().instances("evicted").into_iter().collect();
    assert_eq!(evicted, BTreeSet::from(["tuned[fraction=0.4]", "tuned[fraction=0.8]"].map(str::to_owned)));
    assert_eq!(weights_there(&project, "again"), 2, "they are there for their own sake");
}

#[test]
fn the_weights_of_each_evaluation_are_kept_and_exported() {
    let (best, project) = (Project::new(TRAINED), Project::new(TRAINED));
    project.edit("      placement: before\n", "      placement: before\n      keep: full\n");
    best.make();
    project.make();
    let name = "tuned[fraction=0.4]";
    let (one, other) = (best.digests(), project.digests());
    let parts = &other[name];
    assert!(parts.contains_key("weights-6") && parts.contains_key("weights-12"), "{parts:?}");
    assert_eq!(other["answers[fraction=0.4,student=tuned]"], one["answers[fraction=0.4,student=tuned]"]);
    let of_best = |step: &str| parts[step] == parts["weights"];
    assert!(of_best("weights-6") || of_best("weights-12"), "the best are those of an evaluation");
    assert_ne!(parts["weights-6"], parts["weights-12"]);
    for step in ["6", "12"] {
        project.run(&["export", FILE, name, step, "--step", step]).code(0);
        let written = fs_err::read(project.path(step).join("model.safetensors")).unwrap();
        assert_eq!(blake3::hash(&written).to_hex().as_str(), parts[&format!("weights-{step}")]);
        assert!(!project.path(step).join("weights-6.json").exists());
    }
    project.run(&["export", FILE, name, "x", "--step", "7"]).code(3).says("kept are those of 6, 12");
    best.run(&["export", FILE, name, "x", "--step", "6"]).code(3).says("`keep: full` in its stage");
    project.assert_clean();
    project.run(&["audit", FILE, name]).code(0).shows("computed again, it is the same");
    // The same key, so what the one has the other takes.
    let shared = Project::new(TRAINED).with_cache(project.cache());
    assert_eq!(shared.make().instances("started"), [""; 0]);
    shared.run(&["audit", FILE, name]).code(0).shows("computed again, it is the same");
}

#[test]
fn the_weights_of_evaluations_before_a_stop_are_kept_too() {
    let project = Project::new(SLOW);
    project.edit("      placement: after\n", "      placement: after\n      keep: full\n");
    let (mut child, ..) = training(&project, 50);
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    project.assert_clean();
    project.run(&["cache", "gc", "--grace", "0", "--keep-runs", "1"]).code(0);
    project.make();
    let parts = &project.digests()["tuned"];
    let kept: BTreeSet<u64> =
        parts.keys().filter_map(|part| part.strip_prefix("weights-")).map(|step| step.parse().unwrap()).collect();
    assert_eq!(kept, (1..=12).map(|i| 20 * i).collect());
    let whole = Project::new(SLOW);
    whole.edit("      placement: after\n", "      placement: after\n      keep: full\n");
    whole.make();
    assert_eq!(project.digests(), whole.digests());
    project.assert_clean();
}

#[test]
fn all_weights_are_kept_or_none_whatever_was_asked_before_a_stop() {
    let project = Project::new(SLOW);
    let (mut child, ..) = training(&project, 50);
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    project.edit("      placement: after\n", "      placement: after\n      keep: full\n");
    let output = project.run(&["run", FILE, "--progress", "json"]).code(0);
    assert!(output.stdout.contains("`keep: full` begins anew"), "{output}");
    let steps: BTreeSet<u64> = project.digests()["tuned"]
        .keys()
        .filter_map(|part| part.strip_prefix("weights-"))
        .map(|step| step.parse().unwrap())
        .collect();
    assert_eq!(steps, (1..=12).map(|i| 20 * i).collect());
    project.assert_clean();
}

#[test]
fn all_without_evaluations_is_refused() {
    let project = Project::new(TRAINED);
    project.edit("      placement: before\n", "      placement: before\n      keep: full\n");
    project.edit(", eval_every: 6, eval_questions: 4", "");
    project
        .run(&["check", FILE])
        .code(2)
        .says("`keep: full` keeps the weights of each evaluation, and there are none")
        .says("give `recipe.eval_every`, or leave it out");
    project.edit("keep: full", "keep: most");
    project.run(&["check", FILE]).code(2).says("most");
}
