//! The rules of answers, by table and by property.

use proptest::prelude::*;

use super::*;

fn choices() -> Vec<Choice> {
    let choice = |(index, text): (usize, &str)| Choice { label: Label::at(index).unwrap(), text: text.into() };
    ["snow", "ice"].into_iter().enumerate().map(choice).collect()
}

fn classes() -> Vec<String> {
    ["yes", "no", "not sure"].map(str::to_owned).to_vec()
}

#[test]
fn the_table_of_what_is_read() {
    use Unreadable::{NoChoice, NoClass, NoLabel, NotALetter, NotANumber};
    let (choices, classes) = (choices(), classes());
    let class = |name: &str| Ok(Answer::Class(name.into()));
    let number = |text: &str| Ok(Answer::Number(text.into()));
    let text = |text: &str| Ok(Answer::Text(text.into()));
    let long = "1".repeat(65);
    for (expected, between, read) in [
        (Expected::Choice(&choices), " B ", Ok(Answer::at(1).unwrap())),
        (Expected::Choice(&choices), "C", Err(NoChoice)),
        (Expected::Choice(&choices), "b", Err(NotALetter)),
        (Expected::Choice(&choices), "ice", Err(NotALetter)),
        (Expected::Choice(&choices), " ", Err(NoLabel)),
        (Expected::Class(&classes), " yes ", class("yes")),
        (Expected::Class(&classes), "YES", class("yes")),
        (Expected::Class(&classes), "Not sure", class("not sure")),
        (Expected::Class(&classes), "yes.", Err(NoClass)),
        (Expected::Class(&classes), "not", Err(NoClass)),
        (Expected::Class(&classes), "A", Err(NoClass)),
        (Expected::Class(&classes), "\n", Err(NoLabel)),
        (Expected::Number, " 1,000 ", number("1,000")),
        (Expected::Number, "$5.", number("$5.")),
        (Expected::Number, "1/2", number("1/2")),
        (Expected::Number, "42 apples", Err(NotANumber)),
        (Expected::Number, "40 + 2", Err(NotANumber)),
        (Expected::Number, &long, Err(NotANumber)),
        (Expected::Number, "", Err(NoLabel)),
        (Expected::Text, " Ada  Lovelace ", text("Ada  Lovelace")),
        (Expected::Exact, "x = 1", text("x = 1")),
        (Expected::Text, " ", Err(NoLabel)),
        (Expected::Text, "\u{200b}\u{feff}", Err(NoLabel)),
        (Expected::Exact, "\u{2060} ", Err(NoLabel)),
        (Expected::Text, "❤\u{fe0f}", text("❤\u{fe0f}")),
    ] {
        assert_eq!(expected.read(between), read, "{expected:?}: {between}");
    }
}

#[test]
fn the_table_of_what_is_the_same() {
    let (choices, classes) = (choices(), classes());
    let text = |text: &str| Answer::Text(text.into());
    for (expected, one, other, same) in [
        (Expected::Choice(&choices), Answer::at(0).unwrap(), Answer::at(0).unwrap(), true),
        (Expected::Choice(&choices), Answer::at(0).unwrap(), Answer::at(1).unwrap(), false),
        (Expected::Class(&classes), Answer::Class("yes".into()), text("Yes"), true),
        (Expected::Class(&classes), Answer::Class("yes".into()), Answer::Class("no".into()), false),
        (Expected::Number, Answer::Number("1,000".into()), Answer::Number("$1000.0".into()), true),
        (Expected::Number, Answer::Number("1,000".into()), text("1000"), true),
        (Expected::Number, Answer::Number("1".into()), Answer::Number("-1".into()), false),
        (Expected::Text, text("The Eiffel Tower"), text("eiffel tower."), true),
        (Expected::Text, text("tower"), text("eiffel tower"), false),
        (Expected::Exact, text("The Eiffel Tower"), text("eiffel tower."), false),
        (Expected::Exact, text(" x "), text("x"), true),
    ] {
        assert_eq!(expected.same(&one, &other), same, "{expected:?}: {one} and {other}");
        assert_eq!(expected.same(&other, &one), same, "{expected:?}: {other} and {one}");
        assert_eq!(expected.key(&one) == expected.key(&other), same, "{expected:?}: {one} and {other}");
    }
}

