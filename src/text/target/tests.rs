//! Targets as they are written, and what is read back, by decision tables and properties.

use proptest::prelude::*;

use super::*;
use crate::answer::Expected;
use retort_artifact::{Choice, Label, Think};

fn format(placement: Placement) -> Format {
    Format::marked(placement, MARKER)
}

fn choices() -> Vec<Choice> {
    let choice = |(index, text): (usize, &str)| Choice { label: Label::at(index).unwrap(), text: text.into() };
    ["snow", "ice"].into_iter().enumerate().map(choice).collect()
}

#[test]
fn targets_are_written_as_the_paper_does() {
    let label = Answer::at(1).unwrap();
    for (placement, expected) in [
        (Placement::None, "[FIN_LABEL] B [FIN_LABEL]"),
        (Placement::After, "[FIN_LABEL] B [FIN_LABEL] Ice is smooth."),
        (Placement::Before, "Ice is smooth. [FIN_LABEL] B [FIN_LABEL]"),
        (Placement::Both, "Ice is smooth. [FIN_LABEL] B [FIN_LABEL] Ice is smooth."),
    ] {
        let target = render(&format(placement), &label, " Ice is smooth.\n").unwrap();
        assert_eq!(target.text, expected);
        assert_eq!(&target.text[target.label], "B");
        assert_eq!(&target.text[target.answer], "[FIN_LABEL] B [FIN_LABEL]");
        let copies: Vec<&str> = target.rationales.iter().map(|copy| &target.text[copy.clone()]).collect();
        assert_eq!(copies, vec!["Ice is smooth."; expected.matches("Ice").count()]);
        assert_eq!(render(&format(placement), &label, " ").unwrap().text, "[FIN_LABEL] B [FIN_LABEL]");
    }
}

#[test]
fn a_target_that_could_not_be_read_back_is_refused() {
    let label = Answer::at(0).unwrap();
    let marked = render(&format(Placement::Before), &label, "so [FIN_LABEL] it is");
    assert_eq!(marked, Err(TargetError::MarkerInRationale { marker: MARKER.into() }));
    for marker in ["", "the end", "\n", "A"] {
        let format = Format::marked(Placement::After, marker);
        assert_eq!(render(&format, &label, "x"), Err(TargetError::Marker { marker: marker.into() }));
    }
}

