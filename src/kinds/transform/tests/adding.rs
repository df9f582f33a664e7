//! More than there was: units of another rationale, or other rationales behind.

use expect_test::expect;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use retort_artifact::{Answer, Label, Rationale, Rationales};
use retort_text::words::{sentences, words};

fn texts_of(text: &str, ranges: Vec<std::ops::Range<usize>>) -> Vec<String> {
    ranges.into_iter().map(|range| text[range].to_owned()).collect()
}

fn is_within(part: &[String], whole: &[String]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|unit| rest.any(|other| other == unit))
}

#[test]
fn units_of_another_rationale_are_inserted() {
    let bench = Bench::new();
    let rows = rows(&["Ice is smooth. So, A.", "Mud is rough. It sticks. Thus B.", ""]);
    bench.check("[ { insert: { count: 1 } } ]", &rows, &expect![[r#"
        a 0: Ice is smooth. So, A.
        b 0: So, A. Mud is rough. It sticks. Thus B.
        c 0: Mud is rough.
        warning: `steps[0].insert`: 1 of 3 rationales take all units of the other rationale, which has fewer than asked for: `a`
    "#]]);
    bench.check("[ { insert: { count: 3 } } ]", &rows, &expect![[r#"
        a 0: Ice is smooth. So, A.
        b 0: Ice is smooth. So, A. Mud is rough. It sticks. Thus B.
        c 0: Mud is rough. It sticks. Thus B.
        warning: `steps[0].insert`: 2 of 3 rationales take all units of the other rationale, which has fewer than asked for: `a`, `b`
    "#]]);
    bench.check("[ { insert: { fraction: 0.5, level: word } } ]", &rows, &expect![[r#"
        a 0: Ice is smooth. So, A.
        b 0: Mud is rough. So It is smooth sticks. A Thus B.
        c 0: 
        warning: `steps[0].insert`: 1 of 3 rationales take all units of the other rationale, which has fewer than asked for: `a`
    "#]]);
    bench.check("[ { insert: { count: 1, level: step } } ]", &rows, &expect![[r#"
        a 0: Ice is smooth. So, A.
        b 0: Ice is smooth. So, A.
        Mud is rough. It sticks. Thus B.
        c 0: Mud is rough. It sticks. Thus B.
        warning: `steps[0].insert`: 1 of 3 rationales take all units of the other rationale, which has fewer than asked for: `a`
    "#]]);
    bench.check(
        "[ { insert: { count: 1 } } ]",
        &rows[..1],
        &expect![[r#"
        error: cannot do `steps[0].insert`: for 1 of 1 questions there is no other question: `a`
    "#]],
    );
    bench.check(
        "[ { insert: { count: 1, label: other } } ]",
        &rows,
        &expect![[r#"
        error: cannot do `steps[0].insert`: it goes by the questions, and the stage has none; name them as `questions`
    "#]],
    );
    let labelled = Bench::new().with_questions([
        question("a", 'A', &["x", "y"]),
        question("b", 'B', &["x", "y"]),
        question("c", 'A', &["x", "y"]),
    ]);
    let same = labelled.run("[ { insert: { count: 9, label: same } } ]", &[rows[0].clone(), rows[2].clone()]).unwrap();
    assert_eq!(texts(&same), ["Ice is smooth. So, A.", "Ice is smooth. So, A."]);
    drop(labelled.said());
    labelled.check(
        "[ { insert: { count: 1, label: same } } ]",
        &rows[..2],
        &expect![[r#"
            error: cannot do `steps[0].insert`: for 2 of 2 questions no other question has the same right answer: `b`, `a`
        "#]],
    );
}

#[test]
fn insert_takes_from_the_question_that_swap_takes_from() {
    let texts = ["One.", "Two.", "Three.", "Four.", "Five.", "Six."];
    let all = rows(&texts);
    let questions = all.iter().zip("ABABBA".chars()).map(|(row, answer)| question(&row.id, answer, &["x", "y"]));
    let bench = Bench::new().with_questions(questions);
    for label in ["any", "same", "other"] {
        let swapped = bench.run(&format!("[ {{ swap: {{ label: {label} }} }} ]"), &all).unwrap();
        let inserted = bench.run(&format!("[ {{ insert: {{ count: 1, label: {label} }} }} ]"), &all).unwrap();
        for ((own, swapped), inserted) in all.iter().zip(&swapped).zip(&inserted) {
            let mut both = [own.text.as_str(), swapped.text.as_str()];
            let mut found: Vec<&str> = inserted.text.split(' ').collect();
            both.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, both, "{label}");
        }
    }
}

#[test]
fn ones_own_units_stay_in_order_and_a_larger_number_inserts_the_same_and_more() {
    let text = "((ice|mud|é😀|so)[,.]? ){0,8}";
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() });
    let bench = Bench::new();
    let holds = |(one, two, count): (String, String, usize)| {
        // The other's units are told apart from one's own.
        let all = [row("a", &one), row("b", &two.to_uppercase())];
        for (level, of) in [("word", words as fn(&str) -> _), ("sentence", sentences as fn(&str) -> _)] {
            let of = |text: &str| texts_of(text, of(text));
            let insert = |count: usize| {
                let steps = format!("[ {{ insert: {{ count: {count}, level: {level} }} }} ]");
                bench.run(&steps, &all).unwrap().remove(0).text
            };
            let (few, many) = (of(&insert(count)), of(&insert(count + 1)));
            let (own, theirs) = (of(&one), of(&all[1].text));
            prop_assert!(is_within(&few, &many) || level == "sentence", "{:?} {:?}", few, many);
            if level == "word" {
                prop_assert!(is_within(&own, &few));
                prop_assert_eq!(few.len(), own.len() + count.min(theirs.len()));
                let mut rest: Vec<String> = few.clone();
                own.iter().for_each(|word| drop(rest.iter().position(|other| other == word).map(|at| rest.remove(at))));
                prop_assert!(rest.iter().all(|word| theirs.contains(word)), "{:?} {:?}", rest, theirs);
            }
        }
        // As many as the fraction of one's own, rounded, if the other has them.
        let half = bench.run("[ { insert: { fraction: 0.5, level: word } } ]", &all).unwrap();
        let (own, theirs) = (words(&one).len(), words(&two).len());
        prop_assert_eq!(words(&half[0].text).len(), own + ((own as f64 / 2.0).round() as usize).min(theirs));
        Ok(())
    };
    runner.run(&(text, text, 1usize..6), holds).unwrap();
}

fn sample(id: &str, sample: u32, label: Option<char>, text: &str) -> Rationale {
    let label = label.map(|label| Answer::Choice(Label::try_from(label).unwrap()));
    Rationale { sample, label, ..row(id, text) }
}

#[test]
fn samples_are_joined_in_their_order() {
    let bench = Bench::new();
    let rows = [
        sample("a", 2, Some('A'), "Third."),
        sample("a", 0, Some('A'), "First."),
        sample("b", 1, Some('A'), "One."),
        sample("b", 3, Some('B'), " "),
        sample("c", 0, None, ""),
    ];
    bench.check(
        "[ { join: } ]",
        &rows,
        &expect![[r#"
        a 0: First.

        Third.
        b 1: One.
        c 0: 
    "#]],
    );
    bench.check(
        "[ { join: { separator: ' | ' } } ]",
        &rows,
        &expect![[r#"
        a 0: First. | Third.
        b 1: One.
        c 0: 
    "#]],
    );
    let joined = bench.run("[ { join: } ]", &rows).unwrap();
    let labels: Vec<String> = joined
        .iter()
        .map(|row| row.label.as_ref().map_or_else(|| "none".to_owned(), std::string::ToString::to_string))
        .collect();
    assert_eq!(labels, ["A", "none", "none"]);
    assert!(bench.run("[ { join: } ]", &[]).unwrap().is_empty());
}

#[test]
fn the_rationales_of_another_stage_come_behind() {
    let others = Rationales {
        rows: vec![
            sample("a", 0, None, "So A."),
            sample("a", 1, None, "Thus A."),
            sample("b", 7, None, "Only B."),
            sample("z", 0, None, "Nobody's."),
        ],
    };
    let bench = Bench::new().with_input("steps[0].join.with", &others);
    let rows = [sample("a", 1, None, "Ice."), sample("b", 0, None, "Mud."), sample("b", 1, None, "")];
    bench.check(
        "[ { join: { with: x, separator: ' ' } } ]",
        &rows,
        &expect![[r#"
        a 1: Ice. Thus A.
        b 0: Mud. Only B.
        b 1: Only B.
    "#]],
    );
    let more = [rows[0].clone(), sample("a", 2, None, "Snow."), sample("c", 0, None, "Sand.")];
    for missing in ["fail", "drop", "keep"] {
        let expected = match missing {
            "fail" => expect![[r#"
                error: cannot do `steps[0].join`: 2 of 3 rationales have none to join in the stage that `with` names: `a`, `c`; `missing: drop` or `missing: keep` goes on without
            "#]],
            "drop" => expect![[r#"
                a 1: Ice. Thus A.
                warning: `steps[0].join`: 2 of 3 rationales have none to join in the stage that `with` names and are left out: `a`, `c`
            "#]],
            _ => expect![[r#"
                a 1: Ice. Thus A.
                a 2: Snow.
                c 0: Sand.
                warning: `steps[0].join`: 2 of 3 rationales have none to join in the stage that `with` names and stay as they are: `a`, `c`
            "#]],
        };
        bench.check(&format!("[ {{ join: {{ with: x, separator: ' ', missing: {missing} }} }} ]"), &more, &expected);
    }
    bench.check(
        "[ { join: { with: x, missing: keep } } ]",
        &more[2..],
        &expect![[r#"
        error: cannot do `steps[0].join`: 1 of 1 rationales have none to join in the stage that `with` names: `c`
    "#]],
    );
}

#[test]
fn nothing_is_lost_or_added_where_rationales_are_joined() {
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
    let strategy = prop::collection::btree_map(("[a-c]", 0u32..4), "[aé😀 \n]{0,5}", 0..9);
    let bench = Bench::new();
    let holds = |rows: std::collections::BTreeMap<(String, u32), String>| {
        let all: Vec<Rationale> = rows.iter().map(|((id, at), text)| sample(id, *at, None, text)).collect();
        let joined = bench.run("[ { join: { separator: '|' } } ]", &all).unwrap();
        let ids: std::collections::BTreeSet<&String> = rows.keys().map(|(id, _)| id).collect();
        prop_assert_eq!(joined.iter().map(|row| &row.id).collect::<Vec<_>>(), ids.into_iter().collect::<Vec<_>>());
        for row in &joined {
            let own = all.iter().filter(|other| other.id == row.id && !other.text.trim().is_empty());
            prop_assert_eq!(
                row.text.split('|').filter(|text| !text.is_empty()).collect::<Vec<_>>(),
                own.map(|own| own.text.as_str()).collect::<Vec<_>>()
            );
        }
        Ok(())
    };
    runner.run(&strategy, holds).unwrap();
}
