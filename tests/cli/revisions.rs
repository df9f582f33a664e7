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
    let lines = instances
        .iter()
        .flat_map(|name| digests[*name].iter().map(move |(part, digest)| format!("{name} {part} {}\n", &digest[..16])));
    expected.assert_eq(&lines.collect::<String>());
}

const DATA: &str = r#"retort: 1
experiment: data
seed: 17

stages:
  made-up:
    dataset: { format: synthetic, train: 24, dev: 4, test: 4 }
  sums:
    dataset: { format: synthetic, task: arithmetic, train: 24, dev: 4, test: 4 }
  table:
    dataset: { format: table, train: table.jsonl, question: q, answer: { field: a, pattern: '#### (.*)' }, answers: number }
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
  masked-words:
    transform: { rationales: gold, steps: [ { mask: { words: [the, less], with: null } } ] }
  filled:
    transform: { rationales: gold, steps: [ { fill: { count: 11 } } ] }
  kept:
    over: { by: [frequency, random] }
    transform: { rationales: gold, tokenizer: tokens, steps: [ { keep_top: { k: 5, by: "${by}" } } ] }
  kept-words:
    transform: { rationales: gold, steps: [ { keep_top: { fraction: 0.3, by: random, level: word } }, { shuffle: } ] }
  marked:
    transform: { rationales: imported, steps: [ { keep_words: { annotations: marked.jsonl } } ] }
  near:
    transform: { rationales: imported, questions: quarel, steps: [ { neighbours: { vectors: vectors.txt, k: 2 } } ] }
  swapped:
    over: { label: [any, same, other] }
    transform: { rationales: gold, questions: made-up, steps: [ { swap: { label: "${label}" } } ] }
  stripped:
    transform: { rationales: gold, questions: made-up, steps: [ { strip_label: { choice_text: true } } ] }
  wrong:
    transform: { rationales: imported, questions: quarel, steps: [ { wrong: { from: sampled } } ] }
  stepwise:
    over: { level: [step, paragraph] }
    transform: { rationales: listed, steps: [ { mask: { fraction: 0.4, level: "${level}" } } ] }
  listed:
    elicit: { questions: quarel, split: train, teacher: { import: { path: listed.jsonl } } }
  partly-shuffled:
    transform: { rationales: gold, steps: [ { shuffle: { fraction: 0.3 } } ] }
  reversed:
    over: { level: [word, step] }
    transform: { rationales: listed, steps: [ { reverse: { level: "${level}" } } ] }
  inserted:
    transform: { rationales: gold, questions: made-up, steps: [ { insert: { count: 1, label: other } } ] }
  corrupted:
    transform: { rationales: listed, steps: [ { corrupt: { fraction: 0.5 } } ] }
  contradicted:
    transform: { rationales: listed, steps: [ { corrupt: { keywords: [this, that, it] } } ] }
  kept-ends:
    transform: { rationales: listed, steps: [ { keep: { first: 1, last: 1, level: step } } ] }
  replaced:
    transform: { rationales: listed, steps: [ { replace: { pattern: "([0-9]+) m", with: "<$1>" } } ] }
  joined:
    transform: { rationales: sampled, steps: [ { join: { separator: " " } } ] }
  scored-elsewhere:
    attribute: { rationales: imported, import: { path: scores.jsonl } }
  compressed:
    transform: { rationales: imported, steps: [ { keep_top: { k: 2, attributions: scored-elsewhere } } ] }
  sampled:
    elicit: { questions: quarel, split: train, teacher: { import: { path: samples.jsonl } } }
  chosen:
    transform:
      rationales: sampled
      questions: quarel
      steps: [ { trim: { to: paragraph } }, { filter: { label: differs, words_max: 9 } }, { sample: { n: 1 } } ]
"#;

