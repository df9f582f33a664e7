//! What holds for every operation: rows that do not move, parameters that are in the key, mistakes that are said.

use std::collections::BTreeSet;

use expect_test::expect;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::{OPERATIONS, once_each};
use super::*;
use retort_artifact::Rationale;
use retort_fingerprint::ContentHash;

/// Operations that do something to each row by itself.
const BY_ROW: [&str; 28] = [
    "[ { mask: { fraction: 0.4 } } ]",
    "[ { mask: { fraction: 0.4, level: token } } ]",
    "[ { mask: { words: [the, ice], with: null } } ]",
    "[ { shuffle: } ]",
    "[ { shuffle: { level: token } } ]",
    "[ { truncate: { keep: 3 } } ]",
    "[ { fill: { count: 3 } } ]",
    "[ { keep_top: { k: 3, by: random, level: word } } ]",
    "[ { keep_top: { fraction: 0.5, by: random } } ]",
    "[ { strip_label: { choice_text: true, reasons: true } } ]",
    "[ { sample: { n: 1 } } ]",
    "[ { filter: { words_min: 2, words_max: 9 } } ]",
    "[ { trim: { to: paragraph, stop: mud } } ]",
    "[ { mask: { fraction: 0.4, level: step } } ]",
    "[ { mask: { fraction: 0.4, level: paragraph, with: null } } ]",
    "[ { shuffle: { level: step } } ]",
    "[ { shuffle: { fraction: 0.4 } } ]",
    "[ { shuffle: { fraction: 0.6, level: token } } ]",
    "[ { truncate: { keep: 2, level: paragraph } } ]",
    "[ { reverse: { level: step } } ]",
    "[ { reverse: { level: token } } ]",
    "[ { keep: { first: 2, last: 1 } } ]",
    "[ { keep: { every: 2, level: token } } ]",
    "[ { corrupt: { fraction: 0.5 } } ]",
    "[ { corrupt: { keywords: { ice: mud, mud: ice } } } ]",
    "[ { corrupt: { keywords: [the, ice, mud], fraction: 0.5 } } ]",
    "[ { replace: { pattern: '(?i)the (ice|mud)', with: '$1' } } ]",
    "[ { join: { separator: ' ' } } ]",
];

fn texts_of_rationales() -> impl Strategy<Value = Vec<Rationale>> {
    let text = "((the|ice|is|smooth|mud|B|so|The answer is B\\.|1\\.|- a|Step 2:|37|1,050|é😀)[ ,.\n]{0,2} ?){0,9}";
    prop::collection::btree_map(("[a-e]", 0u32..3), text, 3..9)
        .prop_map(|rows| rows.into_iter().map(|((id, sample), text)| Rationale { sample, ..row(&id, &text) }).collect())
}

fn questions() -> impl Iterator<Item = retort_artifact::Question> {
    ('a'..='e').zip("ABABB".chars()).map(|(id, answer)| question(&id.to_string(), answer, &["the mud", "the ice"]))
}

#[test]
fn rows_that_come_go_or_change_places_move_no_other() {
    let bench = Bench::new().with_tokenizer().with_questions(questions());
    for steps in BY_ROW {
        let steps = Bench::read(steps).unwrap();
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() });
        let moved = |all: Vec<Rationale>| {
            // An operation may leave nothing, which is an error; then there is nothing to compare.
            let Ok(whole) = bench.done(&steps, &all) else { return Ok(()) };
            let reversed: Vec<Rationale> = all.iter().rev().cloned().collect();
            let mut again = bench.done(&steps, &reversed).map_err(TestCaseError::fail)?;
            again.reverse();
            prop_assert_eq!(&again, &whole);
            // Without the rows of one question.
            let gone = &all[0].id;
            let others = |rows: &[Rationale]| rows.iter().filter(|row| row.id != *gone).cloned().collect::<Vec<_>>();
            if let Ok(fewer) = bench.done(&steps, &others(&all)) {
                prop_assert_eq!(fewer, others(&whole));
            }
            Ok(())
        };
        runner.run(&texts_of_rationales(), moved).unwrap();
    }
}

