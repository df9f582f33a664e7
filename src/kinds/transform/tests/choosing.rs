//! Which of several rationales stay: samples, filters, and elicited texts that are trimmed.

use expect_test::expect;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use retort_artifact::{Label, Rationale};

fn sample(id: &str, sample: u32, label: Option<char>, text: &str) -> Rationale {
    let label = label.map(|label| Label::try_from(label).unwrap().into());
    Rationale { sample, label, ..row(id, text) }
}

fn quarel() -> Bench {
    Bench::new().with_questions([question("a", 'A', &["ice", "mud"]), question("b", 'B', &["ice", "mud"])])
}

fn samples() -> Vec<Rationale> {
    vec![
        sample("a", 0, Some('B'), "Mud is smooth."),
        sample("a", 1, Some('A'), "Ice is smooth."),
        sample("a", 2, Some('A'), "Ice."),
        sample("b", 0, Some('B'), "Mud is rough, as everyone knows."),
        sample("b", 3, None, "Who knows?"),
    ]
}

#[test]
fn rationales_whose_teacher_was_right_are_kept_and_the_others_counted() {
    let bench = quarel();
    bench.check("[ { filter: { label: agrees } } ]", &samples(), &expect![[r#"
        a 1: Ice is smooth.
        a 2: Ice.
        b 0: Mud is rough, as everyone knows.
        warning: `steps[0].filter`: 1 of 5 rationales have no label of the teacher's own and are left out: `b`
        warning: `steps[0].filter`: 1 of 5 rationales are left out, since the teacher's label is not the right answer: `a`
    "#]]);
    bench.check("[ { filter: { label: differs } } ]", &samples(), &expect![[r#"
        a 0: Mud is smooth.
        warning: `steps[0].filter`: 1 of 5 rationales have no label of the teacher's own and are left out: `b`
        warning: `steps[0].filter`: 3 of 5 rationales are left out, since the teacher's label agrees with the right answer: `a`, `b`
    "#]]);
    bench.check(
        "[ { filter: { words_min: 2, words_max: 3 } } ]",
        &samples(),
        &expect![[r#"
        a 0: Mud is smooth.
        a 1: Ice is smooth.
        b 3: Who knows?
        warning: `steps[0].filter`: 2 of 5 rationales are left out, since they have too few or too many words: `a`, `b`
    "#]],
    );
    bench.check(
        "[ { filter: { words_min: 99 } } ]",
        &samples(),
        &expect![[r#"
        error: cannot do `steps[0].filter`: none of 5 rationales is left
        warning: `steps[0].filter`: 5 of 5 rationales are left out, since they have too few or too many words: `a`, `b`
    "#]],
    );
    bench.check("[ { filter: { label: agrees } }, { sample: { n: 1, pick: first } } ]", &samples(), &expect![[r#"
        a 1: Ice is smooth.
        b 0: Mud is rough, as everyone knows.
        warning: `steps[0].filter`: 1 of 5 rationales have no label of the teacher's own and are left out: `b`
        warning: `steps[0].filter`: 1 of 5 rationales are left out, since the teacher's label is not the right answer: `a`
    "#]]);
    let languages = [row("a", "Ice is smoother than mud."), row("b", "Das Eis ist glatter als der Schlamm.")];
    bench.check(
        "[ { filter: { language: eng } } ]",
        &languages,
        &expect![[r#"
        a 0: Ice is smoother than mud.
        warning: `steps[0].filter`: 1 of 2 rationales are left out, since they are in another language: `b`
    "#]],
    );
    Bench::new().check(
        "[ { filter: { label: agrees } } ]",
        &samples(),
        &expect![[r#"
        error: cannot do `steps[0].filter`: it goes by the questions, and the stage has none; name them as `questions`
    "#]],
    );
    bench.check(
        "[ { filter: { label: agrees } } ]",
        &[row("z", "x")],
        &expect![[r#"
        error: cannot do `steps[0].filter`: the rationale of `z` belongs to no question of the split
    "#]],
    );
}

#[test]
fn a_sample_has_the_asked_size_and_is_among_a_larger_one() {
    let bench = Bench::new();
    let strategy = (prop::collection::btree_set(("[a-c]", 0u32..6), 1..15), 1usize..5);
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
    let nested = |(keys, n): (std::collections::BTreeSet<(String, u32)>, usize)| {
        let all: Vec<Rationale> = keys.iter().map(|(id, at)| sample(id, *at, None, "x")).collect();
        let kept = |n: usize| bench.run(&format!("[ {{ sample: {{ n: {n} }} }} ]"), &all).unwrap();
        let (small, large) = (kept(n), kept(n + 1));
        for id in ["a", "b", "c"] {
            let of = |rows: &[Rationale]| rows.iter().filter(|row| row.id == id).count();
            prop_assert_eq!(of(&small), n.min(of(&all)));
        }
        prop_assert!(small.iter().all(|row| large.contains(row)));
        // A rationale that goes is replaced by one at most.
        let fewer = bench.run(&format!("[ {{ sample: {{ n: {n} }} }} ]"), &all[1..]).unwrap();
        prop_assert!(fewer.iter().filter(|row| !small.contains(row)).count() <= 1);
        Ok(())
    };
    runner.run(&strategy, nested).unwrap();
    Bench::new().check(
        "[ { sample: { n: 3 } } ]",
        &samples(),
        &expect![[r#"
        a 0: Mud is smooth.
        a 1: Ice is smooth.
        a 2: Ice.
        b 0: Mud is rough, as everyone knows.
        b 3: Who knows?
        warning: `steps[0].sample`: 1 of 2 questions have fewer than 3 rationales: `b`
    "#]],
    );
}

#[test]
fn elicited_texts_are_trimmed() {
    let rows = rows(&["\n Ice is smooth.\nSo it is.\n \n\nQuestion: Which?", "Ice.</s> Mud.", "Question: Which?", " "]);
    let bench = Bench::new();
    bench.check(
        "[ { trim: { to: paragraph } } ]",
        &rows,
        &expect![[r#"
        a 0: Ice is smooth.
        So it is.
        b 0: Ice.</s> Mud.
        c 0: Question: Which?
        d 0: 
    "#]],
    );
    bench.check(
        "[ { trim: { to: line } } ]",
        &rows,
        &expect![[r#"
        a 0: Ice is smooth.
        b 0: Ice.</s> Mud.
        c 0: Question: Which?
        d 0: 
    "#]],
    );
    bench.check(
        "[ { trim: { stop: \"</s>\" } } ]",
        &rows[1..],
        &expect![[r#"
        b 0: Ice.
        c 0: Question: Which?
        d 0: 
    "#]],
    );
    bench.check(
        "[ { trim: { to: line, stop: \"Question:\" } } ]",
        &rows,
        &expect![[r#"
            a 0: Ice is smooth.
            b 0: Ice.</s> Mud.
            c 0: 
            d 0: 
            warning: `steps[0].trim`: 1 of 4 rationales are empty now: `c`
        "#]],
    );
}