#[test]
fn the_decision_table() {
    use Placement::{After, Before, Both, None};
    use Unreadable::{Empty, Misplaced, NoChoice, NoLabel, NoMarker, NotALetter, Unclosed};
    const ALL: &[Placement] = &[None, Before, After, Both];
    const LABEL_FIRST: &[Placement] = &[None, After];
    const REASONS_FIRST: &[Placement] = &[Before, Both];
    let b = || Ok(Answer::at(1).unwrap());
    let runaway = "[MASK] ".repeat(300);
    let table: &[(&str, &[Placement], Result<Answer, Unreadable>)] = &[
        // As it was taught. White space never counts, as tokenizers differ in where they put it.
        ("[FIN_LABEL] B [FIN_LABEL]", ALL, b()),
        ("\n [FIN_LABEL] B [FIN_LABEL]", ALL, b()),
        ("[FIN_LABEL]B[FIN_LABEL]", ALL, b()),
        ("[FIN_LABEL]\nB\t[FIN_LABEL]", ALL, b()),
        // The answer was given with the closing marker: what follows changes nothing, not even another answer, and
        // whoever generates may have stopped there.
        ("[FIN_LABEL] B [FIN_LABEL] Ice is smooth.", ALL, b()),
        ("[FIN_LABEL] B [FIN_LABEL]Ice is smooth.", ALL, b()),
        ("[FIN_LABEL] B [FIN_LABEL] [FIN_LABEL] A [FIN_LABEL]", ALL, b()),
        ("[FIN_LABEL] B [FIN_LABEL] A [FIN_LABEL]", ALL, b()),
        ("[FIN_LABEL] B [FIN_LABEL] [FIN_LABEL", ALL, b()),
        // A student that reasons first may reason or not; one that answers first must answer at once.
        ("Ice is smooth. [FIN_LABEL] B [FIN_LABEL]", REASONS_FIRST, b()),
        ("Ice is smooth.[FIN_LABEL]B[FIN_LABEL] Ice", REASONS_FIRST, b()),
        ("The answer is A. [FIN_LABEL] B [FIN_LABEL]", REASONS_FIRST, b()),
        ("[MASK] [MASK] [FIN_LABEL] B [FIN_LABEL]", REASONS_FIRST, b()),
        ("Ice is smooth. [FIN_LABEL] B [FIN_LABEL]", LABEL_FIRST, Err(Misplaced)),
        ("B [FIN_LABEL] B [FIN_LABEL]", LABEL_FIRST, Err(Misplaced)),
        // Nothing at all, or no marker: no answer was given, whatever letters there are.
        ("", ALL, Err(Empty)),
        (" \n", ALL, Err(Empty)),
        ("B", ALL, Err(NoMarker)),
        ("The answer is B.", ALL, Err(NoMarker)),
        ("[FIN_LABEL B", ALL, Err(NoMarker)),
        ("[fin_label] B [fin_label]", ALL, Err(NoMarker)),
        (&runaway, ALL, Err(NoMarker)),
        // One marker: the answer did not come to an end, and could have gone on as `B or A`.
        ("[FIN_LABEL] B", ALL, Err(Unclosed)),
        ("[FIN_LABEL] B [FIN_LABEL", ALL, Err(Unclosed)),
        ("[FIN_LABEL]", ALL, Err(Unclosed)),
        ("Ice is smooth. [FIN_LABEL] B", REASONS_FIRST, Err(Unclosed)),
        ("Ice is smooth. B [FIN_LABEL]", REASONS_FIRST, Err(Unclosed)),
        // Nothing between the markers; a later pair is no second chance.
        ("[FIN_LABEL] [FIN_LABEL]", ALL, Err(NoLabel)),
        ("[FIN_LABEL] [FIN_LABEL] B [FIN_LABEL]", ALL, Err(NoLabel)),
        ("[FIN_LABEL][FIN_LABEL] [FIN_LABEL] B [FIN_LABEL]", ALL, Err(NoLabel)),
        // Two labels, or anything that is not the letter as it was taught.
        ("[FIN_LABEL] A B [FIN_LABEL]", ALL, Err(NotALetter)),
        ("[FIN_LABEL] AB [FIN_LABEL]", ALL, Err(NotALetter)),
        ("[FIN_LABEL] b [FIN_LABEL]", ALL, Err(NotALetter)),
        ("[FIN_LABEL] (B) [FIN_LABEL]", ALL, Err(NotALetter)),
        ("[FIN_LABEL] B. [FIN_LABEL]", ALL, Err(NotALetter)),
        ("[FIN_LABEL] B: ice [FIN_LABEL]", ALL, Err(NotALetter)),
        ("[FIN_LABEL] ice [FIN_LABEL]", ALL, Err(NotALetter)),
        ("[FIN_LABEL] Β [FIN_LABEL]", ALL, Err(NotALetter)), // A Greek letter.
        ("[FIN_LABEL] 2 [FIN_LABEL]", ALL, Err(NotALetter)),
        ("[FIN_LABEL] [MASK] [FIN_LABEL]", ALL, Err(NotALetter)),
        ("[FIN_LABEL] ice [FIN_LABEL] [FIN_LABEL] B [FIN_LABEL]", ALL, Err(NotALetter)),
        // A letter that labels no choice.
        ("[FIN_LABEL] C [FIN_LABEL]", ALL, Err(NoChoice)),
        ("[FIN_LABEL] C [FIN_LABEL] B [FIN_LABEL]", ALL, Err(NoChoice)),
    ];
    for (output, placements, expected) in table {
        for placement in *placements {
            assert_eq!(parse(output, &format(*placement), &choices()), *expected, "{placement}: {output}");
        }
    }
}

#[test]
fn a_label_is_known_as_soon_as_nothing_can_change_it() {
    use Placement::{After, Before, Both, None};
    const ALL: &[Placement] = &[None, Before, After, Both];
    const LABEL_FIRST: &[Placement] = &[None, After];
    const REASONS_FIRST: &[Placement] = &[Before, Both];
    let table: &[(&str, &[Placement], bool)] = &[
        ("", ALL, false),
        (" \n", ALL, false),
        ("[FIN", ALL, false),
        (" [FIN_LABEL]", ALL, false),
        ("[FIN_LABEL] B", ALL, false),
        ("[FIN_LABEL] B [FIN_LAB", ALL, false),
        ("[FIN_LABEL] B [FIN_LABEL]", ALL, true),
        // Nothing that follows makes a label of these.
        ("[FIN_LABEL] C", ALL, true),
        ("[FIN_LABEL] ice", ALL, true),
        ("[FIN_LABEL] B.", ALL, true),
        ("[FIN_LABEL] B or", ALL, true),
        ("[FIN_LABEL] [FIN", ALL, true),
        // Where the label comes first, anything else at the beginning decides.
        ("Ice", LABEL_FIRST, true),
        ("[FIX", LABEL_FIRST, true),
        ("Ice is smooth. [FIN_LABEL]", LABEL_FIRST, true),
        ("Ice", REASONS_FIRST, false),
        ("Ice is smooth. [FIN_LABEL] B", REASONS_FIRST, false),
        // The first byte of a character that may belong to a marker, or not.
        ("\u{fffd}", ALL, false),
        ("[FIN_LABEL] B \u{fffd}", ALL, false),
    ];
    for (output, placements, expected) in table {
        for placement in *placements {
            assert_eq!(decided(output, &format(*placement), &choices()), *expected, "{placement}: {output}");
        }
    }
}

