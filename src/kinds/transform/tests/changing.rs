//! Other words in the places of some: wrong numbers, wrong keywords, matches of a pattern.

use expect_test::expect;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use retort_text::operation::numbers;
use retort_text::words::words;

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })
}

fn one(bench: &Bench, steps: &str, text: &str) -> String {
    bench.run(steps, &rows(&[text])).unwrap().remove(0).text
}

#[test]
fn numbers_are_replaced_by_others() {
    let bench = Bench::new();
    let rows =
        rows(&["1. She buys 12 apples at $1.50.\n2. So 12 * 1.50 = 18.00.", "He has 7, CO2 and 0.", "None.", ""]);
    bench.check(
        "[ { corrupt: } ]",
        &rows,
        &expect![[r#"
        a 0: 1. She buys 73 apples at $9.81.
        2. So 55 * 6.38 = 44.60.
        b 0: He has 9, CO2 and 4.
        c 0: None.
        d 0: 
        warning: `steps[0].corrupt`: 2 of 4 rationales have no number and stay as they are: `c`, `d`
    "#]],
    );
    bench.check(
        "[ { corrupt: { fraction: 0.5 } } ]",
        &rows[..2],
        &expect![[r#"
        a 0: 1. She buys 73 apples at $1.50.
        2. So 55 * 6.38 = 18.00.
        b 0: He has 9, CO2 and 0.
    "#]],
    );
    bench.check(
        "[ { corrupt: { fraction: 0 } } ]",
        &rows[..1],
        &expect![[r#"
        a 0: 1. She buys 12 apples at $1.50.
        2. So 12 * 1.50 = 18.00.
    "#]],
    );
    bench.check(
        "[ { corrupt: } ]",
        &rows[2..],
        &expect![[r#"
        error: cannot do `steps[0].corrupt`: none of 2 rationales has a number to replace
    "#]],
    );
    assert!(bench.run("[ { corrupt: } ]", &[]).unwrap().is_empty());
}

#[test]
fn keywords_are_replaced_whatever_their_case() {
    let bench = Bench::new();
    let rows = rows(&["Less ice, more MUD; lessened.", "The mud is less.", "No."]);
    bench.check(
        "[ { corrupt: { keywords: { less: more, More: less, mud: wet sand } } } ]",
        &rows,
        &expect![[r#"
        a 0: More ice, less WET SAND; lessened.
        b 0: The wet sand is more.
        c 0: No.
        warning: `steps[0].corrupt`: 1 of 3 rationales have no keyword and stay as they are: `c`
    "#]],
    );
    bench.check(
        "[ { corrupt: { keywords: [less, more, fewer] } } ]",
        &rows,
        &expect![[r#"
        a 0: More ice, less MUD; lessened.
        b 0: The mud is fewer.
        c 0: No.
        warning: `steps[0].corrupt`: 1 of 3 rationales have no keyword and stay as they are: `c`
    "#]],
    );
    bench.check(
        "[ { corrupt: { keywords: [snow, sand] } } ]",
        &rows,
        &expect![[r#"
        error: cannot do `steps[0].corrupt`: none of 3 rationales has a keyword to replace
    "#]],
    );
}

#[test]
fn as_many_numbers_as_asked_are_others_and_those_of_a_small_fraction_among_those_of_a_larger_one() {
    let text = "([0-9]{1,4}|1,0[0-9]{2}|0\\.[0-9]|ice|é😀|CO2)( [,.]?([0-9]{1,4}|ice|é)){0,9}";
    let bench = Bench::new();
    let holds = |(text, low, high): (String, f64, f64)| {
        let all = numbers(&text);
        if all.is_empty() {
            return Ok(());
        }
        let changed = |fraction: f64| {
            let text = one(&bench, &format!("[ {{ corrupt: {{ fraction: {fraction} }} }} ]"), &text);
            all.iter().map(|range| text[range.clone()].to_owned()).collect::<Vec<_>>()
        };
        let form = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
        prop_assert_eq!(form(&one(&bench, "[ { corrupt: } ]", &text)), form(&text), "only digits are others");
        let (few, many) = (changed(low.min(high)), changed(low.max(high)));
        let before: Vec<&str> = all.iter().map(|range| &text[range.clone()]).collect();
        let count = few.iter().zip(&before).filter(|(new, old)| new != *old).count();
        prop_assert_eq!(count, (low.min(high) * all.len() as f64).round() as usize);
        for ((few, many), old) in few.iter().zip(&many).zip(&before) {
            prop_assert!(few == old || few == many, "what is chosen is replaced by the same");
            prop_assert!(old.starts_with('0') || !many.starts_with('0'));
        }
        Ok(())
    };
    runner().run(&(text, 0.0f64..=1.0, 0.0f64..=1.0), holds).unwrap();
}

#[test]
fn only_keywords_give_way_and_each_to_another_of_the_list() {
    let (bench, listed) = (Bench::new(), ["ice", "mud", "snow"]);
    let holds = |text: String| {
        let before = words(&text);
        let is_keyword = |word: &str| listed.contains(&word.to_lowercase().as_str());
        if !before.iter().any(|range| is_keyword(&text[range.clone()])) {
            return Ok(());
        }
        let done = one(&bench, "[ { corrupt: { keywords: [ice, mud, snow] } } ]", &text);
        let after = words(&done);
        prop_assert_eq!(before.len(), after.len());
        for (old, new) in before.into_iter().zip(after) {
            let (old, new) = (&text[old], &done[new]);
            prop_assert_eq!(is_keyword(old), is_keyword(new));
            prop_assert_eq!(is_keyword(old), old.to_lowercase() != new.to_lowercase());
        }
        Ok(())
    };
    runner().run(&"((Ice|ICE|mud|snow|é😀|icy)[,. ] ?){0,9}", holds).unwrap();
}

#[test]
fn matches_of_a_pattern_are_replaced_and_counted() {
    let bench = Bench::new();
    let rows = rows(&["Ice is 12 m. Mud is 3 m.", "Snow.", ""]);
    bench.check(
        "[ { replace: { pattern: '([0-9]+) m', with: '<$1>' } } ]",
        &rows,
        &expect![[r#"
            a 0: Ice is <12>. Mud is <3>.
            b 0: Snow.
            c 0: 
            warning: `steps[0].replace`: 2 of 3 rationales have no match and stay as they are (2 matches are replaced elsewhere): `b`, `c`
        "#]],
    );
    bench.check(
        "[ { replace: { pattern: Snow, with: '' } } ]",
        &rows[1..2],
        &expect![[r#"
            b 0: .
        "#]],
    );
    bench.check(
        "[ { replace: { pattern: hail, with: x } } ]",
        &rows,
        &expect![[r#"
        error: cannot do `steps[0].replace`: `hail` matches nothing in any of 3 rationales
    "#]],
    );
    assert!(bench.run("[ { replace: { pattern: hail, with: x } } ]", &[]).unwrap().is_empty());
}
