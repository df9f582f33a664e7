//! Layers are read, shown, reported and exported, and what cannot be read is named.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::runner::{FILE, Project};

pub(crate) const PIPELINE: &str = r#"retort: 1
experiment: lenses
seed: 3

axes:
  placement: [before, after]

models:
  tiny: { new: { architecture: llama, layers: 2, width: 32, heads: 4, kv_heads: 2, context: 256, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: synthetic, train: 48, dev: 2, test: 12 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  asked:
    elicit: { questions: questions, split: test, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  tuned:
    train:
      student: tiny
      questions: questions
      rationales: rationales
      placement: "${placement}"
      recipe: { lr: 3.0e-3, batch: 8, steps: 40 }
  answers:
    evaluate: { model: tuned, questions: questions, max_new: 48 }
  translators:
    tuned_lens: { model: tuned, questions: questions, rationales: rationales, steps: 12, tokens: 256 }
  seen:
    over: { lens: [logit, tuned] }
    lens: { model: tuned, questions: questions, translators: translators, method: "${lens}", text: forced, rationales: asked }
  written:
    lens: { model: tuned, questions: questions, max_new: 24, window: 4, layers: [0, 2] }
  results:
    report: { scores: answers, lens: { readings: seen, bound: 0.2, panels: [lens], grids: 1 }, lines: placement }
"#;

fn rows(project: &Project, instance: &str) -> Vec<Json> {
    let shown = project.run(&["show", FILE, instance, "--json", "--limit", "99"]).code(0).json();
    shown.as_array().unwrap().iter().filter(|row| row.get("id").is_some()).cloned().collect()
}

fn floats(value: &Json) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn every_layer_says_something_at_every_place_up_to_the_label() {
    let project = Project::new(PIPELINE);
    project.make();
    for instance in ["seen[placement=before,lens=logit]", "seen[placement=after,lens=tuned]"] {
        let found = rows(&project, instance);
        assert_eq!(found.len(), 12, "{instance}");
        for row in &found {
            let places = row["tokens"].as_array().unwrap().len();
            // Forced text holds the label, and nothing is read behind it.
            assert_eq!(row["label_at"].as_u64().unwrap() as usize + 1, places, "{instance}: {row}");
            assert_eq!(row["label_tokens"], 1);
            let layers = row["layers"].as_array().unwrap();
            assert_eq!(layers.iter().map(|layer| layer["layer"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
            for layer in layers {
                for field in ["top", "top_probability", "probability", "entropy", "divergence", "rank"] {
                    assert_eq!(layer[field].as_array().unwrap().len(), places, "{instance}: {field}");
                }
                let ranks = floats(&layer["rank"]);
                assert!(ranks.iter().all(|rank| (1.0..=400.0).contains(rank)), "{ranks:?}");
                let tops = floats(&layer["top_probability"]);
                assert!(tops.iter().zip(floats(&layer["probability"])).all(|(top, label)| *top >= label - 1e-6));
            }
            // The output is no distance from itself, and right means that the label is its likeliest token.
            assert!(floats(&layers[2]["divergence"]).iter().all(|divergence| *divergence == 0.0));
            assert_eq!(row["correct"].as_bool().unwrap(), floats(&layers[2]["rank"])[places - 1] < 1.5);
        }
    }
    // A student that reasons first is read on its rationale as well.
    let places = |instance: &str| rows(&project, instance)[0]["tokens"].as_array().unwrap().len();
    assert_eq!(places("seen[placement=after,lens=logit]"), 2);
    assert!(places("seen[placement=before,lens=logit]") > 5);
    // The window, the layers that were asked for, and what the students write themselves.
    for row in rows(&project, "written[placement=before]") {
        assert!(row["tokens"].as_array().unwrap().len() <= 4);
        let layers: Vec<u64> =
            row["layers"].as_array().unwrap().iter().map(|layer| layer["layer"].as_u64().unwrap()).collect();
        assert_eq!(layers, [0, 2]);
    }
    let answered = rows(&project, "answers[placement=after]");
    for (read, answered) in rows(&project, "written[placement=after]").iter().zip(&answered) {
        assert_eq!(read["correct"].as_bool().unwrap(), answered["predicted"] == answered["answer"], "{read}");
    }
    project
        .run(&["show", FILE, "seen[placement=before,lens=tuned]", "--limit", "1"])
        .code(0)
        .shows("12 questions through the tuned lens")
        .shows("layer");
    project.run(&["show", FILE, "translators[placement=after]"]).code(0).shows("12 steps on").shows("tuned lens");
}

#[test]
fn a_fresh_cache_gives_the_same_bytes_in_the_parts_that_are_declared() {
    let (one, two) = (Project::new(PIPELINE), Project::new(PIPELINE));
    one.make();
    two.make();
    let digests = one.digests();
    assert_eq!(digests, two.digests());
    let parts = |name: &str| digests[name].keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(parts("translators[placement=after]"), "log translators");
    assert_eq!(parts("seen[placement=after,lens=tuned]"), "rows summary");
}

#[test]
fn translators_are_kept_apart_from_readings_and_rows_from_each_other() {
    let project = Project::new(PIPELINE);
    project.make();
    let before = project.digests();
    // Other translators concern what is read through them alone.
    project.edit("steps: 12, tokens: 256", "steps: 13, tokens: 256");
    let ran = project.make().ran();
    let expected: BTreeSet<String> = [
        "results",
        "seen[placement=after,lens=tuned]",
        "seen[placement=before,lens=tuned]",
        "translators[placement=after]",
        "translators[placement=before]",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(ran, expected);
    // Another bound concerns the report alone, and more questions only themselves.
    project.edit("bound: 0.2", "bound: 0.3");
    assert_eq!(project.make().ran().into_iter().collect::<Vec<_>>(), ["results"]);
    project.edit("test: 12", "test: 14");
    let events = project.make();
    assert_eq!(events.progress("seen[placement=after,lens=logit]"), [14]);
    let read = |digests: &crate::runner::Digests| digests["seen[placement=after,lens=logit]"]["rows"].clone();
    assert_ne!(read(&project.digests()), read(&before));

    let folder = project.path("exported").display().to_string();
    project.run(&["export", FILE, "translators[placement=after]", &folder]).code(0);
    let bytes = fs_err::read(project.path("exported/translators.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut names: Vec<String> = tensors.names().iter().map(ToString::to_string).collect();
    names.sort();
    assert_eq!(names, ["0.bias", "0.weight", "1.bias", "1.weight"]);
    assert_eq!(tensors.tensor("1.weight").unwrap().shape(), [32, 32]);
    assert!(fs_err::read_to_string(project.path("exported/tuning_log.json")).unwrap().contains("\"divergences\""));
}

#[test]
fn the_report_says_from_which_layer_on_the_label_is_known() {
    let project = Project::new(PIPELINE);
    project.make();
    let report = project.run(&["show", FILE, "results"]).code(0);
    report.shows("## From which layer on the label is known").shows("| of layers |").shows("## What was read");
    let folder = project.path("out/lenses/results");
    let file = |name: &str| fs_err::read_to_string(folder.join(name)).unwrap();
    // Two students through two lenses, with three layers each, of those that have a question to be compared on.
    assert_eq!((file("lens.csv").lines().count() - 1) % 3, 0);
    assert_eq!(file("lens-questions.csv").lines().count(), 1 + 4 * 12);
    assert!(file("report.html").contains("From which layer on the label is known"));
}

#[test]
fn every_figure_has_a_picture_that_is_drawn_when_it_changes() {
    let project = Project::new(PIPELINE);
    project.make();
    let folder = project.path("out/lenses/results");
    let read = |name: &str| fs_err::read(folder.join(name)).unwrap();
    let names: Vec<String> = fs_err::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".svg").map(str::to_owned))
        .collect();
    assert!(names.contains(&"figure-1".to_owned()), "{names:?}");
    for name in &names {
        let svg = String::from_utf8(read(&format!("{name}.svg"))).unwrap();
        let width: f64 = svg.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        let png = read(&format!("{name}.png"));
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(u32::from_be_bytes(png[16..20].try_into().unwrap()), (width * 2.0).ceil() as u32, "{name}");
        assert!(png.len() > 2_000, "{name}");
    }
    let (svg, png) = (read("figure-1.svg"), read("figure-1.png"));
    let again = || project.run(&["report", FILE]).code(0);
    // Of a figure that is as it was, the picture is left alone.
    let drawn = || fs_err::metadata(folder.join("figure-1.png")).unwrap().modified().unwrap();
    let first = drawn();
    again();
    assert_eq!(drawn(), first);
    // One that a person changed is not overwritten.
    project.write("out/lenses/results/figure-1.png", "mine");
    project.run(&["report", FILE]);
    assert_eq!(read("figure-1.png"), b"mine");
    fs_err::remove_file(folder.join("figure-1.png")).unwrap();
    again();
    assert_eq!(read("figure-1.png"), png);
    project.write("out/lenses/results/figure-1.svg", "<svg/>");
    project.write("out/lenses/results/figure-1.png", "mine");
    project.run(&["report", FILE]).code(3).says("is not overwritten");
    assert_eq!(read("figure-1.svg"), b"<svg/>");
    for name in ["figure-1.svg", "figure-1.png"] {
        fs_err::remove_file(folder.join(name)).unwrap();
    }
    again();
    assert_eq!((read("figure-1.svg"), read("figure-1.png")), (svg, png.clone()));
    let exported = project.path("exported").display().to_string();
    project.run(&["export", FILE, "results", &exported]).code(0);
    assert_eq!(fs_err::read(project.path("exported/figure-1.png")).unwrap(), png);
}

#[test]
fn what_was_written_for_an_evaluation_is_not_written_again_for_a_lens() {
    let project = Project::new(PIPELINE);
    project.edit("max_new: 24, window: 4", "max_new: 48, window: 4");
    project.make_with(&["answers"]);
    let events = project.make();
    for placement in ["before", "after"] {
        // Once for the reading; another time if the text had been written.
        assert_eq!(events.progress(&format!("written[placement={placement}]")), [12]);
    }
    project.edit("max_new: 48, window: 4", "max_new: 5, window: 4");
    assert_eq!(project.make().progress("written[placement=before]"), [12, 12]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let project = Project::new(PIPELINE);
    project.edit("layers: [0, 2]", "layers: [0, 3, 9]");
    project.run(&["run", FILE, "written"]).code(1).says(
        "cannot read layer 3, 9: the student has 2 blocks, so its layers are 0 (its embeddings) to 2 (its output)",
    );
    project.edit("max_new: 24, window: 4, layers: [0, 3, 9]", "method: tuned, rationales: asked");
    project
        .run(&["check", FILE])
        .code(2)
        .says("`method: tuned` needs `translators`")
        .says("name a stage of kind `tuned_lens`, or read through `logit`");
    project.edit("method: tuned, rationales: asked", "rationales: asked");
    project
        .run(&["check", FILE])
        .code(2)
        .says("`rationales` mean nothing to `text: generated`, where the student writes its own")
        .says("add `text: forced`, or leave them out");
    // Translators of a student of another shape.
    project.edit(
        "    lens: { model: tuned, questions: questions, rationales: asked }",
        "    lens: { model: wide, questions: questions, translators: translators }
  wide:
    train:
      student: { new: { architecture: llama, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }
      questions: questions
      placement: none
      recipe: { steps: 1 }",
    );
    project
        .run(&["run", FILE, "written"])
        .code(1)
        .says("tensor `0.bias` has shape [32], the configuration wants [16]")
        .says("train translators of this student with `tuned_lens`");
}

#[test]
fn what_is_missing_is_counted_and_shown() {
    let project = Project::new(PIPELINE);
    // A student that has learned nothing never writes the label, and rationales of other questions are none to be read on.
    project.edit("steps: 40", "steps: 1");
    project.edit("text: forced, rationales: asked", "text: forced, rationales: few");
    project.edit(
        "  tokens:\n",
        "  few:
    elicit: { questions: questions, split: test, teacher: { import: { path: few.jsonl } } }
  tokens:\n",
    );
    project.write("few.jsonl", "");
    project.make_with(&["asked"]);
    let asked = rows(&project, "asked");
    let line = |row: &Json| format!("{}\n", serde_json::json!({ "id": row["id"], "rationale": row["text"] }));
    project.write("few.jsonl", &asked[..5].iter().map(line).collect::<String>());
    let events = project.make();
    let told: Vec<&str> = events.0.iter().filter_map(|event| event["note"]["message"].as_str()).collect();
    for said in [
        "7 questions have no rationale to be read on, and are left out",
        "in the text of 12 of 12 questions the right label never occurs",
    ] {
        assert!(told.iter().any(|told| told.contains(said)), "{said}: {told:?}");
    }
    project
        .run(&["show", FILE, "written[placement=before]", "--limit", "1"])
        .code(0)
        .shows("12 questions in whose text the right label never occurs")
        .shows("never occurs");
    project.run(&["show", FILE, "results"]).code(0).shows("without a rationale");
    // Reported, every question is counted and none is said anything of.
    project.edit("readings: seen, bound: 0.2, panels: [lens], grids: 1", "readings: written, questions: [ASKED]");
    project.edit("ASKED", asked[0]["id"].as_str().unwrap());
    project.make();
    let table = fs_err::read_to_string(project.path("out/lenses/results/report.md")).unwrap();
    let counted = table.lines().filter(|line| line.contains("| 12 | 0 | 12 |")).count();
    assert_eq!(counted, 2, "{table}");
    assert!(table.contains("are all right on none of the 12 questions they share"), "{table}");
    let grid = fs_err::read_to_string(project.path("out/lenses/results/lens-question-1.svg")).unwrap();
    assert!(grid.contains("never occurs, answered wrong"), "{grid}");
}

#[test]
fn a_label_of_several_tokens_is_read_by_the_declared_rule_and_counted() {
    let project = Project::new(PIPELINE);
    // A vocabulary of single bytes: a label is a space and a letter.
    project.edit("vocabulary: 400", "vocabulary: 259");
    project.edit("context: 256", "context: 1024");
    project.edit("steps: 40", "steps: 4");
    project.edit("placement: [before, after]", "placement: [after]");
    project.edit("over: { lens: [logit, tuned] }", "over: { rule: [first, all] }");
    project.edit("translators: translators, method: \"${lens}\", text: forced", "label: \"${rule}\", text: forced");
    project.edit("bound: 0.2, panels: [lens]", "bound: 0.0001, panels: [rule]");
    let events = project.make_with(&["results"]);
    let told: Vec<&str> = events.0.iter().filter_map(|event| event["note"]["message"].as_str()).collect();
    for said in [
        "the label of 12 of 12 questions has several tokens: the probability of the first stands for all (`label: first`)",
        "the label of 12 of 12 questions has several tokens: its probability is the product of theirs (`label: all`)",
    ] {
        assert!(told.iter().any(|told| told.contains(said)), "{said}: {told:?}");
    }
    let (first, all) =
        (rows(&project, "seen[placement=after,rule=first]"), rows(&project, "seen[placement=after,rule=all]"));
    assert_eq!((first.len(), all.len()), (12, 12));
    for (first, all) in first.iter().zip(&all) {
        assert_eq!((&first["label_tokens"], &all["label_tokens"]), (&2.into(), &2.into()));
        let at = first["label_at"].as_u64().unwrap() as usize;
        let tokens = first["tokens"].as_array().unwrap();
        assert_eq!((tokens.len(), &tokens[at], &tokens[at + 1]), (at + 2, &" ".into(), &first["answer"]));
        for (first, all) in first["layers"].as_array().unwrap().iter().zip(all["layers"].as_array().unwrap()) {
            let (first, all) = (floats(&first["probability"]), floats(&all["probability"]));
            assert!((all[at] - first[at] * first[at + 1]).abs() <= 1e-6 * all[at], "{all:?}, {first:?}");
            assert!(first[at + 1] < 1.0 && all[at] < first[at]);
            assert_eq!((&all[..at], &all[at + 1..]), (&first[..at], &first[at + 1..]));
        }
    }
    project
        .run(&["show", FILE, "seen[placement=after,rule=all]", "--limit", "1"])
        .code(0)
        .shows("12 questions whose label is written with several tokens");
    let table: Json =
        serde_json::from_slice(&fs_err::read(project.path("out/lenses/results/report.json")).unwrap()).unwrap();
    let table = table.to_string();
    assert!(table.contains("label of several tokens"), "{table}");
    project.run(&["show", FILE, "results"]).code(0).shows("label of several tokens");
}

#[test]
fn a_layer_that_one_student_lacks_is_read_of_the_other() {
    let project = Project::new(PIPELINE);
    project.edit("placement: [before, after]", "student: [tiny, deep]");
    project.edit("lines: placement", "lines: student");
    project.edit("placement: \"${placement}\"", "placement: after");
    project.edit("student: tiny", "student: \"${student}\"");
    project.edit(
        "\nstages:",
        "  deep: { new: { architecture: gpt2, layers: 3, width: 32, heads: 4, context: 256, tokenizer: tokens } }\n\nstages:",
    );
    project.edit("layers: [0, 2]", "layers: [0, 3]");
    let output = project.run(&["run", FILE, "written", "--progress", "json"]).code(1);
    let events = crate::runner::Events::read(&output.stdout);
    assert_eq!(events.instances("failed"), ["written[student=tiny]"]);
    let failed = events.0.iter().find(|told| told["event"] == "failed").unwrap();
    assert_eq!(
        failed["error"],
        "cannot read layer 3: the student has 2 blocks, so its layers are 0 (its embeddings) to 2 (its output); change \
         `layers`, or leave it out for all of them"
    );
    for row in rows(&project, "written[student=deep]") {
        let layers = row["layers"].as_array().unwrap().iter();
        assert_eq!(layers.map(|layer| layer["layer"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 3]);
    }
    project.edit("layers: [0, 3]", "layers: []");
    project.run(&["run", FILE, "written"]).code(1).says("cannot read no layer at all: the student has 2 blocks");
}

#[test]
fn what_a_report_asks_of_readings_is_checked_before_anything_runs() {
    let project = Project::new(PIPELINE);
    project.edit("  placement: [before, after]", "  placement: [before, after]\n  run: { replicates: 2 }");
    project.edit("steps: 40 }", "steps: 40 }\n      seed: \"${run}\"");
    project.edit("grids: 1 }, lines: placement", "grids: 1, replicate: { run: 1 } }, lines: placement, average: run");
    project.run(&["check", FILE]).code(0);
    let refused = |before: &str, after: &str, said: &[&str]| {
        project.edit(before, after);
        let output = project.run(&["check", FILE]).code(2);
        said.iter().for_each(|said| assert!(output.stderr.contains(said), "{said}: {output}"));
        // `run` refuses it as well, and computes nothing.
        project.run(&["run", FILE]).code(2);
        assert!(!project.cache().join("actions").exists(), "{output}");
        project.edit(after, before);
    };
    refused(
        "replicate: { run: 1 }",
        "replicate: { run: 7 }",
        &["`lens.replicate` asks for `run=7`, which no arm has; the values of `run` are `0`, `1`", "^"],
    );
    refused(
        "replicate: { run: 1 }",
        "replicate: { rum: 1 }",
        &["`lens.replicate` names the axis `rum`, which no arm has", "did you mean `run`?"],
    );
    refused(
        "panels: [lens]",
        "panels: [lenz]",
        &["`lens.panels` names the axis `lenz`, which no arm has", "did you mean `lens`?"],
    );
    refused("panels: [lens]", "panels: [placement]", &["the axis `placement` is named by"]);
    // What takes a replicate away is refused too.
    project
        .run(&["check", FILE, "--set", "run=0"])
        .code(2)
        .says("`lens.replicate` asks for `run=1`, which no arm has; the values of `run` are `0`");
}