/// A format with an answer form and, if said so, with brackets around thoughts.
fn sentence(placement: Placement, form: &str, thinks: bool) -> Format {
    let think = thinks.then(|| Think { open: "<think>\n".into(), close: "\n</think>".into(), opened: false });
    Format { answer_form: Some(form.into()), think, ..format(placement) }
}

#[test]
fn targets_with_a_sentence_or_with_brackets() {
    let number = Answer::Number("3.5".into());
    let written = |format: &Format| render(format, &number, "It is 7 / 2.").unwrap();
    for (format, expected) in [
        (sentence(Placement::None, "The answer is {answer}.", false), "The answer is 3.5."),
        (sentence(Placement::Before, "The answer is {answer}.", false), "It is 7 / 2. The answer is 3.5."),
        (sentence(Placement::After, "The answer is {answer}.", false), "The answer is 3.5. It is 7 / 2."),
        (sentence(Placement::Before, "#### {answer}", false), "It is 7 / 2. #### 3.5"),
        (sentence(Placement::After, "#### {answer}", false), "#### 3.5\nIt is 7 / 2."),
        (sentence(Placement::Before, "\\boxed{{answer}}", false), "It is 7 / 2. \\boxed{3.5}"),
        (
            sentence(Placement::Before, "The answer is {answer}.", true),
            "<think>\nIt is 7 / 2.\n</think> The answer is 3.5.",
        ),
        (
            sentence(Placement::Both, "Answer: {answer}!", true),
            "<think>\nIt is 7 / 2.\n</think> Answer: 3.5! It is 7 / 2.",
        ),
        (sentence(Placement::None, "The answer is {answer}.", true), "The answer is 3.5."),
    ] {
        let target = written(&format);
        assert_eq!(target.text, expected);
        assert_eq!(&target.text[target.label.clone()], "3.5");
        assert!(target.rationales.iter().all(|copy| &target.text[copy.clone()] == "It is 7 / 2."));
        assert_eq!(parse(expected, &format, Expected::Number), Ok(number.clone()), "{expected}");
        let brackets = target.brackets.map(|both| both.map(|at| target.text[at].to_owned()));
        assert_eq!(brackets.is_some(), expected.contains("think"), "{expected}");
        assert!(brackets.is_none_or(|both| both == ["<think>", "</think>"]));
    }
}

#[test]
fn what_a_sentence_cannot_hold_is_refused() {
    let refused = |format: &Format, answer: &str, rationale: &str| {
        render(format, &Answer::Text(answer.into()), rationale).unwrap_err().to_string()
    };
    for form in ["", "{answer}", " {answer}.", "The answer is B.", "{answer} or {answer}", "The {answer} {answer}"] {
        assert_eq!(check_form(form), Err(TargetError::Form { form: form.into() }));
    }
    let stop = sentence(Placement::Before, "The answer is {answer}.", false);
    let said = refused(&stop, "Mr. Smith", "so");
    assert!(said.contains("`Mr. Smith` cannot be read back from `The answer is {answer}.`"), "{said}");
    let said = refused(&sentence(Placement::None, "#### {answer}", false), "two\nlines", "");
    assert!(said.contains("cannot be read back"), "{said}");
    let said = refused(&stop, "Ada", "The answer is short. It is Ada.");
    assert!(said.contains("its rationale contains `The answer is`"), "{said}");
    // Set apart, or behind the answer, the rationale may say so; and what only begins like it does.
    let text = Answer::Text("Ada".into());
    for (format, rationale) in [
        (sentence(Placement::Before, "The answer is {answer}.", true), "The answer is short."),
        (sentence(Placement::After, "The answer is {answer}.", false), "The answer is short."),
        (stop, "The answer isn't long."),
    ] {
        let target = render(&format, &text, rationale).unwrap();
        assert_eq!(parse(&target.text, &format, Expected::Text), Ok(text.clone()));
    }
    let said = refused(&sentence(Placement::Before, "So {answer}.", true), "Ada", "a </think> b");
    assert!(said.contains("its rationale contains `</think>`"), "{said}");
}

