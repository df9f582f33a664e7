//! What files and stages share.

use expect_test::expect;

use super::{check_errors, check_files, document, read_files, show};
use retort_source::Style;

#[test]
fn fragments_are_taken_in_and_own_entries_win() {
    let text = "axes: { n: [3, 4] }
fragments:
  small: { size: 5, train: a.jsonl }
  axis: { size: \"${n}\" }
  whole: { dataset: { use: [small, axis] } }
stages:
  one: { dataset: { use: small, train: b.jsonl } }
  two: { dataset: { use: [axis, small] } }
  three: { use: whole }
";
    let (sources, result) = read_files(&[("x.yaml", &document(text))], &[]);
    let experiment = result.unwrap_or_else(|errors| panic!("{}", errors.render(&sources, Style::Plain)));
    let lines: Vec<_> = experiment
        .instances
        .iter()
        .map(|instance| {
            let external = &instance.bound.externals()[0];
            format!("{} {} {}", instance.name, instance.bound.params(), external.source)
        })
        .collect();
    expect![[r#"
        one {size: 5, train: none} b.jsonl
        two {size: 5, train: none} a.jsonl
        three[n=3] {size: 3, train: none} a.jsonl
        three[n=4] {size: 4, train: none} a.jsonl"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn files_share_what_they_include() {
    let main = document(
        "include: [shared/base.yaml, shared/data.yaml]\naxes: { run: [0] }\nstages:\n  \
                         r: { elicit: { questions: q, prompt: \"${n} ${run}\" } }\n",
    );
    let base = "include: [data.yaml, ../shared/./data.yaml]\naxes: { n: [1, 2] }\n";
    let data = "retort: 1\nstages:\n  q: { dataset: { train: q.jsonl } }\n";
    let (sources, result) =
        read_files(&[("x.yaml", &main), ("shared/base.yaml", base), ("shared/data.yaml", data)], &[]);
    let experiment = result.unwrap_or_else(|errors| panic!("{}", errors.render(&sources, Style::Plain)));
    expect![[r#"
        q:
        r[n=1,run=0]: questions <- q
        r[n=2,run=0]: questions <- q"#]]
    .assert_eq(&show(&experiment));
    let external = &experiment.instances[0].bound.externals()[0];
    assert_eq!(experiment.folder(external.span).to_str(), Some("shared"));
}

#[test]
fn files_that_cannot_be_included_are_errors() {
    let main = document("include: [a.yaml, missing.yaml, 7, broken.yaml]\nstages: { q: { dataset: {} } }\n");
    let files = [
        ("x.yaml", main.as_str()),
        ("a.yaml", "include: [b.yaml]\nseed: 3\nstages: { q: { dataset: {} } }\n"),
        ("b.yaml", "include: [./a.yaml]\nretort: 2\nstags: {}\n"),
        ("broken.yaml", "- x\n"),
    ];
    check_files(
        &files,
        &[],
        &expect![[r#"
            error: cannot read `missing.yaml`: no such file
             --> x.yaml:4:19
              |
            4 | include: [a.yaml, missing.yaml, 7, broken.yaml]
              |                   ^^^^^^^^^^^^

            error: `include` cannot hold `7`
             --> x.yaml:4:33
              |
            4 | include: [a.yaml, missing.yaml, 7, broken.yaml]
              |                                 ^ expected a path

            error: a stage called `q` is declared twice
             --> x.yaml:5:11
              |
            5 | stages: { q: { dataset: {} } }
              |           ^ first declared at a.yaml:3
              |
              = help: rename one of them

            error: an included file cannot set `seed`
             --> a.yaml:2:1
              |
            2 | seed: 3
              | ^^^^ this belongs into the file that is run

            error: files include each other: `a.yaml` → `b.yaml` → `a.yaml`
             --> b.yaml:1:11
              |
            1 | include: [./a.yaml]
              |           ^^^^^^^^

            error: `retort` cannot be `2`
             --> b.yaml:2:9
              |
            2 | retort: 2
              |         ^ this program reads version 1

            error: unknown key `stags`
             --> b.yaml:3:1
              |
            3 | stags: {}
              | ^^^^^ known: retort, experiment, seed, include, axes, models, fragments, stages
              |
              = help: did you mean `stages`?

            error: an experiment file cannot be a list
             --> broken.yaml:1:1
              |
            1 | - x
              | ^^^ expected a mapping of: retort, experiment, seed, include, axes, models, fragments, stages"#]],
    );
}

#[test]
fn fragments_that_cannot_be_used_are_errors() {
    check_errors(
        "fragments:
  a: { use: b }
  b: { x: { use: a } }
  list: [1]
  slow: { size: 3 }
stages:
  q: { dataset: { use: slwo } }
  r: { dataset: { use: 7 } }
  s: { use: list }
",
        &expect![[r#"
            error: fragments use each other: a → b → a
             --> x.yaml:6:18
              |
            6 |   b: { x: { use: a } }
              |                  ^

            error: the fragment `list` cannot be a list
             --> x.yaml:7:9
              |
            7 |   list: [1]
              |         ^^^ expected a mapping

            error: unknown fragment `slwo`
              --> x.yaml:10:24
               |
            10 |   q: { dataset: { use: slwo } }
               |                        ^^^^ known: a, b, list, slow
               |
               = help: did you mean `slow`?

            error: `use` cannot be `7`
              --> x.yaml:11:24
               |
            11 |   r: { dataset: { use: 7 } }
               |                        ^ expected the name of a fragment, or a list of them"#]],
    );
}

#[test]
fn fragments_that_blow_up_are_refused() {
    let double = |level| format!("  f{}: {{ a: {{ use: f{level} }}, b: {{ use: f{level} }} }}\n", level + 1);
    let doubled: Vec<_> = (0..39).map(double).collect();
    let text = format!("fragments:\n  f0: {{ a: 1, b: 2 }}\n{}", doubled.concat());
    check_errors(
        &format!("{text}stages: {{ q: {{ dataset: {{ use: f39 }} }} }}\n"),
        &expect![[r#"
        error: the experiment holds more than 2 million values once its fragments are taken in
          --> x.yaml:23:37
           |
        23 |   f18: { a: { use: f17 }, b: { use: f17 } }
           |                                     ^^^"#]],
    );
    let nested: Vec<_> = (0..200).map(|level| format!("  f{}: {{ a: {{ use: f{level} }} }}\n", level + 1)).collect();
    let text = document(&format!("fragments:\n  f0: {{ a: 1 }}\n{}", nested.concat()));
    let (_, result) = read_files(&[("x.yaml", &text)], &[]);
    assert!(format!("{result:?}").contains("levels deep"));
}