/// Steps that give a rationale another's words, so that rows are not by themselves.
const BY_OTHERS: [&str; 4] = [
    "[ { swap: } ]",
    "[ { insert: { count: 2 } } ]",
    "[ { insert: { fraction: 0.5, level: token } } ]",
    "[ { insert: { count: 1, level: step } } ]",
];

#[test]
fn whatever_the_text_nothing_panics_and_the_same_seed_gives_the_same() {
    let bench = Bench::new().with_tokenizer().with_questions(questions());
    for written in BY_ROW.iter().chain(&BY_OTHERS) {
        let steps = Bench::read(written).unwrap();
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() });
        let repeats = |(one, two): (String, String)| {
            let all = [row("a", &one), row("b", &two), row("c", ""), row("d", "the 12 ice")];
            let done = bench.done(&steps, &all);
            prop_assert_eq!(&bench.done(&steps, &all), &done, "{}", written);
            // What leaves no rationale out leaves each where it was.
            if !["sample", "filter"].iter().any(|name| written.contains(name)) {
                let done = done.unwrap_or_else(|_| all.to_vec());
                prop_assert_eq!(done.iter().map(|row| &row.id).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
            }
            Ok(())
        };
        let text = || prop_oneof!["(?s).{0,30}", "([0-9]|\\.|-|\n|\\*| |é|Step|the|😀){0,15}"];
        runner.run(&(text(), text()), repeats).unwrap();
        drop(bench.said());
    }
}

#[test]
fn rationales_that_cannot_be_told_apart_are_refused() {
    let of = |id: &str, sample| Rationale { sample, ..row(id, "x") };
    assert!(once_each(&[of("a", 0), of("a", 1), of("b", 0)]).is_ok());
    expect!["two rationales are of the question `a` and the sample 1; number them apart"]
        .assert_eq(&once_each(&[of("a", 1), of("b", 1), of("a", 1)]).unwrap_err().to_string());
}

#[test]
fn seeds_steps_rows_and_samples_draw_differently() {
    let text = "one two three four five six seven eight nine ten";
    for step in ["{ shuffle: }", "{ mask: { fraction: 0.5 } }", "{ keep_top: { k: 5, by: random, level: word } }"] {
        let one = |seed, steps: &str, id, sample| {
            let mut bench = Bench::new();
            bench.seed = seed;
            bench.run(steps, &[Rationale { sample, ..row(id, text) }]).unwrap().remove(0).text
        };
        let alone = format!("[{step}]");
        let second = format!("[ {{ trim: {{ to: line }} }}, {step} ]");
        let drawn = [
            one(1, &alone, "q", 0),
            one(2, &alone, "q", 0),
            one(1, &second, "q", 0),
            one(1, &alone, "r", 0),
            one(1, &alone, "q", 1),
        ];
        assert_eq!(one(1, &alone, "q", 0), drawn[0]);
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 5, "{step}: {drawn:?}");
    }
}