#[test]
fn the_decision_table_of_sentences_thoughts_and_leads() {
    let open = |lead: &str, opened: bool| {
        let mut format = sentence(Placement::Before, "The answer is {answer}.", true);
        format.lead = lead.into();
        format.think.as_mut().unwrap().opened = opened;
        format
    };
    let lead = |placement| Format { lead: "<think>\n\n</think>".into(), ..format(placement) };
    let number = |text: &str| Ok(Answer::Number(text.into()));
    let none = Err(Unreadable::NoMarker);
    for (format, output, ended, cut) in [
        (open("", false), "The answer is 3.5.", number("3.5"), Err(Unreadable::Unclosed)),
        (open("", false), "The answer is 3.5. ", number("3.5"), number("3.5")),
        (open("", false), "The answer is 3.5", Err(Unreadable::Unclosed), Err(Unreadable::Unclosed)),
        (open("", false), "<think>The answer is 1. </think>The answer is 2. ", number("2"), number("2")),
        (open("", false), " <think>\nThe answer is 1. ", none.clone(), none.clone()),
        (open("", false), "so <think>The answer is 1. </think>The answer is 2. ", number("1"), number("1")),
        (open("", true), "The answer is 1. ", none.clone(), none.clone()),
        (open("", true), "The answer is 1. </think> The answer is 2. ", number("2"), number("2")),
        (sentence(Placement::None, "#### {answer}", false), "#### 12", number("12"), Err(Unreadable::Unclosed)),
        (sentence(Placement::None, "#### {answer}", false), "#### 12\nso", number("12"), number("12")),
        (
            sentence(Placement::None, "#### {answer}", false),
            "so #### 12",
            Err(Unreadable::Misplaced),
            Err(Unreadable::Misplaced),
        ),
    ] {
        assert_eq!(parse(output, &format, Expected::Number), ended, "{output}");
        assert_eq!(parse_cut(output, &format, Expected::Number), cut, "{output}");
    }
    let b = Ok(Answer::at(1).unwrap());
    for placement in [Placement::None, Placement::Before] {
        for output in ["<think>\n\n</think>\n\n[FIN_LABEL] B [FIN_LABEL]", "[FIN_LABEL] B [FIN_LABEL]"] {
            assert_eq!(parse(output, &lead(placement), &choices()), b, "{output}");
            assert!(decided(output, &lead(placement), &choices()));
        }
    }
    let sure = |format: &Format, output: &str| decided(output, format, &choices());
    for (format, output, known) in [
        (lead(Placement::None), "", false),
        (lead(Placement::None), "<thi", false),
        (lead(Placement::None), "<think>\n\n</think>\n\n[FIN", false),
        (lead(Placement::None), "<think>\n\n</think>\n\nso", true),
        (lead(Placement::None), "<think>\nso", true),
        (open("", false), "<think>The answer is B. ", false),
        (open("", false), "<think></think>The answer is", false),
        (open("", false), "<think></think>The answer is B", false),
        (open("", false), "<think></think>The answer is B.", true),
        (open("", true), "The answer is B. ", false),
        (sentence(Placement::None, "The answer is {answer}.", false), "The answer is", false),
        (sentence(Placement::None, "The answer is {answer}.", false), "The answer isn", true),
        (sentence(Placement::None, "The answer is {answer}.", false), "The answer is ice", true),
        (sentence(Placement::None, "#### {answer}", false), "#### B", false),
        (sentence(Placement::None, "#### {answer}", false), "#### B\n", true),
    ] {
        assert_eq!(sure(&format, output), known, "{output}");
    }
    let numbers = |output: &str| decided(output, &open("", false), Expected::Number);
    assert_eq!((numbers("The answer is 3."), numbers("The answer is 3. ")), (false, true));
}

fn placement() -> impl Strategy<Value = Placement> {
    prop::sample::select(vec![Placement::None, Placement::Before, Placement::After, Placement::Both])
}

