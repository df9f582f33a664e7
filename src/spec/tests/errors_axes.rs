//! Errors about axes, placeholders and filters, as a person sees them.

use expect_test::expect;

use super::check_errors;

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
            error: the axis `one` cannot be `gpt2`
             --> x.yaml:5:8
              |
            5 |   one: gpt2
              |        ^^^^ expected a list of values, `{ replicates: n }`, `{ range: [from, to, step] }`, `{ values: { name: … } }` or `{ zip: { axis: […] } }`
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
              |
              = help: a value that is a list or a mapping needs a name: `nested: { values: { NAME: … } }`

            error: a value of the axis `nested` cannot be a mapping
             --> x.yaml:7:17
              |
            7 |   nested: [[1], { a: 1 }]
              |                 ^^^^^^^^ expected text, a number, `true`, `false` or `null`
              |
              = help: a value that is a list or a mapping needs a name: `nested: { values: { NAME: … } }`

            error: unknown key `replicate` in the axis `form`
             --> x.yaml:8:11
              |
            8 |   form: { replicate: 3 }
              |           ^^^^^^^^^ expected a list of values, `{ replicates: n }`, `{ range: [from, to, step] }`, `{ values: { name: … } }` or `{ zip: { axis: […] } }`
              |
              = help: did you mean `replicates`?

            error: `replicates` cannot be `0`
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
            error: `size` cannot be `gpt2`
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
            error: the experiment multiplies to more than 250 thousand instances
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
            error: the experiment multiplies to more than 250 thousand instances
             --> x.yaml:9:3
              |
            9 |   z: { train: { student: { path: p }, questions: y, rationales: x, recipe: {} } }
              |   ^ the limit is passed here
              |
              = help: axes multiply each other in every stage that mentions them or refers to such a stage; take some away"#]],
    );
}
