//! Samples and votes, strict and lenient readings, and what answers are made to begin with.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::runner::{FILE, Project};

const PIPELINE: &str = r##"retort: 1
experiment: readings
seed: 5

models:
  tiny: { new: { architecture: llama, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: synthetic, task: arithmetic, train: 48, dev: 4, test: 6 }
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
      add_tokens: ["<pause>"]
      recipe: { lr: 5.0e-3, batch: 8, steps: 24 }
  untrained:
    pretrained: { student: tiny, placement: before }
  voted:
    over: { vote: [majority, any, mean] }
    evaluate:
      model: tuned
      questions: questions
      max_new: 12
      samples: 3
      vote: "${vote}"
      sampling: { temperature: 1.3, top_p: 0.95 }
      extract: { strict: ["([0-9]+)"], unmatched: wrong }
  begun:
    over: { student: [tuned, untrained], begin: ["So ", "[FIN_LABEL]"] }
    evaluate: { model: "${student}", questions: questions, max_new: 6, prefill: "${begin}", extract: { unmatched: wrong } }
  paused:
    evaluate: { model: tuned, questions: questions, max_new: 6, prefill: { fill: { count: 5, with: "<pause>" } } }
  results:
    report: { scores: [voted, begun], rows: arm }
"##;

fn rows(project: &Project, instance: &str) -> Vec<Json> {
    let shown = project.run(&["show", FILE, instance, "--json", "--limit", "1000"]).code(0).json();
    shown.as_array().unwrap().clone()
}

#[test]
fn samples_are_drawn_once_whatever_votes_and_whatever_stands_beside_them() {
    let project = Project::new(PIPELINE);
    let events = project.make();
    let votes = ["majority", "any", "mean"];
    let name = |vote: &str| format!("voted[vote={vote}]");
    // The first of the three draws all samples, and the others read them.
    assert_eq!(votes.iter().filter(|vote| !events.progress(&name(vote)).is_empty()).count(), 1);
    let [majority, any, mean] = votes.map(|vote| rows(&project, &name(vote)));
    for ((majority, any), mean) in majority.iter().zip(&any).zip(&mean) {
        let samples = majority["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 3);
        assert_eq!(&majority["samples"], &any["samples"]);
        assert_eq!(&majority["samples"], &mean["samples"]);
        assert!(samples.iter().all(|sample| sample["lenient"].is_object()), "{majority}");
        let right = |sample: &&Json| {
            let strict = &sample["strict"];
            strict["equal"] == true || strict["predicted"] == majority["answer"]
        };
        let any_right = any["equal"] == true || any["predicted"] == any["answer"];
        assert_eq!(any_right, samples.iter().any(|sample| right(&sample)));
    }
    let outputs: BTreeSet<String> = majority
        .iter()
        .flat_map(|row| row["samples"].as_array().unwrap())
        .map(|sample| sample["output"].to_string())
        .collect();
    assert!(outputs.len() > 9, "samples of one question are drawn on their own: {outputs:?}");

    // Neither the number of questions side by side nor that of the samples moves what is drawn.
    let before = project.digests();
    project.edit("max_new: 12", "max_new: 12\n      batch: 1");
    project.make();
    for vote in votes {
        assert_eq!(project.digests()[&name(vote)], before[&name(vote)]);
    }
    project.edit("samples: 3", "samples: 4");
    let more = project.make();
    let asked: Vec<u64> = votes.iter().flat_map(|vote| more.progress(&name(vote))).collect();
    assert_eq!(asked.len(), 6, "one sample of each question is new: {asked:?}");
    let four = rows(&project, &name("majority"));
    for (three, four) in majority.iter().zip(&four) {
        assert_eq!(three["samples"].as_array().unwrap()[..], four["samples"].as_array().unwrap()[..3]);
    }
    // Afresh, in one go, the same is drawn.
    let fresh = Project::new(&fs_err::read_to_string(project.path(FILE)).unwrap());
    fresh.make();
    assert_eq!(fresh.digests(), project.digests());

    // Both readings stand side by side, with their intervals.
    project
        .run(&["show", FILE, "voted[vote=mean]"])
        .code(0)
        .shows("; read leniently ")
        .shows("4 samples a question, of which the mean counts");
    let folder = project.path("out/readings/results");
    let page = fs_err::read_to_string(folder.join("report.md")).unwrap();
    for told in [
        "lenient accuracy %",
        "An answer is the one that most of 4 samples give (self-consistency).",
        "A question counts as right where any of 4 samples is (pass@4).",
        "A question counts by the fraction of its 4 samples that are right.",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let read = |name: &str| -> (csv::StringRecord, Vec<csv::StringRecord>) {
        let bytes = fs_err::read(folder.join(name)).unwrap();
        let mut csv = csv::Reader::from_reader(bytes.as_slice());
        (csv.headers().unwrap().clone(), csv.records().map(Result::unwrap).collect())
    };
    let (headings, arms) = read("report.csv");
    let at = |name: &str| headings.iter().position(|heading| heading == name).unwrap();
    for arm in &arms {
        let of = |name: &str| arm[at(name)].parse::<f64>().unwrap();
        assert!(
            of("lenient_accuracy_low") <= of("lenient_accuracy")
                && of("lenient_accuracy") <= of("lenient_accuracy_high")
        );
    }
    let (headings, questions) = read("questions.csv");
    let at = |name: &str| headings.iter().position(|heading| heading == name).unwrap();
    assert!(questions.iter().all(|row| row[at("samples")] == *(if &row[at("stage")] == "voted" { "4" } else { "" })));
    project.run(&["export", FILE, "--outcomes", "outcomes.csv"]).code(0);
    let exported = fs_err::read_to_string(project.path("outcomes.csv")).unwrap();
    assert!(
        exported.lines().next().unwrap().ends_with(",output,lenient_predicted,lenient_correct,samples,samples_right")
    );
    project.run(&["diff", "last~1", "last"]).code(0).shows("read leniently, 95 % intervals");

    // What answers are made to begin with belongs to them, and fillers do not.
    for row in rows(&project, "begun[begin=So ,student=untrained]") {
        assert!(row["output"].as_str().unwrap().starts_with("So "), "{row}");
    }
    for row in rows(&project, "begun[begin=[FIN_LABEL],student=tuned]") {
        assert!(row["output"].as_str().unwrap().starts_with("[FIN_LABEL]"), "{row}");
    }
    for row in rows(&project, "paused") {
        assert!(!row["output"].as_str().unwrap().starts_with("<pause>") && row["lenient"].is_null(), "{row}");
    }
}

#[test]
fn what_cannot_be_read_or_drawn_is_named() {
    let voted = "samples: 3\n      vote: \"${vote}\"\n      sampling: { temperature: 1.3, top_p: 0.95 }";
    let mistakes = [
        (voted, "samples: 3\n      vote: \"${vote}\"", "`samples` needs a temperature"),
        (voted, "vote: \"${vote}\"\n      sampling: { temperature: 1.3 }", "`vote` needs `samples`"),
        ("vote: [majority, any, mean]", "vote: [most]", "`vote` cannot be"),
        (r#"strict: ["([0-9]+)"]"#, r#"strict: ["([0-9]+"]"#, "`([0-9]+` is not a regular expression"),
        (r#"strict: ["([0-9]+)"]"#, r#"strict: [""]"#, "an empty pattern matches everywhere"),
        (
            r#"extract: { strict: ["([0-9]+)"], unmatched: wrong }"#,
            "extract: [\"x(\"]",
            "`x(` is not a regular expression",
        ),
        (
            "prefill: { fill: { count: 5, with: \"<pause>\" } }",
            "prefill: \"\"",
            "needs a `text`, or tokens to `fill` with",
        ),
        (
            "prefill: { fill:",
            "score: likelihood, stop: [x], prefill: { fill:",
            "has no meaning with `score: likelihood`",
        ),
        ("max_new: 12", "max_new: 12\n      stop: [\"\"]", "an empty text in `stop`"),
    ];
    for (before, after, said) in mistakes {
        let project = Project::new(PIPELINE);
        project.edit(before, after);
        project.run(&["check", FILE]).code(2).says(said);
    }
    // What only the outputs tell, and the student's tokenizer.
    let project = Project::new(PIPELINE);
    project.edit(r#"strict: ["([0-9]+)"], unmatched: wrong"#, r#"strict: ["In total: ([0-9]+)"]"#);
    project
        .run(&["run", FILE, "voted[vote=mean]"])
        .code(1)
        .says("`In total: ([0-9]+)` of the strict reading finds nothing in 18 of 18 outputs, those to ")
        .says("unmatched: wrong");
    project.edit("with: \"<pause>\"", "with: \"<wait a while>\"");
    project.run(&["run", FILE, "paused"]).code(1).says("`prefill.fill`: 5 copies of `<wait a while>` are ");
    // Another pattern reads what was written before.
    project.edit(r#"strict: ["In total: ([0-9]+)"]"#, r#"strict: ["(.)"], unmatched: wrong"#);
    let events = project.run(&["run", FILE, "voted[vote=mean]", "--progress", "json"]).code(0);
    assert!(crate::runner::Events::read(&events.stdout).progress("voted[vote=mean]").is_empty());
}

/// What has no effect beside one value of an axis is left out there, and is a mistake beside a value that is written.
#[test]
fn fields_without_effect_beside_a_value_of_an_axis_are_left_out() {
    let stages = r##"  scored:
    over: { score: [generation, likelihood] }
    evaluate: { model: first, questions: lettered, score: "${score}", max_new: 8, stop: ["!"], extract: { unmatched: wrong } }
  drawn:
    over: { sampling: { values: { greedy: null, drawn: { temperature: 0.7 } } } }
    evaluate: { model: tuned, questions: lettered, sampling: "${sampling}", samples: 2, vote: any, max_new: 8 }
  asked:
    over: { teacher: { values: { gold: gold, read: { import: { path: read.jsonl } } } } }
    elicit: { questions: lettered, split: train, teacher: "${teacher}", label: from_text, samples: 1 }
  first:
    pretrained: { student: tiny }
  lettered:
    dataset: { format: synthetic, train: 4, dev: 1, test: 4 }
"##;
    let text = PIPELINE.replace("  results:\n    report: { scores: [voted, begun], rows: arm }\n", stages);
    let project = Project::new(&text);
    project.write("read.jsonl", "{\"id\":\"x\",\"rationale\":\"So.\"}\n");
    project.run(&["check", FILE, "scored", "drawn", "asked[teacher=gold]"]).code(0);
    // What is left out decides nothing.
    let keys = |project: &Project| {
        let plan = project.run(&["plan", FILE, "scored", "drawn", "--json", "--verbose"]).code(0).json();
        let instances = plan["instances"].as_array().unwrap().clone();
        instances.into_iter().map(|it| it["instance"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(keys(&project).contains(&"scored[score=likelihood]".to_owned()));
    for (before, after, said) in [
        ("\"${score}\"", "likelihood", "`max_new` has no meaning with `score: likelihood`"),
        ("\"${sampling}\"", "null", "`samples` needs a temperature"),
        ("\"${teacher}\"", "gold", "`samples` has no effect with a teacher that is not asked"),
    ] {
        let project = Project::new(&text.replace(before, after));
        project.write("read.jsonl", "{\"id\":\"x\",\"rationale\":\"So.\"}\n");
        project.run(&["check", FILE]).code(2).says(said);
    }
}