/// Held against the right answer, `50%` is right for `50` and for `0.5`; where answers vote, the latter are two.
#[test]
fn a_percent_sign_is_a_unit_or_a_hundredth() {
    let number = |text: &str| Answer::Number(text.into());
    let expected = Expected::Number;
    for (one, other, right, one_vote) in [
        ("50%", "50", true, true),
        ("50%", "0.5", true, false),
        ("50%", "1/2", true, false),
        ("50", "0.5", false, false),
        ("50%", "50.0 %", true, true),
        ("50%", "5", false, false),
        ("0%", "0", true, true),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let (one, other) = (number(one), number(other));
            assert_eq!(expected.same(&one, &other), right, "{one} and {other}");
            assert_eq!(expected.key(&one) == expected.key(&other), one_vote, "{one} and {other}");
        }
    }
}

#[test]
fn what_was_expected_is_said() {
    let (choices, classes) = (choices(), classes());
    assert_eq!(Expected::Choice(&choices).given("D").unwrap_err(), "one of A, B");
    assert_eq!(Expected::Class(&classes).given("maybe").unwrap_err(), "one of yes, no, not sure");
    assert_eq!(Expected::Number.given("many").unwrap_err(), "a number");
    for long in ["1234567890123456789", "-0.1234567890123456789", "$1,234,567,890,123,456,789"] {
        let said = Expected::Number.given(long).unwrap_err();
        assert_eq!(said, "a number of at most 18 digits, which can be compared exactly", "{long}");
    }
    assert_eq!(Expected::Class(&classes).given("No"), Ok(Answer::Class("no".into())));
}

#[test]
fn chance_is_that_of_guessing() {
    let outcome = |answer: Answer, choices: usize| Outcome {
        id: "q".into(),
        answer,
        choices,
        predicted: None,
        equal: false,
        output: String::new(),
        tokens: 0,
        likelihoods: Vec::new(),
        lenient: None,
        vote: None,
        samples: Vec::new(),
    };
    let class = |name: &str| outcome(Answer::Class(name.into()), 2);
    let classes = [class("yes"), class("no"), class("yes"), class("yes")];
    let chance = Chance::of(&classes);
    assert_eq!(chance.at(&classes[1]), Some(0.75));
    assert_eq!(chance.at(&outcome(Answer::at(0).unwrap(), 4)), Some(0.25));
    assert_eq!(chance.at(&outcome(Answer::Number("7".into()), 0)), None);
    assert_eq!(chance.at(&outcome(Answer::Text("ice".into()), 0)), None);
}

proptest! {
    /// What is settled stays so: whatever follows up to the marker, nothing else is read.
    #[test]
    fn what_is_settled_stays_so(
        kind in 0usize..5,
        written in "(yes|no|not|sure| |A|B|C|[0-9]|\\.|,|\\[FIN|ice){0,40}",
        more in "(yes|no|not|sure| |A|B|C|[0-9]|\\.|,|ice){0,6}",
    ) {
        let (choices, classes, marker) = (choices(), classes(), "[FIN_LABEL]");
        let expected = [
            Expected::Choice(&choices), Expected::Class(&classes), Expected::Number, Expected::Text, Expected::Exact,
        ][kind];
        if expected.settled(&written, marker) {
            let later = format!("{written}{more}");
            prop_assert!(expected.settled(&later, marker), "{later}");
            // A letter is settled by what is not the marker behind it, and everything else by being unreadable.
            prop_assert!(expected.read(&later).is_err(), "{later}");
        }
    }

    #[test]
    fn sameness_is_symmetric_and_never_panics(a in "(?s).{0,12}", b in "(?s).{0,12}", kind in 0usize..3) {
        let expected = [Expected::Number, Expected::Text, Expected::Exact][kind];
        let (a, b) = (Answer::Text(a), Answer::Text(b));
        prop_assert!(expected.same(&a, &a));
        prop_assert_eq!(expected.same(&a, &b), expected.same(&b, &a));
    }
}