#[test]
fn every_parameter_is_in_the_key() {
    let steps = [
        "mask: { fraction: 0.1 }",
        "mask: { fraction: 0.2 }",
        "mask: { fraction: 0.1, level: token }",
        "mask: { fraction: 0.1, with: _ }",
        "mask: { fraction: 0.1, with: null }",
        "mask: { words: [a] }",
        "mask: { words: [a, b] }",
        "shuffle: {}",
        "shuffle: { level: token }",
        "shuffle: { level: sentence }",
        "shuffle: { level: step }",
        "shuffle: { level: paragraph }",
        "shuffle: { fraction: 0.5 }",
        "shuffle: { fraction: 1 }",
        "reverse: {}",
        "reverse: { level: step }",
        "insert: { count: 1 }",
        "insert: { count: 2 }",
        "insert: { fraction: 0.5 }",
        "insert: { count: 1, level: word }",
        "insert: { count: 1, label: other }",
        "corrupt: {}",
        "corrupt: { fraction: 0.5 }",
        "corrupt: { keywords: { less: more } }",
        "corrupt: { keywords: { less: fewer } }",
        "corrupt: { keywords: [less, more] }",
        "corrupt: { keywords: [less, more], fraction: 0.5 }",
        "keep: { first: 1 }",
        "keep: { last: 1 }",
        "keep: { first: 1, last: 1 }",
        "keep: { every: 1 }",
        "keep: { first: 1, level: step }",
        "replace: { pattern: a, with: b }",
        "replace: { pattern: a, with: c }",
        "replace: { pattern: b, with: b }",
        "join: {}",
        "join: { separator: x }",
        // What `with` names is in the key as an input.
        "join: { with: x, missing: keep }",
        "truncate: { keep: 1 }",
        "truncate: { keep: 2 }",
        "truncate: { keep: 1, level: token }",
        "fill: { count: 1 }",
        "fill: { count: 2 }",
        "fill: { count: 1, with: x }",
        "fill: { count: 1, between: x }",
        "keep_top: { k: 1, attributions: x }",
        "keep_top: { k: 2, attributions: x }",
        "keep_top: { fraction: 0.5, attributions: x }",
        "keep_top: { k: 1, by: random }",
        "keep_top: { k: 1, by: frequency }",
        "keep_top: { k: 1, by: frequency, except: [a] }",
        "keep_top: { k: 1, attributions: x, level: word }",
        "keep_top: { k: 1, attributions: x, aggregate: max }",
        "keep_top: { k: 1, attributions: x, subwords: apart }",
        "keep_words: { annotations: x }",
        "keep_words: { annotations: x, format: jsonl }",
        "keep_words: { annotations: x, combine: all }",
        "keep_words: { annotations: x, combine: { at_least: 1 } }",
        "keep_words: { annotations: x, combine: { at_least: 2 } }",
        "keep_words: { annotations: x, unknown: warn }",
        "keep_words: { annotations: x, missing: drop }",
        "neighbours: { vectors: x }",
        "neighbours: { vectors: x, k: 3 }",
        "neighbours: { vectors: x, format: glove }",
        "neighbours: { vectors: x, missing: keep }",
        "swap: {}",
        "swap: { label: same }",
        "strip_label: {}",
        "strip_label: { choice_text: true }",
        "strip_label: { reasons: true }",
        "wrong: { from: x }",
        "wrong: { from: x, missing: drop }",
        "sample: { n: 1 }",
        "sample: { n: 2 }",
        "sample: { n: 1, pick: first }",
        "filter: { label: agrees }",
        "filter: { label: differs }",
        "filter: { words_min: 1 }",
        "filter: { words_max: 1 }",
        "trim: { to: line }",
        "trim: { to: paragraph }",
        "trim: { stop: x }",
    ];
    let mut seen = std::collections::BTreeMap::new();
    for step in steps {
        let read = Bench::read(&format!("[ {{ {step} }} ]")).unwrap();
        let mut key = Vec::new();
        read[0].term().encode(&mut key);
        assert_eq!(seen.insert(key, step), None, "{step}");
    }
    let named: BTreeSet<&str> = steps.iter().filter_map(|step| step.split(':').next()).collect();
    assert_eq!(
        named,
        OPERATIONS.all().iter().map(|form| form.name).collect::<BTreeSet<_>>(),
        "every operation is here"
    );
}

#[test]
fn every_operation_has_an_example_in_the_documentation_and_every_example_can_be_read() {
    let page = include_str!("../../../../docs/ablations.md");
    let (_, table) = page.split_once("| step | what is left | example |\n|---|---|---|\n").unwrap();
    let table = table.split("\n\n").next().unwrap();
    let mut named = BTreeSet::new();
    for line in table.lines() {
        let examples = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for example in examples.split('`').skip(1).step_by(2) {
            let read = Bench::read(&format!("[ {{ {example} }} ]"));
            named.insert(read.unwrap_or_else(|why| panic!("{example}: {why}"))[0].name());
        }
    }
    assert_eq!(named, OPERATIONS.all().iter().map(|form| form.name).collect::<BTreeSet<_>>());
}

