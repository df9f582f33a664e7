//! Errors about references between stages, as a person sees them.

use expect_test::expect;

use super::check_errors;

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
  j: { retrain: { like: tuned, rationales: r } }
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

            error: stages repeat each other: g → h → g
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
               = help: what gives rationales: `r`

            error: `j` differs from `tuned` in nothing: `rationales` is the same
              --> x.yaml:17:44
               |
            17 |   j: { retrain: { like: tuned, rationales: r } }
               |                                            ^ expected another one"#]],
    );
}

#[test]
fn exactly_one_thing_may_differ() {
    check_errors(
        "axes: { run: [0, 1] }
stages:
  q: { dataset: {} }
  r: { elicit: { questions: q } }
  s: { elicit: { questions: q, prompt: p } }
  tuned:
    over: { batch: [4, 8], which: [r, s] }
    train:
      student: { path: p }
      questions: q
      rationales: \"${which}\"
      recipe: { batch: \"${batch}\" }
      seed: \"${run}\"
  fine: { over: { which: [s] }, retrain: { like: tuned, rationales: \"${which}\" } }
  a: { over: { batch: [16] }, retrain: { like: tuned, rationales: r } }
",
        &expect![[r#"
            error: `a` differs from `tuned` in `batch` as well
              --> x.yaml:18:16
               |
            18 |   a: { over: { batch: [16] }, retrain: { like: tuned, rationales: r } }
               |                ^^^^^ `tuned`, which is repeated, goes by it
               |
               = help: exactly one thing may differ: keep some of an axis' values with `where`, or write a stage of its own"#]],
    );
}
