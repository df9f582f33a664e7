//! Guards the revision of every kind: the output of a fixed, tiny input is pinned.
//!
//! **When a digest here changes, the kind's `REVISION` must be raised as well**, or caches would go on handing out what
//! the earlier program made of the same recipe. Then `UPDATE_EXPECT=1` writes the new digests. What comes before a kind
//! changes what it reads, so the first kind whose digest changed is the one to look at.

use expect_test::{Expect, expect};

use crate::pipelines::TRAINED;
use crate::runner::{FILE, Project};

/// Checks the parts of the instances of a stage, shortened to 16 digits.
#[track_caller]
fn check(project: &Project, instances: &[&str], expected: &Expect) {
    let digests = project.digests();
    let lines = instances.iter().flat_map(|name| {
        digests[*name].iter().map(move |(part, digest)| format!("{name} {part} {}\n", &digest[..16]))
    });
    expected.assert_eq(&lines.collect::<String>());
}

const DATA: &str = r#"retort: 1
experiment: data
seed: 17

stages:
  made-up:
    dataset: { format: synthetic, train: 24, dev: 4, test: 4 }
  quarel:
    dataset: { format: quarel, train: quarel.jsonl }
  obqa:
    dataset: { format: obqa, train: obqa.jsonl }
  csqa:
    dataset: { format: csqa, train: csqa.jsonl, in_house: in-house.txt }
  gold:
    elicit: { questions: made-up, split: train, teacher: gold }
  imported:
    elicit: { questions: quarel, split: train, teacher: { import: { path: rationales.jsonl } } }
  masked:
    over: { level: [word, sentence] }
    transform: { rationales: gold, steps: [ { mask: { fraction: 0.4, level: "${level}" } } ] }
  shuffled:
    transform: { rationales: gold, steps: [ { shuffle: { level: word } } ] }
  truncated:
    transform: { rationales: gold, steps: [ { truncate: { keep: 5 } } ] }
  tokens:
    tokenizer: { questions: made-up, rationales: gold, vocabulary: 400 }
  masked-tokens:
    transform: { rationales: gold, tokenizer: tokens, steps: [ { mask: { fraction: 0.4, level: token } } ] }
"#;

#[test]
fn the_output_of_each_kind_that_needs_no_device_is_pinned() {
    let project = Project::new(DATA);
    project.write("quarel.jsonl", "{\"id\":\"q\",\"question\":\"Which? (A) this or (B) that.\",\"answer_index\":1}\n");
    let choices = "\"choices\":[{\"label\":\"A\",\"text\":\"this\"},{\"label\":\"B\",\"text\":\"that\"}]";
    let line = |id: &str| {
        format!("{{\"id\":\"{id}\",\"question\":{{\"stem\":\"Which?\",\"question_concept\":\"it\",{choices}}},\"answerKey\":\"A\"}}\n")
    };
    project.write("obqa.jsonl", &line("o"));
    project.write("csqa.jsonl", &(line("c1") + &line("c2")));
    project.write("in-house.txt", "c2\n");
    project.write("rationales.jsonl", "{\"id\":\"q\",\"rationale\":\"Because it is that.\"}\n");
    project.make();
    check(&project, &["made-up", "quarel", "obqa", "csqa"], &expect![[]]);
    check(&project, &["gold", "imported"], &expect![[]]);
    check(&project, &["masked[level=word]", "masked[level=sentence]", "shuffled", "truncated", "masked-tokens"], &expect![[]]);
    check(&project, &["tokens"], &expect![[]]);
}

/// Sums of floating-point numbers may come out otherwise on a machine with other vector units, so what is pinned of these
/// kinds is what does not depend on them; the rest is compared between two runs in `determinism`.
#[test]
fn the_shape_of_what_a_device_computes_is_pinned() {
    let project = Project::new(TRAINED);
    project.make();
    let digests = project.digests();
    let parts = |name: &str| digests[name].keys().cloned().collect::<Vec<_>>().join(" ");
    let lines: String = ["tuned[fraction=0.4]", "weighed[fraction=0.4]", "answers[fraction=0.4,student=tuned]", "results"]
        .iter()
        .map(|name| format!("{name}: {}\n", parts(name)))
        .collect();
    expect![[]].assert_eq(&lines);
    let tuned = &digests["tuned[fraction=0.4]"];
    for part in ["config", "tokenizer", "usage"] {
        assert_eq!(tuned[part], digests["again[fraction=0.8]"][part], "{part}");
    }
    let pinned: String = ["config", "tokenizer", "usage"].iter().map(|part| format!("{part} {}\n", &tuned[*part][..16])).collect();
    expect![[]].assert_eq(&pinned);
    let plain = project.run(&["show", FILE, "weighed[fraction=0.4]", "--json", "--limit", "1"]).code(0).json();
    assert!(plain[0]["tokens"][0]["score"].is_number(), "{plain}");
}
