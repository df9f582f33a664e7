//! Errors of whole files and stages, as a person sees them.

use expect_test::expect;

use super::{check_errors, check_files, document, experiment, read_files};

#[test]
fn every_error_of_a_file_is_reported_at_once() {
    check_errors(
        "axes:
  student: [gpt2, phi]
  fraction: [0.1, 1.5]
models: { gpt2: { path: models/gpt2 } }
stags: {}
stages:
  questions: { datset: { size: 3 } }
  rationales: { elicit: { questions: questions, promt: x } }
  masked: { transform: { rationales: rationale, steps: [{ mask: { fraction: \"${fraction}\" } }, { msk: {} }] } }
  tuned: { train: { student: \"${student}\", questions: rationales, placement: \"${placement}\", recipe: { batch: 0 } } }
  scores: { evaluate: { model: rationales } }
  figure: { report: { scores: [scores, masked] } }
",
        &expect![[r#"
            error: unknown model `phi`
             --> x.yaml:5:19
              |
            5 |   student: [gpt2, phi]
              |                   ^^^ known: gpt2

            error: `steps[0].mask.fraction` cannot be `1.5`
             --> x.yaml:6:19
              |
            6 |   fraction: [0.1, 1.5]
              |                   ^^^ expected a number from 0 to 1

            error: unknown key `stags`
             --> x.yaml:8:1
              |
            8 | stags: {}
              | ^^^^^ known: retort, experiment, seed, include, axes, models, fragments, stages
              |
              = help: did you mean `stages`?

            error: unknown stage kind `datset`
              --> x.yaml:10:16
               |
            10 |   questions: { datset: { size: 3 } }
               |                ^^^^^^ known: dataset, elicit, transform, train, attribute, evaluate, report, retrain
               |
               = help: did you mean `dataset`?

            error: unknown field `promt`
              --> x.yaml:11:49
               |
            11 |   rationales: { elicit: { questions: questions, promt: x } }
               |                                                 ^^^^^ known: questions, prompt
               |
               = help: did you mean `prompt`?

            error: unknown stage `rationale`
              --> x.yaml:12:38
               |
            12 |   masked: { transform: { rationales: rationale, steps: [{ mask: { fraction: "${fraction}" } }, { msk: {} }] } }
               |                                      ^^^^^^^^^ known: figure, masked, questions, rationales, scores, tuned
               |
               = help: did you mean `rationales`?

            error: unknown step `msk` in `steps[1]`
              --> x.yaml:12:98
               |
            12 |   masked: { transform: { rationales: rationale, steps: [{ mask: { fraction: "${fraction}" } }, { msk: {} }] } }
               |                                                                                                  ^^^ expected one of: mask, keep_top
               |
               = help: did you mean `mask`?

            error: `questions` needs questions, but `rationales` gives rationales
              --> x.yaml:13:55
               |
            13 |   tuned: { train: { student: "${student}", questions: rationales, placement: "${placement}", recipe: { batch: 0 } } }
               |                                                       ^^^^^^^^^^

            error: unknown axis `placement`
              --> x.yaml:13:78
               |
            13 |   tuned: { train: { student: "${student}", questions: rationales, placement: "${placement}", recipe: { batch: 0 } } }
               |                                                                              ^^^^^^^^^^^^^^ known: fraction, student

            error: `recipe.batch` cannot be `0`
              --> x.yaml:13:111
               |
            13 |   tuned: { train: { student: "${student}", questions: rationales, placement: "${placement}", recipe: { batch: 0 } } }
               |                                                                                                               ^ expected a whole number, 1 or more

            error: missing field `questions`
              --> x.yaml:14:23
               |
            14 |   scores: { evaluate: { model: rationales } }
               |                       ^^^^^^^^^^^^^^^^^^^^^^

            error: `model` needs a checkpoint, but `rationales` gives rationales
              --> x.yaml:14:32
               |
            14 |   scores: { evaluate: { model: rationales } }
               |                                ^^^^^^^^^^
               |
               = help: what gives a checkpoint: `tuned`

            error: `scores` needs scores, but `masked` gives rationales
              --> x.yaml:15:40
               |
            15 |   figure: { report: { scores: [scores, masked] } }
               |                                        ^^^^^^
               |
               = help: what gives scores: `scores`"#]],
    );
}

#[test]
fn a_broken_stage_breaks_no_other() {
    check_errors(
        "axes: { empty: [] }
stages:
  q: { dataset: { size: -1 } }
  r: { elicit: { questions: q } }
  s: { elicit: { questions: q, prompt: \"${empty}\" } }
  t: { report: { scores: e } }
  e: { evaluate: { model: m, questions: q } }
  m: { train: }
  n: { retrain: { like: m, rationales: r } }
",
        &expect![[r#"
            error: the axis `empty` has no value
             --> x.yaml:4:16
              |
            4 | axes: { empty: [] }
              |                ^^^

            error: `size` cannot be `-1`
             --> x.yaml:6:25
              |
            6 |   q: { dataset: { size: -1 } }
              |                         ^^ expected a whole number, 1 or more

            error: missing field `student`
              --> x.yaml:11:13
               |
            11 |   m: { train: }
               |             ^"#]],
    );
}

#[test]
fn the_head_of_a_file_is_checked() {
    check_files(
        &[("x.yaml", "retort: 2\nexperiment: a/b\nseed: -1\nstages: [q]\naxes: 3\n")],
        &[],
        &expect![[r#"
        error: `retort` cannot be `2`
         --> x.yaml:1:9
          |
        1 | retort: 2
          |         ^ this program reads version 1

        error: an experiment cannot be called `a/b`
         --> x.yaml:2:13
          |
        2 | experiment: a/b
          |             ^^^ expected up to 100 of a-z A-Z 0-9 _ - . and one of a-z A-Z 0-9 _ at the start

        error: `seed` cannot be `-1`
         --> x.yaml:3:7
          |
        3 | seed: -1
          |       ^^ expected a whole number, 0 or more

        error: `stages` cannot be a list
         --> x.yaml:4:9
          |
        4 | stages: [q]
          |         ^^^ expected the names of stages

        error: `axes` cannot be `3`
         --> x.yaml:5:7
          |
        5 | axes: 3
          |       ^ expected the names of axes"#]],
    );
    check_files(
        &[("x.yaml", "# nothing\nstages: {}\n")],
        &[],
        &expect![[r#"
        error: missing key `retort`
         --> x.yaml:2:1
          |
        2 | stages: {}
          | ^
          |
          = help: begin the file with `retort: 1`, the version of the language

        error: missing key `experiment`
         --> x.yaml:2:1
          |
        2 | stages: {}
          | ^
          |
          = help: add `experiment: its-name`; an included file cannot be run alone"#]],
    );
    check_files(
        &[("x.yaml", "- retort: 1\n")],
        &[],
        &expect![[r#"
        error: an experiment file cannot be a list
         --> x.yaml:1:1
          |
        1 | - retort: 1
          | ^^^^^^^^^^^ expected a mapping of: retort, experiment, seed, include, axes, models, fragments, stages"#]],
    );
    check_files(
        &[("x.yaml", "retort: 1\nexperiment: x\nstages:\n  q: { dataset: {} }\n  q: { dataset: {} }\n")],
        &[],
        &expect![[r#"
        error: the key `q` is given twice, on lines 4 and 5
         --> x.yaml:5:3
          |
        5 |   q: { dataset: {} }
          |   ^"#]],
    );
    check_files(
        &[("x.yaml", "retort: 1\nexperiment: [x]\nfragments: { use: {} }\nmodels: { m: { path: \"${x}\" } }\n")],
        &[],
        &expect![[r#"
        error: `experiment` cannot be a list
         --> x.yaml:2:13
          |
        2 | experiment: [x]
          |             ^^^ expected a name

        error: a fragment cannot be called `use`, which is a reserved word
         --> x.yaml:3:14
          |
        3 | fragments: { use: {} }
          |              ^^^

        error: the model `m` cannot hold a placeholder
         --> x.yaml:4:22
          |
        4 | models: { m: { path: "${x}" } }
          |                      ^^^^^^
          |
          = help: declare one model for each value, and let an axis choose between their names"#]],
    );
}

#[test]
fn stages_have_one_kind_and_few_keys_beside() {
    check_errors(
        "stages:
  'a b': { dataset: {} }
  none: { over: { n: [1] } }
  two: { dataset: {}, report: { scores: x } }
  beside: { dataset: {}, wher: { n: 1 } }
  list: [dataset]
  word: dataset
  retran: { retran: { like: x } }
  filter: { where: 3, except: [], dataset: {} }
  over: { over: [1], dataset: {} }
",
        &expect![[r#"
            error: a stage cannot be called `a b`
             --> x.yaml:5:3
              |
            5 |   'a b': { dataset: {} }
              |   ^^^^^ expected up to 100 of a-z A-Z 0-9 _ - . and one of a-z A-Z 0-9 _ at the start

            error: the stage `none` names no kind
             --> x.yaml:6:3
              |
            6 |   none: { over: { n: [1] } }
              |   ^^^^ expected one key of: dataset, elicit, transform, train, attribute, evaluate, report, retrain

            error: the stage `two` names two kinds, `dataset` and `report`
             --> x.yaml:7:23
              |
            7 |   two: { dataset: {}, report: { scores: x } }
              |                       ^^^^^^ expected one

            error: unknown key `wher` beside the kind of `beside`
             --> x.yaml:8:26
              |
            8 |   beside: { dataset: {}, wher: { n: 1 } }
              |                          ^^^^ known: over, where, except, use
              |
              = help: did you mean `where`?

            error: the stage `list` cannot be a list
             --> x.yaml:9:9
              |
            9 |   list: [dataset]
              |         ^^^^^^^^^ expected a mapping with one key that names the kind

            error: the stage `word` cannot be `dataset`
              --> x.yaml:10:9
               |
            10 |   word: dataset
               |         ^^^^^^^ expected a mapping with one key that names the kind

            error: unknown stage kind `retran`
              --> x.yaml:11:13
               |
            11 |   retran: { retran: { like: x } }
               |             ^^^^^^ known: dataset, elicit, transform, train, attribute, evaluate, report, retrain
               |
               = help: did you mean `retrain`?

            error: `where` cannot be `3`
              --> x.yaml:12:20
               |
            12 |   filter: { where: 3, except: [], dataset: {} }
               |                    ^ expected a mapping of axes to values, or a list of such mappings

            error: `over` cannot be a list
              --> x.yaml:13:17
               |
            13 |   over: { over: [1], dataset: {} }
               |                 ^^^ expected a mapping of axes to lists of values"#]],
    );
}

#[test]
fn many_errors_are_cut_short() {
    let stages: Vec<_> = (0..300).map(|stage| format!("  s{stage}: {{ datset: {{}} }}\n")).collect();
    let text = document(&format!("stages:\n{}", stages.concat()));
    let (_, result) = read_files(&[("x.yaml", &text)], &[]);
    let errors = result.expect_err("no kind is known");
    assert_eq!(errors.len(), 101);
    assert_eq!(errors.sorted()[0].message, "more than 100 errors; the first of them follow");
}

#[test]
fn a_field_is_read_under_its_old_name_with_a_notice() {
    let old = experiment("stages: { q: { dataset: { count: 3 } } }\n", &[]);
    let new = experiment("stages: { q: { dataset: { size: 3 } } }\n", &[]);
    assert_eq!(old.instances[0].bound.params(), new.instances[0].bound.params());
    let said: Vec<_> = old.notices.iter().map(|notice| notice.message.as_str()).collect();
    assert_eq!(said, ["`count` is now called `size`"]);
    assert!(new.notices.is_empty());
}

#[test]
fn a_field_cannot_have_both_its_names() {
    check_errors(
        "stages: { q: { dataset: { count: 3, size: 4 } } }\n",
        &expect![[r#"
            error: `count` is the old name of `size`, and both are given
             --> x.yaml:4:27
              |
            4 | stages: { q: { dataset: { count: 3, size: 4 } } }
              |                           ^^^^^
              |
              = help: keep `size` alone"#]],
    );
}
