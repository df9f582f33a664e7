//! Order: a fraction shuffled, everything reversed, units kept by their place, at every level.

use std::collections::BTreeMap;

use expect_test::expect;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use retort_artifact::Rationale;
use retort_text::steps::{paragraphs, steps};
use retort_text::words::{sentences, words};

const LISTED: &str =
    "Think first.\n1. Ice is smooth.\n2. Mud is rough.\n   So it sticks.\n3. Ice wins.\n\nThe answer is A.";
const LINES: &str = "Ice is smooth.\nMud is rough.\n\nSo ice wins.\n";

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })
}

fn one(bench: &Bench, steps: &str, text: &str) -> String {
    bench.run(steps, &rows(&[text])).unwrap().remove(0).text
}

fn bench() -> Bench {
    Bench::new().with_tokenizer()
}

fn units<'t>(text: &'t str, level: &str) -> Vec<&'t str> {
    let ranges = match level {
        "word" => words(text),
        "sentence" => sentences(text),
        "step" => steps(text).into_iter().map(|step| step.body).collect(),
        _ => paragraphs(text),
    };
    ranges.into_iter().map(|range| &text[range]).collect()
}

fn sorted(mut pieces: Vec<&str>) -> Vec<&str> {
    pieces.sort_unstable();
    pieces
}

