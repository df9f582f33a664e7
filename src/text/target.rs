//! Targets: what a student is taught to write, and how its answer is read from what it wrote.
//!
//! With the marker `[FIN_LABEL]`, after the paper's figure 1 and its section on RQ1:
//!
//! | placement | target |
//! |---|---|
//! | none | `[FIN_LABEL] B [FIN_LABEL]` |
//! | after | `[FIN_LABEL] B [FIN_LABEL] <rationale>` |
//! | before | `<rationale> [FIN_LABEL] B [FIN_LABEL]` |
//! | both | `<rationale> [FIN_LABEL] B [FIN_LABEL] <rationale>` |
//!
//! The answer is a letter where the question has choices, and the name of a class, a number or a text elsewhere.
//!
//! # How an answer is read
//!
//! 1. The label stands between the first marker and the next one; everything after the closing marker is passed over,
//!    a second answer included, so whoever generates may stop there.
//! 2. Where the label comes first (none, after), nothing but white space may stand before the first marker; elsewhere
//!    (before, both) anything may, nothing included.
//! 3. Between the two markers stands, white space aside, one uppercase letter that labels a choice of the question.
//!    Neither a lowercase letter, nor a letter in brackets or with punctuation, nor the words of the choice will do. What
//!    stands there of any other kind of answer is told in [`answer`](crate::answer).
//!
//! Anything else counts as a wrong answer, and [`Unreadable`] says why. The rules are as strict as the target is, on
//! purpose: a student is scored on what it was taught, and a reader that guesses would turn noise into answers. It is what
//! lm-evaluation-harness calls a strict match, where case and punctuation count as well.

use std::ops::Range;

use crate::answer::Expected;
pub use crate::answer::Unreadable;
use retort_artifact::{Answer, Format, Placement};

/// The default marker.
pub const MARKER: &str = "[FIN_LABEL]";

/// A target and the places of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The whole target.
    pub text: String,
    /// The bytes of the answer: the label with its markers.
    pub answer: Range<usize>,
    /// The bytes of the answer itself: the letter, name, number or text.
    pub label: Range<usize>,
    /// The bytes of the rationale, each time it stands there; none where there is none.
    pub rationales: Vec<Range<usize>>,
}

/// A target that could not be told apart again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The marker is empty, has white space in it, or could be taken for a label.
    #[error("cannot use `{marker}` as the marker: expected text without white space that is not a label from A to Z")]
    Marker {
        /// The marker.
        marker: String,
    },
    /// The rationale has the marker in it.
    #[error("cannot write a target: its rationale contains the marker `{marker}`; choose another marker")]
    MarkerInRationale {
        /// The marker.
        marker: String,
    },
    /// The answer has the marker in it, or nothing at all.
    #[error("cannot write a target: its answer `{answer}` {}", if answer.trim().is_empty() { "is blank" } else { "contains the marker; choose another marker" })]
    Answer {
        /// The answer.
        answer: String,
    },
}

/// Says whether text can serve as a marker.
pub fn check_marker(marker: &str) -> Result<(), TargetError> {
    let label = marker.len() == 1 && marker.starts_with(|c: char| c.is_ascii_uppercase());
    if marker.is_empty() || label || marker.contains(char::is_whitespace) {
        return Err(TargetError::Marker { marker: marker.to_owned() });
    }
    Ok(())
}

/// Writes a target. A blank rationale is left out, as it is where the placement is none.
pub fn render(format: &Format, answer: &Answer, rationale: &str) -> Result<Target, TargetError> {
    let Format { placement, marker } = format;
    check_marker(marker)?;
    let rationale = if *placement == Placement::None { "" } else { rationale.trim() };
    if rationale.contains(marker.as_str()) {
        return Err(TargetError::MarkerInRationale { marker: marker.clone() });
    }
    let written = answer.to_string();
    let written = written.trim();
    if written.is_empty() || written.contains(marker.as_str()) {
        return Err(TargetError::Answer { answer: written.to_owned() });
    }
    let (mut text, mut rationales) = (String::new(), Vec::new());
    let mut write = |piece: &str| {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(piece);
        text.len() - piece.len()..text.len()
    };
    let there = !rationale.is_empty();
    if there && matches!(placement, Placement::Before | Placement::Both) {
        rationales.push(write(rationale));
    }
    let answer = write(&format!("{marker} {written} {marker}"));
    if there && matches!(placement, Placement::After | Placement::Both) {
        rationales.push(write(rationale));
    }
    let label_at = answer.start + marker.len() + 1;
    Ok(Target { text, answer, label: label_at..label_at + written.len(), rationales })
}

/// Reads the answer from an output, as the [module](self) says.
pub fn parse<'a>(output: &str, format: &Format, expected: impl Into<Expected<'a>>) -> Result<Answer, Unreadable> {
    let Format { placement, marker } = format;
    if output.trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    if marker.is_empty() {
        return Err(Unreadable::NoMarker);
    }
    let (before, rest) = output.split_once(marker.as_str()).ok_or(Unreadable::NoMarker)?;
    if placement.label_first() && !before.trim().is_empty() {
        return Err(Unreadable::Misplaced);
    }
    let (between, _) = rest.split_once(marker.as_str()).ok_or(Unreadable::Unclosed)?;
    expected.into().read(between)
}

/// Says whether the answer is known: whatever may still be written behind an output, [`parse`] reads the same from it, or none as it does now.
///
/// A character that is written halfway, as tokens of single bytes leave it, is left open.
pub fn decided<'a>(output: &str, format: &Format, expected: impl Into<Expected<'a>>) -> bool {
    let Format { placement, marker } = format;
    let output = output.trim_end_matches(char::REPLACEMENT_CHARACTER);
    let Some((before, rest)) = output.split_once(marker.as_str()) else {
        return placement.label_first() && !marker.starts_with(output.trim_start());
    };
    if placement.label_first() && !before.trim().is_empty() {
        return true;
    }
    if rest.contains(marker.as_str()) {
        return true;
    }
    expected.into().settled(rest, marker)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use retort_artifact::{Choice, Label};

    fn format(placement: Placement) -> Format {
        Format { placement, marker: MARKER.into() }
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
            let format = Format { placement: Placement::After, marker: marker.into() };
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

    fn placement() -> impl Strategy<Value = Placement> {
        prop::sample::select(vec![Placement::None, Placement::Before, Placement::After, Placement::Both])
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(placement in placement(), index in 0usize..2, rationale in "(?s).*", marker in "\\S{1,4}") {
            let format = Format { placement, marker };
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
}
