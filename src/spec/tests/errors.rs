//! Every class of error, as a person sees it.

use expect_test::expect;

use super::{check_errors, check_files};

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

            error: `steps[0].mask.fraction` cannot be the number `1.5`
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

            error: unknown form `msk` in `steps[1]`
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

            error: `recipe.batch` cannot be the number `0`
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

            error: `size` cannot be the number `-1`
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
        error: `retort` cannot be the number `2`
         --> x.yaml:1:9
          |
        1 | retort: 2
          |         ^ this program reads version 1

        error: an experiment cannot be called `a/b`
         --> x.yaml:2:13
          |
        2 | experiment: a/b
          |             ^^^ expected up to 100 of a-z A-Z 0-9 _ - . and one of a-z A-Z 0-9 _ at the start

        error: `seed` cannot be the number `-1`
         --> x.yaml:3:7
          |
        3 | seed: -1
          |       ^^ expected a whole number, 0 or more

        error: `stages` cannot be a list
         --> x.yaml:4:9
          |
        4 | stages: [q]
          |         ^^^ expected the names of stages

        error: `axes` cannot be the number `3`
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

        error: a fragment cannot be called `use`, which has a meaning of its own
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

            error: the stage `word` cannot be the text `dataset`
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

            error: `where` cannot be the number `3`
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
fn cycles_are_printed_as_a_path() {
    check_errors(
        "axes: { which: [r, b] }
stages:
  q: { dataset: {} }
  r: { elicit: { questions: q } }
  a: { transform: { rationales: c, steps: [] } }
  b: { transform: { rationales: a, steps: [] } }
  c: { transform: { rationales: \"${which}\", steps: [] } }
  after: { transform: { rationales: c, steps: [] } }
  itself: { transform: { rationales: itself, steps: [] } }
",
        &expect![[r#"
            error: stages refer to each other: a → c → b → a
             --> x.yaml:8:33
              |
            8 |   a: { transform: { rationales: c, steps: [] } }
              |                                 ^
              |
              = help: `a` refers to `c` at x.yaml:8; `c` refers to `b` at x.yaml:4; `b` refers to `a` at x.yaml:9

            error: stages refer to each other: itself → itself
              --> x.yaml:12:38
               |
            12 |   itself: { transform: { rationales: itself, steps: [] } }
               |                                      ^^^^^^
               |
               = help: `itself` refers to `itself` at x.yaml:12"#]],
    );
}

#[test]
fn derivations_are_checked() {
    check_errors(
        "stages:
  q: { dataset: {} }
  r: { elicit: { questions: q } }
  tuned: { train: { student: { path: p }, questions: q, rationales: r, recipe: {} } }
  a: { retrain: { like: r, rationales: r } }
  b: { retrain: { like: tund, rationales: r } }
  c: { retrain: { like: tuned } }
  d: { retrain: { rationales: r } }
  e: { retrain: { like: tuned, rationales: q, lr: 3 } }
  f: { retrain: { like: g, rationales: r } }
  g: { retrain: { like: h, rationales: r } }
  h: { retrain: { like: g, rationales: r } }
  i: { retrain: { like: tuned, rationales: q } }
",
        &expect![[r#"
            error: `retrain` repeats a stage of kind `train`, but the kind of `r` is `elicit`
             --> x.yaml:8:25
              |
            8 |   a: { retrain: { like: r, rationales: r } }
              |                         ^

            error: unknown stage `tund`
             --> x.yaml:9:25
              |
            9 |   b: { retrain: { like: tund, rationales: r } }
              |                         ^^^^ expected the name of a `train` stage
              |
              = help: did you mean `tuned`?

            error: `c` replaces nothing
              --> x.yaml:10:17
               |
            10 |   c: { retrain: { like: tuned } }
               |                 ^^^^^^^^^^^^^^^^ expected one of: rationales

            error: missing field `like`
              --> x.yaml:11:17
               |
            11 |   d: { retrain: { rationales: r } }
               |                 ^^^^^^^^^^^^^^^^^^ expected the name of a `train` stage

            error: unknown field `lr`
              --> x.yaml:12:47
               |
            12 |   e: { retrain: { like: tuned, rationales: q, lr: 3 } }
               |                                               ^^ `retrain` knows: like, rationales

            error: recipes repeat each other: g → h → g
              --> x.yaml:14:25
               |
            14 |   g: { retrain: { like: h, rationales: r } }
               |                         ^
               |
               = help: `g` repeats `h` at x.yaml:14; `h` repeats `g` at x.yaml:15

            error: `rationales` needs rationales, but `q` gives questions
              --> x.yaml:16:44
               |
            16 |   i: { retrain: { like: tuned, rationales: q } }
               |                                            ^
               |
               = help: what gives rationales: `r`"#]],
    );
}

#[test]
fn axes_are_checked() {
    check_errors(
        "axes:
  one: gpt2
  twice: [1, 2, '1']
  nested: [[1], { a: 1 }]
  form: { replicate: 3 }
  many: { replicates: 0 }
  range: { range: [0, 1, 0] }
  ranged: { range: [0, 1] }
  pair: { zip: { a: [1, 2], b: [3] } }
  pairs: { zip: { c: [1, 1], d: [3, 3] } }
  lone: { zip: { e: [1] } }
  'x y': [1]
  clash: [1]
stages:
  q: { over: { clash: [2], twice: [1] }, dataset: { size: 3 } }
",
        &expect![[r#"
            error: the axis `one` cannot be the text `gpt2`
             --> x.yaml:5:8
              |
            5 |   one: gpt2
              |        ^^^^ expected a list of values, `{ replicates: n }`, `{ range: [from, to, step] }` or `{ zip: { axis: […] } }`
              |
              = help: for one value, write `[gpt2]`

            error: the axis `twice` has the value `1` twice
             --> x.yaml:6:17
              |
            6 |   twice: [1, 2, '1']
              |                 ^^^

            error: a value of the axis `nested` cannot be a list
             --> x.yaml:7:12
              |
            7 |   nested: [[1], { a: 1 }]
              |            ^^^ expected text, a number, `true`, `false` or `null`

            error: a value of the axis `nested` cannot be a mapping
             --> x.yaml:7:17
              |
            7 |   nested: [[1], { a: 1 }]
              |                 ^^^^^^^^ expected text, a number, `true`, `false` or `null`

            error: unknown form `replicate` of the axis `form`
             --> x.yaml:8:11
              |
            8 |   form: { replicate: 3 }
              |           ^^^^^^^^^ expected a list of values, `{ replicates: n }`, `{ range: [from, to, step] }` or `{ zip: { axis: […] } }`
              |
              = help: did you mean `replicates`?

            error: `replicates` cannot be the number `0`
             --> x.yaml:9:23
              |
            9 |   many: { replicates: 0 }
              |                       ^ expected a whole number from 1 to 100000

            error: `range` gives no value, or more than 100000
              --> x.yaml:10:19
               |
            10 |   range: { range: [0, 1, 0] }
               |                   ^^^^^^^^^^ expected `[from, to, step]`

            error: `range` takes three numbers
              --> x.yaml:11:20
               |
            11 |   ranged: { range: [0, 1] }
               |                    ^^^^^^^ expected `[from, to, step]`

            error: `pair` zips axes with different numbers of values: `a` has 2, `b` has 1
              --> x.yaml:12:16
               |
            12 |   pair: { zip: { a: [1, 2], b: [3] } }
               |                ^^^^^^^^^^^^^^^^^^^^^^

            error: `pairs` holds the same combination twice
              --> x.yaml:13:17
               |
            13 |   pairs: { zip: { c: [1, 1], d: [3, 3] } }
               |                 ^^^^^^^^^^^^^^^^^^^^^^^^^

            error: `lone` zips fewer than two axes
              --> x.yaml:14:16
               |
            14 |   lone: { zip: { e: [1] } }
               |                ^^^^^^^^^^^ expected a mapping of axes to lists of values, all of one length

            error: an axis cannot be called `x y`
              --> x.yaml:15:3
               |
            15 |   'x y': [1]
               |   ^^^^^ expected up to 100 of a-z A-Z 0-9 _ - . and one of a-z A-Z 0-9 _ at the start

            error: an axis called `clash` is declared twice
              --> x.yaml:18:16
               |
            18 |   q: { over: { clash: [2], twice: [1] }, dataset: { size: 3 } }
               |                ^^^^^ first declared at x.yaml:16
               |
               = help: rename one of them

            error: an axis called `twice` is declared twice
              --> x.yaml:18:28
               |
            18 |   q: { over: { clash: [2], twice: [1] }, dataset: { size: 3 } }
               |                            ^^^^^ first declared at x.yaml:6
               |
               = help: rename one of them"#]],
    );
}

#[test]
fn placeholders_are_checked() {
    check_errors(
        "axes: { student: [gpt2] }
stages:
  q: { over: { own: [1] }, dataset: { size: \"${own}\" } }
  a: { elicit: { questions: q, prompt: \"${studnet}\" } }
  b: { elicit: { questions: q, prompt: \"${own}\" } }
  c: { elicit: { questions: q, prompt: \"x ${student\" } }
  d: { elicit: { questions: q, prompt: \"${ }\" } }
  e: { dataset: { size: \"${student}\" } }
  f: { elicit: { questions: \"${student}\" } }
",
        &expect![[r#"
            error: `size` cannot be the text `gpt2`
             --> x.yaml:4:19
              |
            4 | axes: { student: [gpt2] }
              |                   ^^^^ expected a whole number, 1 or more

            error: unknown stage `gpt2`
             --> x.yaml:4:19
              |
            4 | axes: { student: [gpt2] }
              |                   ^^^^ known: a, b, c, d, e, f, q

            error: unknown axis `studnet`
             --> x.yaml:7:40
              |
            7 |   a: { elicit: { questions: q, prompt: "${studnet}" } }
              |                                        ^^^^^^^^^^^^ known: student
              |
              = help: did you mean `student`?

            error: unknown axis `own`
             --> x.yaml:8:40
              |
            8 |   b: { elicit: { questions: q, prompt: "${own}" } }
              |                                        ^^^^^^^^ known: student
              |
              = help: `own` belongs to `q` alone; declare it under `axes` to use it here

            error: a placeholder is not closed: `}` is missing
             --> x.yaml:9:40
              |
            9 |   c: { elicit: { questions: q, prompt: "x ${student" } }
              |                                        ^^^^^^^^^^^^^
              |
              = help: write `$${` where `${` is meant as text

            error: a placeholder names no axis
              --> x.yaml:10:40
               |
            10 |   d: { elicit: { questions: q, prompt: "${ }" } }
               |                                        ^^^^^^
               |
               = help: write `$${` where `${` is meant as text"#]],
    );
}

#[test]
fn filters_are_checked() {
    check_errors(
        "axes: { n: [1, 2], run: [0, 1], free: [x] }
stages:
  q: { dataset: { size: \"${n}\" } }
  a: { where: { n: 3 }, elicit: { questions: q } }
  b: { where: { nn: 1 }, elicit: { questions: q } }
  c: { except: { free: x }, elicit: { questions: q } }
  d: { except: [{ n: 1 }, { n: 2 }], elicit: { questions: q } }
  e: { where: { n: { a: 1 } }, elicit: { questions: q } }
  f: { where: { n: 1 }, elicit: { questions: q } }
  g: { where: { n: 2 }, elicit: { questions: q } }
  h: { train: { student: { path: p }, questions: q, rationales: f, recipe: {} } }
  i: { transform: { rationales: g, steps: [] } }
  j: { train: { student: { path: p }, questions: f2, rationales: g, recipe: {} } }
  f2: { where: { n: 1 }, dataset: { size: \"${n}\" } }
",
        &expect![[r#"
            error: the axis `n` has no value `3`
             --> x.yaml:7:20
              |
            7 |   a: { where: { n: 3 }, elicit: { questions: q } }
              |                    ^ known: 1, 2

            error: unknown axis `nn`
             --> x.yaml:8:17
              |
            8 |   b: { where: { nn: 1 }, elicit: { questions: q } }
              |                 ^^ known: n
              |
              = help: did you mean `n`?

            error: `c` does not vary over `free`
             --> x.yaml:9:18
              |
            9 |   c: { except: { free: x }, elicit: { questions: q } }
              |                  ^^^^ known: n

            error: the stage `d` is left with no instance
              --> x.yaml:10:3
               |
            10 |   d: { except: [{ n: 1 }, { n: 2 }], elicit: { questions: q } }
               |   ^ `where` and `except` leave every combination out

            error: `n` cannot be compared with a mapping
              --> x.yaml:11:20
               |
            11 |   e: { where: { n: { a: 1 } }, elicit: { questions: q } }
               |                    ^^^^^^^^^ expected a value, or a list of values

            error: the stage `j` is left with no instance
              --> x.yaml:16:3
               |
            16 |   j: { train: { student: { path: p }, questions: f2, rationales: g, recipe: {} } }
               |   ^ what it refers to has no combination of axes in common"#]],
    );
}

#[test]
fn experiments_that_multiply_too_far_are_refused() {
    check_errors(
        "axes:
  a: { replicates: 1000 }
  b: { replicates: 1000 }
  c: { replicates: 2 }
stages:
  q: { dataset: {} }
  x: { elicit: { questions: q, prompt: \"${a}${b}${c}\" } }
",
        &expect![[r#"
            error: the experiment multiplies to more than 1 million instances
              --> x.yaml:10:3
               |
            10 |   x: { elicit: { questions: q, prompt: "${a}${b}${c}" } }
               |   ^ the limit is passed here
               |
               = help: axes multiply each other in every stage that mentions them or refers to such a stage; take some away"#]],
    );
    check_errors(
        "axes: { a: { replicates: 1100 }, b: { replicates: 1100 } }
stages:
  q: { dataset: {} }
  x: { elicit: { questions: q, prompt: \"x${a}\" } }
  y: { dataset: { train: \"x${b}\" } }
  z: { train: { student: { path: p }, questions: y, rationales: x, recipe: {} } }
",
        &expect![[r#"
            error: the experiment multiplies to more than 1 million instances
             --> x.yaml:9:3
              |
            9 |   z: { train: { student: { path: p }, questions: y, rationales: x, recipe: {} } }
              |   ^ the limit is passed here
              |
              = help: axes multiply each other in every stage that mentions them or refers to such a stage; take some away"#]],
    );
}

#[test]
fn many_errors_are_cut_short() {
    let mut text = "stages:\n".to_owned();
    for stage in 0..300 {
        text.push_str(&format!("  s{stage}: {{ datset: {{}} }}\n"));
    }
    let (_, result) = super::read_files(&[("x.yaml", &super::document(&text))], &[]);
    let errors = result.expect_err("no kind is known");
    assert_eq!(errors.len(), 101);
    assert_eq!(errors.sorted()[0].message, "more than 100 errors; the first of them follow");
}