#[test]
fn steps_and_paragraphs_are_levels_like_others() {
    let bench = bench();
    let table = [
        (LISTED, "shuffle: { level: step }"),
        (LISTED, "reverse: { level: step }"),
        (LISTED, "reverse: { level: paragraph }"),
        (LISTED, "mask: { fraction: 0.4, level: step }"),
        (LISTED, "mask: { fraction: 0.4, level: step, with: null }"),
        (LISTED, "truncate: { keep: 2, level: step }"),
        (LISTED, "keep: { every: 2, level: step }"),
        (LISTED, "keep: { last: 1, level: paragraph }"),
        (LINES, "reverse: { level: step }"),
        (LINES, "mask: { fraction: 0.5, level: paragraph }"),
        (LINES, "keep: { first: 1, last: 1, level: step }"),
    ];
    let told: String =
        table.map(|(text, step)| format!("{step}\n{}\n--\n", one(&bench, &format!("[ {{ {step} }} ]"), text))).concat();
    expect![[r#"
        shuffle: { level: step }
        Think first.
        1. Ice is smooth.
        2. Mud is rough.
           So it sticks.
        3. Ice wins.

        The answer is A.
        --
        reverse: { level: step }
        The answer is A.
        1. Ice wins.
        2. Mud is rough.
           So it sticks.
        3. Ice is smooth.

        Think first.
        --
        reverse: { level: paragraph }
        The answer is A.

        Think first.
        1. Ice is smooth.
        2. Mud is rough.
           So it sticks.
        3. Ice wins.
        --
        mask: { fraction: 0.4, level: step }
        [MASK]
        1. Ice is smooth.
        2. [MASK]
        3. Ice wins.

        The answer is A.
        --
        mask: { fraction: 0.4, level: step, with: null }
        1. Ice is smooth.
        3. Ice wins.

        The answer is A.
        --
        truncate: { keep: 2, level: step }
        Think first.
        1. Ice is smooth.
        --
        keep: { every: 2, level: step }
        Think first.
        2. Mud is rough.
           So it sticks.
        The answer is A.
        --
        keep: { last: 1, level: paragraph }
        The answer is A.
        --
        reverse: { level: step }
        So ice wins.
        Mud is rough.

        Ice is smooth.

        --
        mask: { fraction: 0.5, level: paragraph }
        [MASK]

        So ice wins.

        --
        keep: { first: 1, last: 1, level: step }
        Ice is smooth.
        So ice wins.
        --
    "#]]
    .assert_eq(&told);
}

#[test]
fn everything_is_reversed() {
    let bench = bench();
    assert_eq!(one(&bench, "[ { reverse: } ]", "Ice, then (soft) mud."), "mud, soft (then) Ice.");
    assert_eq!(one(&bench, "[ { reverse: { level: sentence } } ]", "One. Two!  Three?"), "Three? Two!  One.");
    assert_eq!(one(&bench, "[ { reverse: { level: token } } ]", "ice"), "e c i");
    assert_eq!(one(&bench, "[ { reverse: } ]", ""), "");
}

#[test]
fn twice_reversed_is_as_it_was_and_nothing_is_added() {
    let (bench, text) = (bench(), "((1\\.|-|Ice|é😀|mud[,.]|Step 2:)[ \n]{1,2}){0,12}");
    let holds = |text: String| {
        for level in ["word", "sentence", "step", "paragraph"] {
            let reverse = format!("[ {{ reverse: {{ level: {level} }} }} ]");
            let once = one(&bench, &reverse, &text);
            prop_assert_eq!(sorted(once.split_whitespace().collect()).len(), text.split_whitespace().count());
            if level == "word" {
                prop_assert_eq!(sorted(units(&once, level)), sorted(units(&text, level)));
                prop_assert_eq!(one(&bench, &reverse, &once), &text[..]);
            }
        }
        Ok(())
    };
    runner().run(&text, holds).unwrap();
}

#[test]
fn a_fraction_of_the_words_changes_places_and_the_others_stay() {
    let bench = bench();
    let text: String = (0..20).map(|at| format!("w{at}, ")).collect();
    let moved = |fraction: f64, text: &str| {
        let shuffled = one(&bench, &format!("[ {{ shuffle: {{ fraction: {fraction} }} }} ]"), text);
        let (before, after) = (units(text, "word"), units(&shuffled, "word"));
        assert_eq!(sorted(before.clone()), sorted(after.clone()));
        assert_eq!(shuffled.replace(char::is_alphanumeric, ""), text.replace(char::is_alphanumeric, ""));
        (0..before.len()).filter(|at| before[*at] != after[*at]).collect::<Vec<_>>()
    };
    let counts = [0.0, 0.04, 0.1, 0.3, 0.5, 1.0].map(|fraction| moved(fraction, &text).len());
    // One alone has nobody to change places with, so that two change theirs.
    assert_eq!(counts, [0, 2, 2, 6, 10, 20]);
    let holds = |(low, high, words): (f64, f64, usize)| {
        let text: String = (0..words).map(|at| format!("é{at} ")).collect();
        let (few, many) = (moved(low.min(high), &text), moved(low.max(high), &text));
        prop_assert!(few.iter().all(|at| many.contains(at)), "{:?} {:?}", few, many);
        let asked = (low.min(high) * words as f64).round() as usize;
        prop_assert_eq!(
            few.len(),
            if asked != 1 {
                asked
            } else if words > 1 {
                2
            } else {
                0
            }
        );
        Ok(())
    };
    runner().run(&(0.0f64..=1.0, 0.0f64..=1.0, 0usize..12), holds).unwrap();
}

#[test]
fn what_does_not_change_is_told() {
    let bench = bench();
    let rows = rows(&["One. Two. Three.", "One. Two.", "One.", ""]);
    for (steps, expected) in [
        (
            "shuffle: { level: sentence, fraction: 0.4 }",
            &["1 of 4 rationales have one sentence alone and stay as they are: `c`"][..],
        ),
        (
            "shuffle: { level: sentence, fraction: 0.2 }",
            &[
                "1 of 4 rationales have one sentence alone and stay as they are: `c`",
                "1 of 4 rationales stay as they are, since 0.2 of their sentences rounds to none: `b`",
            ],
        ),
        ("shuffle: { level: sentence, fraction: 0 }", &[]),
        ("reverse: { level: sentence }", &["1 of 4 rationales have one sentence alone and stay as they are: `c`"]),
        (
            "mask: { level: sentence, fraction: 0.2 }",
            &["2 of 4 rationales stay as they are, since 0.2 of their sentences rounds to none: `b`, `c`"],
        ),
        (
            "mask: { level: paragraph, fraction: 0.5 }",
            &["3 of 4 rationales are hidden altogether, since 0.5 of their paragraphs rounds to all: `a`, `b`, `c`"],
        ),
        ("mask: { level: paragraph, fraction: 1 }", &[]),
        ("mask: { fraction: 1, with: null }", &["3 of 4 rationales are empty now: `a`, `b`, `c`"]),
        (
            "insert: { fraction: 0.4 }",
            &["1 of 4 rationales stay as they are, since 0.4 of their sentences rounds to none: `c`"],
        ),
        ("keep_top: { fraction: 0.2, by: random, level: word }", &["2 of 4 rationales are empty now: `b`, `c`"]),
        (
            "replace: { pattern: '(?s).+', with: '' }",
            &[
                "3 of 4 rationales are empty now: `a`, `b`, `c`",
                "1 of 4 rationales have no match and stay as they are (3 matches are replaced elsewhere): `d`",
            ],
        ),
        ("trim: { stop: One }", &["3 of 4 rationales are empty now: `a`, `b`, `c`"]),
    ] {
        bench.run(&format!("[ {{ {steps} }} ]"), &rows).unwrap();
        let name = steps.split(':').next().unwrap();
        let said: Vec<String> =
            bench.said().iter().map(|said| said.replace(&format!("`steps[0].{name}`: "), "")).collect();
        let said: Vec<&str> = said.iter().map(String::as_str).filter(|said| !said.contains("take all units")).collect();
        assert_eq!(said, expected, "{steps}");
    }
    let digits = rows_of_numbers();
    bench.run("[ { corrupt: { fraction: 0.2 } } ]", &digits).unwrap();
    assert_eq!(
        bench.said(),
        ["`steps[0].corrupt`: 1 of 2 rationales stay as they are, since 0.2 of their numbers rounds to none: `b`"]
    );
    // Chance, too, may leave the order of two as it was; then that is told of exactly those.
    let many: Vec<Rationale> = (0..20).map(|at| row(&format!("r{at:02}"), "One. Two.")).collect();
    let done = bench.run("[ { shuffle: { level: sentence } } ]", &many).unwrap();
    let same = done.iter().filter(|row| row.text == "One. Two.").count();
    assert!(0 < same && same < 20);
    let said = bench.said();
    assert!(said[0].contains(&format!("{same} of 20 rationales stay as they are, since the random order")), "{said:?}");
}

fn rows_of_numbers() -> Vec<Rationale> {
    rows(&["1 and 2 and 3 and 4.", "1 and 2."])
}

#[test]
fn units_are_kept_by_their_place() {
    let bench = bench();
    let text = "\"One\", two (three) four; five.";
    let table = [
        ("first: 2", "\"One\", two"),
        ("last: 2", "four; five."),
        ("first: 1, last: 1", "\"One\", five."),
        ("every: 2", "\"One\", (three) five."),
        ("every: 9", "\"One\","),
        ("first: 9", text),
        ("last: 9", text),
        ("first: 3, last: 3", text),
        ("every: 1", text),
    ];
    for (kept, expected) in table {
        assert_eq!(one(&bench, &format!("[ {{ keep: {{ {kept} }} }} ]"), text), expected, "{kept}");
    }
    assert_eq!(one(&bench, "[ { keep: { every: 2, level: sentence } } ]", "A b.  C d. E f.\nG."), "A b. E f.");
    assert_eq!(one(&bench, "[ { keep: { first: 1, level: token } } ]", "ice"), "i");
    let selected = bench.run("[ { keep: { last: 2 } } ]", &rows(&[text])).unwrap().remove(0);
    assert_eq!(selected.kept, Some(vec![(19, 23), (25, 29)]));
}

#[test]
fn what_is_kept_is_as_many_as_asked_in_order_and_among_more() {
    let bench = bench();
    let text = "\\PC{0,3}((1\\)|Ice|é😀|mud[,.]|-)[ \n]{1,2}){0,12}";
    let holds = |(text, n): (String, usize)| {
        for level in ["word", "sentence", "paragraph"] {
            let all = units(&text, level);
            let keep =
                |by: &str, n: usize| one(&bench, &format!("[ {{ keep: {{ {by}: {n}, level: {level} }} }} ]"), &text);
            for (by, expected) in [
                ("first", all.iter().take(n).copied().collect::<Vec<_>>()),
                ("last", all.iter().skip(all.len().saturating_sub(n)).copied().collect()),
                ("every", all.iter().step_by(n).copied().collect()),
            ] {
                if level != "sentence" || by != "every" {
                    let kept = keep(by, n);
                    prop_assert_eq!(units(&kept, level), expected, "{} {} {}", by, n, level);
                }
            }
            let truncated = one(&bench, &format!("[ {{ truncate: {{ keep: {n}, level: {level} }} }} ]"), &text);
            if all.len() > n {
                let first = keep("first", n);
                prop_assert_eq!(first.split_whitespace().last(), truncated.split_whitespace().last());
            }
        }
        Ok(())
    };
    runner().run(&(text, 1usize..5), holds).unwrap();
    let counted: BTreeMap<usize, usize> = (1..5)
        .map(|n| {
            (n, units(&one(&bench, &format!("[ {{ keep: {{ first: {n}, level: step }} }} ]"), LINES), "step").len())
        })
        .collect();
    assert_eq!(counted.into_values().collect::<Vec<_>>(), [1, 2, 3, 3]);
}