#[test]
fn parameters_that_do_not_fit_together_are_said_at_their_place() {
    let wrong = [
        "mask: {}",
        "mask: { fraction: 0.1, words: [a] }",
        "mask: { words: [] }",
        "mask: { words: [the ice] }",
        "mask: { words: [ice], level: sentence }",
        "mask: { fraction: 1.5 }",
        "truncate: { keep: 0 }",
        "fill: { count: 100001 }",
        "fill: { count: 1, with: \"\" }",
        "keep_top: { attributions: x }",
        "keep_top: { k: 1, fraction: 0.5, attributions: x }",
        "keep_top: { k: 1 }",
        "keep_top: { k: 1, attributions: x, by: random }",
        "keep_top: { k: 1, attributions: x, level: sentence }",
        "keep_top: { k: 1, by: random, except: [a] }",
        "keep_words: { annotations: x, combine: most }",
        "keep_words: { annotations: x, combine: { at_least: 0 } }",
        "filter: {}",
        "filter: { words_min: 3, words_max: 2 }",
        "trim: {}",
        "trim: { stop: \"\" }",
        "msk: {}",
        "mask: { fraction: 0.1, level: steps }",
        "keep_top: { k: 1, attributions: x, level: step }",
        "shuffle: { fraction: 2 }",
        "reverse: { level: letter }",
        "insert: {}",
        "insert: { count: 1, fraction: 0.5 }",
        "insert: { count: 0 }",
        "insert: { count: 1, label: wrong }",
        "corrupt: { fraction: -1 }",
        "corrupt: { keywords: {} }",
        "corrupt: { keywords: [less] }",
        "corrupt: { keywords: [less, Less] }",
        "corrupt: { keywords: [less, no more] }",
        "corrupt: { keywords: { no more: less } }",
        "corrupt: { keywords: { less: Less } }",
        "corrupt: { keywords: { less: ' ' } }",
        "corrupt: { keywords: { less: 3 } }",
        "corrupt: { keywords: { less: more, LESS: fewer } }",
        "corrupt: { keywords: less }",
        "keep: {}",
        "keep: { first: 0 }",
        "keep: { first: 1, every: 2 }",
        "replace: { pattern: a }",
        "replace: { pattern: '', with: a }",
        "replace: { pattern: '(a', with: b }",
        "replace: { pattern: a, with: $1 }",
        "join: { missing: drop }",
    ];
    let said = wrong.map(|step| {
        let error = Bench::read(&format!("[ {{ {step} }} ]")).unwrap_err();
        let line = error.lines().next().unwrap();
        format!("{step}\n    {line}\n")
    });
    expect![[r#"
        mask: {}
            error: `steps[0].mask` needs `fraction` or `words`
        mask: { fraction: 0.1, words: [a] }
            error: `steps[0].mask` cannot have both `fraction` and `words`
        mask: { words: [] }
            error: `steps[0].mask` needs a word in `words`
        mask: { words: [the ice] }
            error: `steps[0].mask` cannot look for `the ice`, which is not one word without punctuation
        mask: { words: [ice], level: sentence }
            error: `steps[0].mask` hides `words`, so its `level` cannot be another
        mask: { fraction: 1.5 }
            error: `steps[0].mask.fraction` cannot be `1.5`
        truncate: { keep: 0 }
            error: `steps[0].truncate.keep` cannot be `0`
        fill: { count: 100001 }
            error: `steps[0].fill` cannot have more than 100000 copies
        fill: { count: 1, with: "" }
            error: `steps[0].fill` needs a token in `with`
        keep_top: { attributions: x }
            error: `steps[0].keep_top` needs `k` or `fraction`
        keep_top: { k: 1, fraction: 0.5, attributions: x }
            error: `steps[0].keep_top` cannot have both `k` and `fraction`
        keep_top: { k: 1 }
            error: `steps[0].keep_top` needs `attributions` or `by`
        keep_top: { k: 1, attributions: x, by: random }
            error: `steps[0].keep_top` cannot have both `attributions` and `by`
        keep_top: { k: 1, attributions: x, level: sentence }
            error: `steps[0].keep_top` keeps tokens or words, so its `level` cannot be `sentence`
        keep_top: { k: 1, by: random, except: [a] }
            error: `steps[0].keep_top` cannot have `except` without `by: frequency`
        keep_words: { annotations: x, combine: most }
            error: `steps[0].keep_words.combine` cannot be `most`
        keep_words: { annotations: x, combine: { at_least: 0 } }
            error: `steps[0].keep_words.combine.at_least` cannot be `0`
        filter: {}
            error: `steps[0].filter` needs a condition: `label`, `words_min`, `words_max` or `language`
        filter: { words_min: 3, words_max: 2 }
            error: `steps[0].filter` cannot have at least 3 words and at most 2
        trim: {}
            error: `steps[0].trim` needs `to` or `stop`
        trim: { stop: "" }
            error: `steps[0].trim` needs a text in `stop`
        msk: {}
            error: unknown step `msk` in `steps[0]`
        mask: { fraction: 0.1, level: steps }
            error: `steps[0].mask.level` cannot be `steps`
        keep_top: { k: 1, attributions: x, level: step }
            error: `steps[0].keep_top` keeps tokens or words, so its `level` cannot be `step`
        shuffle: { fraction: 2 }
            error: `steps[0].shuffle.fraction` cannot be `2`
        reverse: { level: letter }
            error: `steps[0].reverse.level` cannot be `letter`
        insert: {}
            error: `steps[0].insert` needs `count` or `fraction`
        insert: { count: 1, fraction: 0.5 }
            error: `steps[0].insert` cannot have both `count` and `fraction`
        insert: { count: 0 }
            error: `steps[0].insert.count` cannot be `0`
        insert: { count: 1, label: wrong }
            error: `steps[0].insert.label` cannot be `wrong`
        corrupt: { fraction: -1 }
            error: `steps[0].corrupt.fraction` cannot be `-1`
        corrupt: { keywords: {} }
            error: `steps[0].corrupt.keywords` cannot be a mapping
        corrupt: { keywords: [less] }
            error: `steps[0].corrupt.keywords`: one word alone has no other to give way to
        corrupt: { keywords: [less, Less] }
            error: `steps[0].corrupt.keywords`: a word is there twice
        corrupt: { keywords: [less, no more] }
            error: `steps[0].corrupt.keywords`: `no more` is not one word without punctuation
        corrupt: { keywords: { no more: less } }
            error: `steps[0].corrupt.keywords`: `no more` is not one word without punctuation
        corrupt: { keywords: { less: Less } }
            error: `steps[0].corrupt.keywords`: `less` would give way to itself
        corrupt: { keywords: { less: ' ' } }
            error: `steps[0].corrupt.keywords`: `less` has nothing to take its place; `mask` takes words out
        corrupt: { keywords: { less: 3 } }
            error: `steps[0].corrupt.keywords.less` cannot be `3`
        corrupt: { keywords: { less: more, LESS: fewer } }
            error: `steps[0].corrupt.keywords`: `LESS` is there twice
        corrupt: { keywords: less }
            error: `steps[0].corrupt.keywords` cannot be `less`
        keep: {}
            error: `steps[0].keep` needs `first`, `last` or `every`
        keep: { first: 0 }
            error: `steps[0].keep.first` cannot be `0`
        keep: { first: 1, every: 2 }
            error: `steps[0].keep` cannot have `every` together with `first` or `last`
        replace: { pattern: a }
            error: missing field `with` in `steps[0].replace`
        replace: { pattern: '', with: a }
            error: `steps[0].replace` needs a pattern in `pattern`
        replace: { pattern: '(a', with: b }
            error: `steps[0].replace` cannot read `(a` as a pattern: unclosed group
        replace: { pattern: a, with: $1 }
            error: `steps[0].replace` cannot write `$1`: the pattern has no group of that name, it has `0`; a dollar sign is `$$`
        join: { missing: drop }
            error: `steps[0].join` cannot have `missing` without `with`
    "#]]
    .assert_eq(&said.concat());
}
