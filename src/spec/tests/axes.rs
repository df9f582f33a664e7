//! Axes, their forms, filters and settings.

use expect_test::expect;

use super::{check_files, check_instances, document, experiment, names};

const PLAIN: &str = "stages:
  q: { dataset: { size: \"${n}\" } }
";

#[test]
fn ranges_include_both_ends_and_stay_as_written() {
    let of = |form: &str| {
        let text = format!(
            "axes: {{ f: {form} }}\nstages:\n  q: {{ dataset: {{}} }}\n  r: {{ elicit: {{ questions: q, prompt: \"${{f}} of it\" }} }}\n"
        );
        names(&experiment(&text, &[]), "r").join(" ")
    };
    assert_eq!(of("{ replicates: 3 }"), "r[f=0] r[f=1] r[f=2]");
    assert_eq!(of("{ range: [0.1, 0.9, 0.2] }"), "r[f=0.1] r[f=0.3] r[f=0.5] r[f=0.7] r[f=0.9]");
    assert_eq!(of("{ range: [1, 10, 4] }"), "r[f=1] r[f=5] r[f=9]");
    assert_eq!(of("{ range: [3, 1, -1] }"), "r[f=3] r[f=2] r[f=1]");
    assert_eq!(of("[0.4, 3.0e-5, true, null]"), "r[f=0.4] r[f=0.00003] r[f=true] r[f=null]");
}

#[test]
fn zipped_axes_vary_together_also_when_they_meet_downstream() {
    check_instances(
        "axes:
  pair: { zip: { size: [1, 2, 3], word: [a, b, a] } }
stages:
  q: { dataset: { size: \"${size}\" } }
  r: { elicit: { questions: plain, prompt: \"${word}\" } }
  plain: { dataset: {} }
  both: { elicit: { questions: q, prompt: \"${word}\" } }
  met: { train: { student: { path: p }, questions: q, rationales: r, recipe: {} } }
",
        &expect![[r#"
            q[size=1]:
            q[size=2]:
            q[size=3]:
            plain:
            r[word=a]: questions <- plain
            r[word=b]: questions <- plain
            both[size=1,word=a]: questions <- q[size=1]
            both[size=2,word=b]: questions <- q[size=2]
            both[size=3,word=a]: questions <- q[size=3]
            met[size=1,word=a]: questions <- q[size=1]; rationales <- r[word=a]
            met[size=2,word=b]: questions <- q[size=2]; rationales <- r[word=b]
            met[size=3,word=a]: questions <- q[size=3]; rationales <- r[word=a]"#]],
    );
}

#[test]
fn local_axes_multiply_their_stage_and_what_follows() {
    check_instances(
        "stages:
  q: { dataset: {} }
  r: { elicit: { questions: q } }
  masked:
    over: { fraction: [0.1, 0.4], copy: { replicates: 2 } }
    transform: { rationales: r, steps: [{ mask: { fraction: \"${fraction}\" } }] }
  again: { transform: { rationales: masked, steps: [] } }
",
        &expect![[r#"
            q:
            r: questions <- q
            masked[copy=0,fraction=0.1]: rationales <- r
            masked[copy=0,fraction=0.4]: rationales <- r
            masked[copy=1,fraction=0.1]: rationales <- r
            masked[copy=1,fraction=0.4]: rationales <- r
            again[copy=0,fraction=0.1]: rationales <- masked[copy=0,fraction=0.1]
            again[copy=0,fraction=0.4]: rationales <- masked[copy=0,fraction=0.4]
            again[copy=1,fraction=0.1]: rationales <- masked[copy=1,fraction=0.1]
            again[copy=1,fraction=0.4]: rationales <- masked[copy=1,fraction=0.4]"#]],
    );
}

const NAMED: &str = "axes:
  how: { values: { whole: [], half: [{ mask: { fraction: 0.5 } }], most: [{ mask: { fraction: 0.9 } }] } }
stages:
  q: { dataset: {} }
  r: { elicit: { questions: q, prompt: \"p-${how}\" } }
  masked: { transform: { rationales: r, steps: \"${how}\" } }
  lone: { elicit: { questions: q } }
  hidden:
    except: { how: whole }
    transform: { rationales: lone, steps: \"${how}\" }
";

#[test]
fn values_with_names_may_be_lists() {
    let all = experiment(NAMED, &[]);
    assert_eq!(names(&all, "masked"), ["masked[how=whole]", "masked[how=half]", "masked[how=most]"]);
    assert_eq!(names(&all, "hidden"), ["hidden[how=half]", "hidden[how=most]"]);
    let params = |name: &str| format!("{:?}", all.instance(all.find(name).unwrap()).bound.params());
    assert!(params("masked[how=half]").contains("0.5") && params("masked[how=most]").contains("0.9"));
    assert!(!params("masked[how=whole]").contains("mask"), "{}", params("masked[how=whole]"));
    assert!(params("r[how=half]").contains("p-half"), "within a text, a list stands by its name");
    // A parameter within it is where it was written.
    let id = all.find("masked[how=most]").unwrap();
    let span = all.span_of(id, "params.steps[0].mask.fraction").unwrap();
    assert_eq!(&document(NAMED)[span.start..span.end], "0.9");

    let one = experiment(NAMED, &["how=most"]);
    assert_eq!(names(&one, "masked"), ["masked[how=most]"]);
}

#[test]
fn wrong_values_with_names_are_told() {
    let wrong = |form: &str, settings: &[&str]| {
        let text = NAMED.replace(
            "{ values: { whole: [], half: [{ mask: { fraction: 0.5 } }], most: [{ mask: { fraction: 0.9 } }] } }",
            form,
        );
        let (sources, result) = super::read_files(&[("x.yaml", &document(&text))], settings);
        result.expect_err(form).render(&sources, retort_source::Style::Plain)
    };
    let whole = "{ values: { whole: [], half: [] } }";
    for (form, settings, said) in [
        ("{ values: [] }", &[][..], "`values` of the axis `how` cannot be "),
        ("{ values: {} }", &[], "`values` of the axis `how` cannot be "),
        ("{ values: { \"a b\": [] } }", &[], "a value of an axis cannot be called `a b`"),
        ("{ values: { whole: [\"${q}\"] } }", &[], "the value `whole` of the axis `how` mentions the axis `q`"),
        ("{ values: { whole: [], half: [{ mask: { fraction: 7 } }] } }", &[], "fraction"),
        ("[[]]", &[], "a value that is a list or a mapping needs a name: `how: { values: { NAME: … } }`"),
        ("{ valeus: { whole: [] } }", &[], "did you mean `values`?"),
        (whole, &["how=hlaf"], "the axis `how` has no value `hlaf`"),
        (whole, &["how=hlaf"], "did you mean `half`?"),
        (whole, &["how=[]"], "the axis `how` has no value `"),
        (whole, &["how=half,half"], "the axis `how` has the value `half` twice"),
    ] {
        let found = wrong(form, settings);
        assert!(found.contains(said), "{form} {settings:?}: {found}");
    }
}

const TUNED: &str = "axes:
  student: [gpt2, phi]
  run: { replicates: 2 }
  treatment: [r, masked]
models: { gpt2: { path: models/gpt2 }, phi: { path: models/phi } }
stages:
  q: { dataset: {} }
  r: { elicit: { questions: q } }
  masked:
    over: { fraction: [0.1, 0.4] }
    transform: { rationales: r, steps: [{ mask: { fraction: \"${fraction}\" } }] }
  tuned:
    FILTER
    train: { student: \"${student}\", questions: q, rationales: \"${treatment}\", recipe: {}, seed: \"${run}\" }
";

fn filtered(filter: &str, settings: &[&str]) -> String {
    names(&experiment(&TUNED.replace("FILTER", filter), settings), "tuned").join("\n")
}

#[test]
fn filters_leave_combinations_out() {
    expect![[r#"
        tuned[student=gpt2,run=0,treatment=r]
        tuned[student=gpt2,run=0,treatment=masked,fraction=0.1]
        tuned[student=gpt2,run=0,treatment=masked,fraction=0.4]"#]]
    .assert_eq(&filtered("where: { student: gpt2, run: 0 }", &[]));
    expect![[r#"
        tuned[student=phi,run=0,treatment=r]
        tuned[student=phi,run=0,treatment=masked,fraction=0.1]
        tuned[student=phi,run=0,treatment=masked,fraction=0.4]
        tuned[student=phi,run=1,treatment=r]"#]]
    .assert_eq(&filtered("except: [{ student: gpt2 }, { run: 1, fraction: [0.1, 0.4] }]", &[]));
    expect![[r#"
        tuned[student=gpt2,run=1,treatment=masked,fraction=0.4]
        tuned[student=phi,run=0,treatment=r]
        tuned[student=phi,run=1,treatment=r]
        tuned[student=phi,run=1,treatment=masked,fraction=0.4]"#]]
    .assert_eq(&filtered("where: [{ fraction: 0.4, run: 1 }, { treatment: r, student: phi }]", &[]));
    expect![[r#"
        tuned[student=gpt2,run=0,treatment=r]
        tuned[student=gpt2,run=0,treatment=masked,fraction=0.1]"#]]
    .assert_eq(&filtered("where: { fraction: [null, 0.1], run: 0 }\n    except: { student: phi }", &[]));
}

#[test]
fn settings_replace_values() {
    expect![[r#"
        tuned[student=phi,run=0,treatment=masked,fraction=0.9]
        tuned[student=phi,run=0,treatment=masked,fraction=1]"#]]
    .assert_eq(&filtered("where: { run: 0 }", &["student=phi", "treatment=masked", "fraction=0.9,1"]));
    let seeded = experiment(PLAIN.replace("\"${n}\"", "4").as_str(), &["seed=99"]);
    assert_eq!(seeded.seed, 99);
    let named =
        experiment(&format!("axes: {{ seed: [1, 2], n: [3] }}\n{}", PLAIN.replace("${n}", "${seed}")), &["seed=5,6"]);
    assert_eq!((named.seed, names(&named, "q").join(" ")), (17, "q[seed=5] q[seed=6]".to_owned()));
    // A filter on a value that the command line took away is not an error.
    assert_eq!(
        filtered("except: { student: gpt2 }", &["student=phi", "run=0", "treatment=r"]),
        "tuned[student=phi,run=0,treatment=r]"
    );
}

#[test]
fn settings_that_fit_nothing_are_errors() {
    let text = document(&TUNED.replace("FILTER\n", "where: { run: [0, 1] }\n"));
    let settings = ["studnet=phi", "run", "treatment=", "seed=1,2", "student=[phi]", "fraction={"];
    check_files(
        &[("x.yaml", &text)],
        &settings,
        &expect![[r#"
            error: cannot set `run`: it gives no value
             |
             = help: write `--set axis=value` or `--set axis=value,value`

            error: cannot set `studnet`: there is no such axis
             --> --set studnet:1:1
              |
            1 | [phi]
              | ^^^^^ known: student, run, treatment, fraction
              |
              = help: did you mean `student`?

            error: the axis `treatment` has no value
             --> --set treatment:1:1
              |
            1 | []
              | ^^

            error: `seed` takes one value
             --> --set seed:1:1
              |
            1 | [1,2]
              | ^^^^^
              |
              = help: for several, declare an axis

            error: a value of the axis `student` cannot be a list
             --> --set student:1:2
              |
            1 | [[phi]]
              |  ^^^^^ expected text, a number, `true`, `false` or `null`
              |
              = help: a value that is a list or a mapping needs a name: `student: { values: { NAME: … } }`

            error: this is not YAML: while parsing a node, did not find expected node content
             --> --set fraction:1:3
              |
            1 | [{]
              |   ^"#]],
    );
    let zip =
        document("axes: { p: { zip: { a: [1, 2], b: [3, 4] } } }\nstages: { q: { dataset: { size: \"${a}\" } } }\n");
    check_files(
        &[("x.yaml", &zip)],
        &["a=1,2,3"],
        &expect![[r#"
        error: `p` zips axes with different numbers of values: `a` has 3, `b` has 2
         --> --set a:1:2
          |
        1 | [1,2,3]
          |  ^
          |
          = help: set every zipped axis, to as many values each"#]],
    );
}

#[test]
fn values_out_of_range_are_shown_where_they_were_set() {
    let text = document(&TUNED.replace("FILTER\n", "where: { run: [0, 1] }\n"));
    check_files(
        &[("x.yaml", &text)],
        &["fraction=0.1, 1.5"],
        &expect![[r#"
        error: `steps[0].mask.fraction` cannot be `1.5`
         --> --set fraction:1:7
          |
        1 | [0.1, 1.5]
          |       ^^^ expected a number from 0 to 1"#]],
    );
}