proptest! {
    #[test]
    fn what_was_written_is_read_back(placement in placement(), index in 0usize..2, rationale in "(?s).*", marker in "\\S{1,4}") {
        let format = Format::marked(placement, marker);
        let label = Answer::at(index).unwrap();
        if let Ok(target) = render(&format, &label, &rationale) {
            prop_assert_eq!(parse(&target.text, &format, &choices()), Ok(label.clone()));
            prop_assert_eq!(&target.text[target.label], label.to_string());
            let mut copies = target.rationales.iter().map(|copy| &target.text[copy.clone()]);
            prop_assert!(copies.all(|copy| !copy.is_empty() && copy == rationale.trim()));
        }
    }

    #[test]
    fn open_answers_are_read_back_too(
        placement in placement(), number in "-?[0-9]{1,9}(\\.[0-9]{1,3})?", text in "(?s).{1,12}", rationale in "(?s).{0,20}",
    ) {
        let classes = [text.trim().to_owned(), "no".to_owned()];
        for (expected, answer) in [
            (Expected::Number, Answer::Number(number)),
            (Expected::Text, Answer::Text(text.trim().to_owned())),
            (Expected::Class(&classes), Answer::Class(classes[0].clone())),
        ] {
            if let Ok(target) = render(&format(placement), &answer, &rationale) {
                prop_assert_eq!(parse(&target.text, &format(placement), expected), Ok(answer.clone()));
                prop_assert_eq!(&target.text[target.label], answer.to_string());
                let known = |end: &usize| target.text.is_char_boundary(*end) && decided(&target.text[..*end], &format(placement), expected);
                // It is known with the marker that closes it, and not before.
                prop_assert_eq!((0..=target.text.len()).find(known), Some(target.answer.end));
            }
        }
    }

    #[test]
    fn what_was_written_in_a_sentence_is_read_back(
        placement in placement(), form in "[A-Z][a-z]{1,4}:? \\{answer\\}[.!;]?( ok)?", thinks: bool,
        number in "-?[0-9]{1,9}(\\.[0-9]{1,3})?", text in "(?s).{1,12}", rationale in "(?s).{0,20}",
    ) {
        let format = sentence(placement, &form, thinks);
        for (expected, answer) in [
            (Expected::Number, Answer::Number(number)),
            (Expected::Text, Answer::Text(text.trim().to_owned())),
        ] {
            if let Ok(target) = render(&format, &answer, &rationale) {
                prop_assert_eq!(parse(&target.text, &format, expected), Ok(answer.clone()));
                prop_assert_eq!(&target.text[target.label.clone()], answer.to_string());
                // More white space settles it, and what is settled stays so.
                let known = |end: &usize| target.text.is_char_boundary(*end) && decided(&target.text[..*end], &format, expected);
                let settled = (0..=target.text.len()).find(known);
                prop_assert!(settled.is_none_or(|end| end >= target.label.end), "{} {settled:?}", target.text);
                if let Some(end) = settled {
                    prop_assert_eq!(parse_cut(&target.text[..end], &format, expected), Ok(answer.clone()));
                }
            }
        }
    }

    #[test]
    fn what_is_decided_in_a_sentence_stays_so(
        output in "(<think>|</think>|The answer is| |A|B|3|7|\\.|yes|\n){0,8}",
        more in "(<think>|</think>|The answer is| |A|B|3|7|\\.|yes|\n){0,8}",
        placement in placement(), thinks: bool, stop: bool,
    ) {
        let format = sentence(placement, if stop { "The answer is {answer}." } else { "The answer is {answer}" }, thinks);
        let (classes, choices) = (["yes".to_owned(), "3".to_owned()], choices());
        for expected in [Expected::Choice(&choices), Expected::Class(&classes), Expected::Number, Expected::Text] {
            if decided(&output, &format, expected) {
                let later = format!("{output}{more}");
                let (now, then) = (parse(&output, &format, expected).ok(), parse(&later, &format, expected).ok());
                prop_assert!(then.is_none() || then == now, "{output:?} {later:?} {now:?} {then:?}");
                prop_assert!(decided(&later, &format, expected), "{output:?} {later:?}");
            }
            // What can be read of an output that may go on is decided.
            prop_assert!(parse_cut(&output, &format, expected).is_err() || decided(&output, &format, expected));
        }
    }

    #[test]
    fn what_is_decided_stays_so(
        output in "(\\[FIN_LABEL\\]| |A|B|C|\\[FIN|_LABEL\\]|ice|\n){0,6}",
        more in "(\\[FIN_LABEL\\]| |A|B|C|\\[FIN|_LABEL\\]|ice|\n){0,6}",
        placement in placement(),
    ) {
        let format = format(placement);
        if decided(&output, &format, &choices()) {
            let later = format!("{output}{more}");
            prop_assert_eq!(parse(&output, &format, &choices()).ok(), parse(&later, &format, &choices()).ok());
            prop_assert!(decided(&later, &format, &choices()));
        }
        // Whatever can be read is decided.
        prop_assert!(parse(&output, &format, &choices()).is_err() || decided(&output, &format, &choices()));
    }

    #[test]
    fn no_output_makes_the_reader_panic(output in "(?s)(.|\\[FIN_LABEL\\]| B ){0,12}", placement in placement()) {
        let _ = parse(&output, &format(placement), &choices());
    }
}