#[test]
fn the_output_of_each_kind_that_needs_no_device_is_pinned() {
    let project = Project::new(DATA);
    project.write("quarel.jsonl", "{\"id\":\"q\",\"question\":\"Which? (A) this or (B) that.\",\"answer_index\":1}\n");
    project.write("table.jsonl", "{\"q\":\"Two and two?\",\"a\":\"Count. #### 4\"}\n");
    let choices = "\"choices\":[{\"label\":\"A\",\"text\":\"this\"},{\"label\":\"B\",\"text\":\"that\"}]";
    let line = |id: &str| {
        format!(
            "{{\"id\":\"{id}\",\"question\":{{\"stem\":\"Which?\",\"question_concept\":\"it\",{choices}}},\"answerKey\":\"A\"}}\n"
        )
    };
    project.write("obqa.jsonl", &line("o"));
    project.write("csqa.jsonl", &(line("c1") + &line("c2")));
    project.write("in-house.txt", "c2\n");
    project.write("rationales.jsonl", "{\"id\":\"q\",\"rationale\":\"Because it is that.\"}\n");
    let sample = |sample: usize, label: &str| {
        format!(
            "{{\"id\":\"q\",\"sample\":{sample},\"label\":\"{label}\",\"rationale\":\"It is {sample}.\\n\\nSo.\"}}\n"
        )
    };
    project.write("samples.jsonl", &(sample(0, "A") + &sample(1, "B") + &sample(2, "A")));
    project.write("marked.jsonl", "{\"id\":\"q\",\"words\":[\"that\",\"it\"]}\n");
    project.write("vectors.txt", "that 1 0\nthis 0.9 0.1\nthose 0.5 0.5\n");
    let listed = "Think.\\n1. It is 12 m.\\n2. That is 3 m.\\n3. So, that.\\n\\nYes.";
    project.write("listed.jsonl", &format!("{{\"id\":\"q\",\"rationale\":\"{listed}\"}}\n"));
    let scores = "{\"id\":\"q\",\"tokens\":[{\"span\":[0,7],\"score\":0.5},{\"span\":[8,10],\"score\":0.1},{\"span\":[14,18],\"score\":2}]}\n";
    project.write("scores.jsonl", scores);
    project.make();
    check(
        &project,
        &["made-up", "sums", "table", "quarel", "obqa", "csqa"],
        &expect![[r#"
            made-up dev 42b38135b50b28d6
            made-up test 88bffedc6cf5ac8b
            made-up train 4f12250063126ad7
            sums dev eeaf29439d659d1b
            sums test 9c821f4fc5972fda
            sums train 27d7cf6b8da1b286
            table dev 3f2741e77447dcad
            table test 3f2741e77447dcad
            table train dba0fe8ee4e382fe
            quarel dev 3f2741e77447dcad
            quarel test 3f2741e77447dcad
            quarel train 31b3e6810e9d7eaf
            obqa dev 3f2741e77447dcad
            obqa test 3f2741e77447dcad
            obqa train 71c67de1e9c46dc6
            csqa dev 3f2741e77447dcad
            csqa test 90d12b2059603bf7
            csqa train b64fabc9cc368007
        "#]],
    );
    check(
        &project,
        &["gold", "imported"],
        &expect![[r#"
            gold rows 90018805854e6c53
            imported rows 740277ee46e058e9
        "#]],
    );
    check(
        &project,
        &["masked[level=word]", "masked[level=sentence]", "shuffled", "truncated", "masked-tokens"],
        &expect![[r#"
            masked[level=word] rows 92831bbd288d54dd
            masked[level=sentence] rows 81fe6c57e69b7b70
            shuffled rows aa7856c3b2a8be4c
            truncated rows 372b41a68d1bde3c
            masked-tokens rows 976571e88dfc93f8
        "#]],
    );
    check(
        &project,
        &["masked-words", "filled", "kept[by=frequency]", "kept[by=random]", "kept-words", "marked", "near"],
        &expect![[r#"
            masked-words rows 64653426c8d130ea
            filled rows 21a19a827a8b5410
            kept[by=frequency] rows 367965eae0586b3e
            kept[by=random] rows 299037eb2d9552f8
            kept-words rows 2fd72c382d6c0cb9
            marked rows b4fe75ddffe9e097
            near rows 79638ae6293c55ad
        "#]],
    );
    check(
        &project,
        &["swapped[label=any]", "swapped[label=same]", "swapped[label=other]", "stripped", "wrong", "chosen"],
        &expect![[r#"
            swapped[label=any] rows e2475b0e03f9a0cd
            swapped[label=same] rows fd89aa6f740771b1
            swapped[label=other] rows 7605e25e801a5e9e
            stripped rows b6b2502b09e1dca3
            wrong rows 61cb6674f8c95b49
            chosen rows 92f18d258d10dc6e
        "#]],
    );
    check(
        &project,
        &[
            "stepwise[level=step]",
            "stepwise[level=paragraph]",
            "partly-shuffled",
            "reversed[level=word]",
            "reversed[level=step]",
            "inserted",
            "corrupted",
            "contradicted",
            "kept-ends",
            "replaced",
            "joined",
            "scored-elsewhere",
            "compressed",
        ],
        &expect![[r#"
            stepwise[level=step] rows 6885f9e0c72f7753
            stepwise[level=paragraph] rows 723fc91f130fc670
            partly-shuffled rows d7df5c9077257051
            reversed[level=word] rows c3d09cb6c80cbde7
            reversed[level=step] rows 8c21dc5760da16ba
            inserted rows 0c51b4164b7d8953
            corrupted rows 569d40fec6241c60
            contradicted rows 98a3e0056a7781cf
            kept-ends rows 9632e50c7fc26a1b
            replaced rows 01e148ef0b4f8a23
            joined rows 0ac9ca11cfaa3ef3
            scored-elsewhere rows 26dc59feb3c3bb15
            compressed rows cd5baf522968e08c
        "#]],
    );
    check(
        &project,
        &["tokens"],
        &expect![[r#"
            tokens tokenizer 11140681792d0695
        "#]],
    );
}

const CHANCE: &str = r#"retort: 1
experiment: chance
seed: 17

models:
  tiny: { new: { architecture: gpt2, layers: 1, width: 8, heads: 1, context: 256, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: synthetic, train: 8, dev: 2, test: 2 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  tuned:
    train: { student: tiny, questions: questions, rationales: rationales, placement: before, recipe: { steps: 1 } }
  untrained:
    pretrained: { student: tiny, placement: after }
  said:
    teacher_logits: { student: tiny, questions: questions, rationales: rationales, placement: before, model: tuned, top: 3 }
  weighed:
    attribute: { model: tuned, questions: questions, rationales: rationales, method: random }
  drawn:
    transform: { rationales: rationales, steps: [ { keep_top: { k: 6, by: random, level: word } } ] }
  often:
    transform: { rationales: rationales, steps: [ { keep_top: { k: 6, by: frequency, level: word } } ] }
  agreed:
    agreement: { of: rationales, reference: often, selected: drawn, match: exact }
  translators:
    tuned_lens: { model: tuned, questions: questions, rationales: rationales, steps: 1, tokens: 64 }
  seen:
    lens: { model: tuned, questions: questions, split: test, translators: translators, max_new: 4 }
"#;

#[test]
fn scores_that_are_drawn_are_pinned() {
    let project = Project::new(CHANCE);
    project.make();
    let parts = |name: &str| project.digests()[name].keys().cloned().collect::<Vec<_>>().join(" ");
    expect!["log translators"].assert_eq(&parts("translators"));
    expect!["rows summary"].assert_eq(&parts("seen"));
    expect!["logits rows tokenizer"].assert_eq(&parts("said"));
    // What the teacher says differs between machines; the tokenizer is the student's as it was trained.
    let digests = project.digests();
    assert_eq!(digests["said"]["tokenizer"], digests["tuned"]["tokenizer"]);
    check(
        &project,
        &["untrained", "weighed", "agreed"],
        &expect![[r#"
            untrained config c5a2dc2739d5447e
            untrained log 08b408b50bb194c2
            untrained tokenizer 736d230c5fbf10b6
            untrained usage b8407f9191f639ce
            untrained weights ca28c420efd8e6c5
            weighed rows 582e4c480b738eda
            agreed rows e547dd0262e553cc
            agreed summary d26c59e9c79e12dc
        "#]],
    );
}

/// Sums of floating-point numbers come out otherwise on a machine with other vector units (weights and attributions of these
/// very pipelines differ between AVX-512 and AVX2), so what is pinned of these kinds is what does not depend on them; the
/// rest is compared between two runs in `determinism`.
#[test]
fn the_shape_of_what_a_device_computes_is_pinned() {
    let project = Project::new(TRAINED);
    project.make();
    let digests = project.digests();
    let parts = |name: &str| digests[name].keys().cloned().collect::<Vec<_>>().join(" ");
    let lines: String =
        ["tuned[fraction=0.4]", "weighed[fraction=0.4]", "answers[fraction=0.4,student=tuned]", "results"]
            .iter()
            .map(|name| format!("{name}: {}\n", parts(name)))
            .collect();
    expect![[r#"
        tuned[fraction=0.4]: config log tokenizer usage weights
        weighed[fraction=0.4]: rows
        answers[fraction=0.4,student=tuned]: rows
        results: figure-1.svg figure-2.svg figure-3.svg questions.csv report.csv report.html report.json report.md report.tex
    "#]]
    .assert_eq(&lines);
    let tuned = &digests["tuned[fraction=0.4]"];
    for part in ["config", "tokenizer", "usage"] {
        assert_eq!(tuned[part], digests["again[fraction=0.8]"][part], "{part}");
    }
    let pinned: String =
        ["config", "tokenizer", "usage"].iter().map(|part| format!("{part} {}\n", &tuned[*part][..16])).collect();
    expect![[r#"
        config 17d7a68fcaf86686
        tokenizer 699219ad8c60d922
        usage f9295c187727fe07
    "#]]
    .assert_eq(&pinned);
    let plain = project.run(&["show", FILE, "weighed[fraction=0.4]", "--json", "--limit", "1"]).code(0).json();
    assert!(plain[0]["tokens"][0]["score"].is_number(), "{plain}");
}

/// What has a revision must appear in a pipeline whose output is pinned here. Methods that compute on the student are held
/// to reference values by the tests of `model`, and only listed.
#[test]
fn everything_with_a_revision_is_pinned() {
    let revisions = retort::kinds::revisions();
    let listed: String = revisions.iter().map(|it| format!("{} {} {}\n", it.what, it.name, it.revision)).collect();
    expect![[r#"
        kind dataset 2
        kind elicit 4
        kind transform 2
        kind tokenizer 2
        kind train 3
        kind pretrained 1
        kind teacher_logits 1
        kind attribute 2
        kind agreement 1
        kind tuned_lens 3
        kind lens 3
        kind evaluate 3
        kind report 8
        operation mask 2
        operation shuffle 2
        operation truncate 2
        operation fill 1
        operation keep_top 2
        operation keep_words 2
        operation neighbours 2
        operation swap 1
        operation strip_label 2
        operation wrong 1
        operation sample 1
        operation filter 1
        operation trim 1
        operation reverse 2
        operation insert 2
        operation corrupt 2
        operation keep 2
        operation replace 1
        operation join 1
        format csqa 1
        format obqa 1
        format quarel 1
        format synthetic 1
        format table 3
        format arithmetic 1
        method integrated_gradients 1
        method gradient_x_input 1
        method saliency 1
        method attention_rollout 1
        method leave_one_out 1
        method random 1
    "#]]
    .assert_eq(&listed);
    let pipelines = [DATA, CHANCE, TRAINED].concat();
    let missing: Vec<_> = revisions
        .iter()
        .filter(|it| match it.what {
            "kind" => !pipelines.contains(&format!("    {}:", it.name)),
            "operation" => !pipelines.contains(&format!("{{ {}:", it.name)),
            "format" => !["format", "task"].iter().any(|key| pipelines.contains(&format!("{key}: {}", it.name))),
            _ => false,
        })
        .map(|it| it.name)
        .collect();
    assert!(missing.is_empty(), "pin the output of {missing:?} as well");
}
