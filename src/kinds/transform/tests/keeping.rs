//! What is kept of a rationale: by attributions, by frequency, at random, by people.

use std::slice;

use expect_test::expect;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use retort_artifact::{Attribution, Attributions, Rationale, TokenScore};
use retort_text::words::words;

/// The paper's example; its identifier is `V1_B3_0128`.
const PAPER: &str = "The answer is B because bodybuilders typically have more strength than nerds, which could translate into a greater ability to throw a baseball faster.";

/// Scores of some pieces of a text, one after the other.
fn weighed(id: &str, text: &str, tokens: &[(&str, f64)]) -> Attribution {
    let mut at = 0;
    let place = |&(token, score): &(&str, f64)| {
        let start = at + text[at..].find(token).unwrap();
        at = start + token.len();
        TokenScore { span: (start, at), score }
    };
    let tokens = tokens.iter().map(place).collect();
    Attribution { id: id.into(), sample: 0, text: text.into(), tokens, completeness: None }
}

fn with_attributions(rows: Vec<Attribution>) -> Bench {
    Bench::new().with_input("steps[0].keep_top.attributions", &Attributions { rows })
}

/// Checks that a selection's places hold its words.
fn assert_kept(row: &Rationale, text: &str, glue: &str) {
    let kept = row.kept.as_ref().unwrap();
    let words: Vec<&str> = kept.iter().map(|&(start, end)| &text[start..end]).collect();
    assert_eq!(words.join(glue), row.text);
    assert!(kept.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{kept:?}");
}

#[test]
fn the_papers_attributed_tokens() {
    let scores = [
        ("B", 0.9),
        ("because", 0.8),
        ("body", 0.7),
        ("builders", 0.8),
        ("have", -1.0),
        ("more", 0.6),
        ("strength", 0.8),
        ("than", 0.3),
        ("translate", 0.5),
        ("throw", 0.6),
        ("baseball", 0.6),
        ("faster", 0.9),
        (".", 0.3),
    ];
    let row = row("V1_B3_0128", PAPER);
    let bench = with_attributions(vec![weighed("V1_B3_0128", PAPER, &scores)]);
    let kept =
        bench.run("[ { keep_top: { k: 10, attributions: w, subwords: apart } } ]", slice::from_ref(&row)).unwrap();
    assert_eq!(kept[0].text, "B because body builders more strength translate throw baseball faster");
    assert_kept(&kept[0], PAPER, " ");
    bench.check(
        "[ { keep_top: { k: 10, attributions: w } }, { shuffle: } ]",
        slice::from_ref(&row),
        &expect![[r#"
        V1_B3_0128 0: translate bodybuilders baseball faster B because throw more strength
    "#]],
    );
    // Words with what their tokens add up to, or with the largest of them.
    bench.check(
        "[ { keep_top: { k: 2, attributions: w, level: word } } ]",
        slice::from_ref(&row),
        &expect![[r#"
        V1_B3_0128 0: B bodybuilders
    "#]],
    );
    bench.check(
        "[ { keep_top: { k: 2, attributions: w, level: word, aggregate: max } } ]",
        slice::from_ref(&row),
        &expect![[r#"
            V1_B3_0128 0: B faster
        "#]],
    );
    bench.check(
        "[ { keep_top: { fraction: 0.25, attributions: w } } ]",
        slice::from_ref(&row),
        &expect![[r#"
        V1_B3_0128 0: B because faster
    "#]],
    );
    bench.check(
        "[ { keep_top: { k: 15, attributions: w } } ]",
        &[row],
        &expect![[r#"
        V1_B3_0128 0: B because bodybuilders have more strength than translate throw baseball faster.
        warning: `steps[0].keep_top`: 1 of 1 rationales have fewer than 15 tokens and keep all of them: `V1_B3_0128`
    "#]],
    );
}

#[test]
fn attributions_that_do_not_fit_are_refused() {
    let good = weighed("a", "Ice is smoöth", &[("Ice", 1.0)]);
    let span = |span| Attribution { tokens: vec![TokenScore { span, score: 1.0 }], ..good.clone() };
    let said = [
        vec![],
        vec![Attribution { sample: 1, ..good.clone() }],
        vec![Attribution { text: "Ice".into(), ..good.clone() }],
        vec![span((0, 99))],
        vec![span((3, 1))],
        vec![span((0, 11))],
    ]
    .map(|attributions| {
        let bench = with_attributions(attributions);
        bench.run("[ { keep_top: { k: 3, attributions: w } } ]", &rows(&["Ice is smoöth"])).unwrap_err() + "\n"
    });
    expect![[r#"
        cannot do `steps[0].keep_top`: the rationale of `a`, sample 0, has no attribution
        cannot do `steps[0].keep_top`: the rationale of `a`, sample 0, has no attribution
        cannot do `steps[0].keep_top`: the rationale of `a`, sample 0, was attributed with another text; attribute the rationale that is transformed here
        cannot do `steps[0].keep_top`: the rationale of `a`, sample 0, has no characters at the bytes 0 to 99
        cannot do `steps[0].keep_top`: the rationale of `a`, sample 0, has no characters at the bytes 3 to 1
        cannot do `steps[0].keep_top`: the rationale of `a`, sample 0, has no characters at the bytes 0 to 11
    "#]].assert_eq(&said.concat());
}

#[test]
fn the_most_frequent_words_are_a_control() {
    let bench = Bench::new().with_tokenizer();
    let rows = rows(&["Ice is smooth, so the ice is fast.", "The mud is rough.", "Snow!"]);
    bench.check(
        "[ { keep_top: { k: 3, by: frequency, level: word } } ]",
        &rows,
        &expect![[r#"
        a 0: Ice is is
        b 0: The mud is
        c 0: Snow
        warning: `steps[0].keep_top`: 1 of 3 rationales have fewer than 3 words and keep all of them: `c`
    "#]],
    );
    bench.check(
        "[ { keep_top: { k: 2, by: frequency, level: word, except: [Is, the] } } ]",
        &rows,
        &expect![[r#"
        a 0: Ice ice
        b 0: mud rough
        c 0: Snow
        warning: `steps[0].keep_top`: 1 of 3 rationales have fewer than 2 words and keep all of them: `c`
    "#]],
    );
    bench.check(
        "[ { keep_top: { fraction: 0.5, by: random, level: word } } ]",
        &rows,
        &expect![[r#"
        a 0: Ice is the ice
        b 0: The mud
        c 0: Snow
    "#]],
    );
    bench.check(
        "[ { keep_top: { fraction: 0.2, by: random } } ]",
        &rows,
        &expect![[r#"
        a 0: o s i e i
        b 0: Th m
        c 0: o
    "#]],
    );
    Bench::new().check("[ { keep_top: { k: 2, by: random } } ]", &rows, &expect![[r#"
        error: cannot do `steps[0].keep_top`: the units of the rationale of `a` cannot be found: no tokenizer is given; name one as `tokenizer`, or use the level `word`
    "#]]);
}

#[test]
fn a_random_selection_is_in_order_exact_and_among_a_larger_one() {
    let bench = Bench::new();
    let strategy = ("[a-d ]{0,40}", 1usize..9, 0usize..5);
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
    let nested = |(text, k, more): (String, usize, usize)| {
        let keep = |k: usize| {
            let steps = format!("[ {{ keep_top: {{ k: {k}, by: random, level: word }} }} ]");
            bench.run(&steps, &rows(&[&text])).unwrap().remove(0).kept.unwrap()
        };
        let (small, large) = (keep(k), keep(k + more));
        prop_assert_eq!(small.len(), k.min(words(&text).len()));
        prop_assert!(small.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        prop_assert!(small.iter().all(|place| large.contains(place)));
        Ok(())
    };
    runner.run(&strategy, nested).unwrap();
}

const MARKED: &str = r#"{"id":"a","annotator":"ada","words":["ice","smooth"]}
{"id":"a","annotator":"bob","spans":[[0,3]]}
{"id":"a","annotator":"eve","words":["faster","Ice"]}
{"id":"b","annotator":"ada","words":["mud"]}
"#;

fn marked(file: &str) -> Bench {
    Bench::new().with_file("steps[0].keep_words.annotations", "marked.jsonl", file.as_bytes())
}

#[test]
fn words_that_people_marked_are_kept() {
    let bench = marked(MARKED);
    let rows = rows(&["Ice is smooth, hence faster.", "The mud is rough."]);
    for (combine, expected) in [
        ("any", ["Ice smooth faster", "mud"]),
        ("majority", ["Ice", "mud"]),
        ("all", ["Ice", "mud"]),
        ("{ at_least: 3 }", ["Ice", ""]),
        ("{ at_least: 1 }", ["Ice smooth faster", "mud"]),
    ] {
        let kept =
            bench.run(&format!("[ {{ keep_words: {{ annotations: x, combine: {combine} }} }} ]"), &rows).unwrap();
        assert_eq!(texts(&kept), expected);
        kept.iter().zip(&rows).for_each(|(kept, row)| assert_kept(kept, &row.text, " "));
    }
    drop(bench.said());
    bench.check(
        "[ { keep_words: { annotations: x, combine: { at_least: 2 } } } ]",
        &rows,
        &expect![[r#"
        a 0: Ice
        b 0: 
        warning: `steps[0].keep_words`: 1 of 2 rationales are empty now, since no word was marked by enough people: `b`
    "#]],
    );
}

#[test]
fn marks_that_belong_nowhere_and_rationales_without_are_said() {
    let many = rows(&["Ice is smooth, hence faster.", "The mud is rough.", "Snow.", "Sand."]);
    let bench = marked(MARKED);
    for missing in ["fail", "drop", "keep"] {
        let steps = format!("[ {{ keep_words: {{ annotations: x, missing: {missing} }} }} ]");
        let expected = match missing {
            "fail" => expect![[r#"
                error: cannot do `steps[0].keep_words`: 2 of 4 rationales have no annotation: `c`, `d`; `missing: drop` or `missing: keep` goes on without
            "#]],
            "drop" => expect![[r#"
                a 0: Ice smooth faster
                b 0: mud
                warning: `steps[0].keep_words`: 2 of 4 rationales have no annotation and are left out: `c`, `d`
            "#]],
            _ => expect![[r#"
                a 0: Ice smooth faster
                b 0: mud
                c 0: 
                d 0: 
                warning: `steps[0].keep_words`: 2 of 4 rationales have no annotation and are empty now: `c`, `d`
            "#]],
        };
        bench.check(&steps, &many, &expected);
    }
    let few = rows(&["Ice is smooth."]);
    bench.check("[ { keep_words: { annotations: x } } ]", &few, &expect![[r#"
        error: cannot do `steps[0].keep_words`: 1 of 4 annotations are of questions that have no rationale here: `b`; `unknown: warn` goes on without them
    "#]]);
    bench.check(
        "[ { keep_words: { annotations: x, unknown: warn } } ]",
        &few,
        &expect![[r#"
        a 0: Ice smooth
        warning: `steps[0].keep_words`: 1 of 4 annotations are of questions that have no rationale here: `b`
        warning: `steps[0].keep_words`: 1 marked words are not in their rationale: `a: faster`
    "#]],
    );
    let strange = marked("{\"id\":\"a\",\"words\":[\"snow\",\"ice\",\"ice\"]}");
    strange.check("[ { keep_words: { annotations: x } } ]", &few, &expect![[r#"
        error: cannot do `steps[0].keep_words`: 2 marked words are not in their rationale: `a: snow`; `unknown: warn` goes on without them
    "#]]);
    strange.check(
        "[ { keep_words: { annotations: x, unknown: warn } } ]",
        &few,
        &expect![[r#"
        a 0: Ice
        warning: `steps[0].keep_words`: 2 marked words are not in their rationale: `a: snow`
    "#]],
    );
    marked("{\"id\":\"a\",\"spans\":[[3,99]]}").check(
        "[ { keep_words: { annotations: x } } ]",
        &few,
        &expect![[r#"
            error: cannot do `steps[0].keep_words`: `<dir>/marked.jsonl`: in the rationale of `a`, line 1 marks the characters 3 to 99 of a text that has 14
        "#]],
    );
    marked("{\"id\":\"a\"}").check("[ { keep_words: { annotations: x } } ]", &few, &expect![[r#"
        error: cannot do `steps[0].keep_words`: `<dir>/marked.jsonl`: cannot read line 1 as an annotation: expected either `words` or `spans`
    "#]]);
    marked("{\"id\":\"a\",\"words\":[]}").check(
        "[ { keep_words: { annotations: x } } ]",
        &few,
        &expect![[r#"
        a 0: 
        warning: `steps[0].keep_words`: 1 of 1 rationales are empty now, since no word was marked by enough people: `a`
    "#]],
    );
    let sampled = marked("{\"id\":\"a\",\"sample\":1,\"words\":[\"mud\"]}");
    let two = [row("a", "Ice."), Rationale { sample: 1, ..row("a", "A mud.") }];
    sampled.check(
        "[ { keep_words: { annotations: x, missing: drop } } ]",
        &two,
        &expect![[r#"
        a 1: mud
        warning: `steps[0].keep_words`: 1 of 2 rationales have no annotation and are left out: `a`
    "#]],
    );
}

#[test]
fn a_selection_is_noted_while_the_text_is_the_one_it_started_from() {
    let noted = |steps: &str| {
        let bench = Bench::new().with_tokenizer();
        let rows = [row("a", "Ice is smooth. So it is fast."), Rationale { sample: 1, ..row("a", "Mud is rough.") }];
        bench.run(steps, &rows).unwrap()[0].kept.clone()
    };
    let keep = "{ keep_top: { k: 2, by: random, level: word } }";
    let kept = noted(&format!("[ {keep} ]"));
    assert_eq!(kept.as_ref().map(Vec::len), Some(2));
    for (steps, expected) in [
        (format!("[ {keep}, {{ shuffle: }} ]"), true),
        (
            format!(
                "[ {keep}, {{ shuffle: {{ level: token }} }}, {{ sample: {{ n: 2 }} }}, {{ filter: {{ words_min: 1 }} }} ]"
            ),
            true,
        ),
        (format!("[ {keep}, {{ truncate: {{ keep: 1 }} }} ]"), false),
        (format!("[ {keep}, {{ mask: {{ fraction: 0 }} }} ]"), false),
        (format!("[ {keep}, {{ trim: {{ to: line }} }} ]"), false),
        (format!("[ {{ truncate: {{ keep: 2 }} }}, {keep} ]"), false),
        (format!("[ {{ shuffle: {{ level: sentence }} }}, {{ mask: {{ fraction: 1 }} }}, {keep} ]"), false),
    ] {
        let found = noted(&steps);
        if expected {
            assert_eq!(found, kept, "{steps}");
        } else {
            assert_eq!(found, None, "{steps}");
        }
    }
    // What only chooses among rationales leaves the text as it was.
    assert!(noted(&format!("[ {{ filter: {{ words_min: 1 }} }}, {keep} ]")).is_some());
}
