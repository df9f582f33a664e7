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
//! The answer is a letter where the question has choices, and the name of a class, a number or a text elsewhere. With an answer
//! form such as `The answer is {answer}.`, that sentence stands in the place of the label and its markers. With brackets for
//! thoughts, a rationale before the label stands in them: `<think>…</think> [FIN_LABEL] B [FIN_LABEL]`.
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
//!
//! With an answer form, what stands before and behind `{answer}` takes the markers' place. Where thoughts are in brackets and an
//! output begins with one, everything up to the first closing bracket is passed over. An output whose end would close the
//! answer is read by [`parse`] as one that came to its end, and by [`parse_cut`] as one that was cut off.

use std::ops::Range;

use crate::answer::Expected;
pub use crate::answer::Unreadable;
use crate::frame::{Found, Frame};
use retort_artifact::{Answer, Format, Placement};

pub use crate::frame::PLACE;

/// The default marker.
pub const MARKER: &str = "[FIN_LABEL]";

/// A target and the places of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The whole target.
    pub text: String,
    /// The bytes of the answer: the label with its markers, or the sentence that states it.
    pub answer: Range<usize>,
    /// The bytes of the answer itself: the letter, name, number or text.
    pub label: Range<usize>,
    /// The bytes of the rationale, each time it stands there; none where there is none.
    pub rationales: Vec<Range<usize>>,
    /// The bytes of the brackets around the first rationale, white space at their ends left out.
    pub brackets: Option<[Range<usize>; 2]>,
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
    /// The answer form is no sentence with one place for the answer.
    #[error(
        "cannot use `{form}` as the answer form: expected words, then `{{answer}}` once, such as `The answer is {{answer}}.`"
    )]
    Form {
        /// The form.
        form: String,
    },
    /// The answer cannot be told from what follows it in the answer form.
    #[error(
        "cannot write a target: the answer `{answer}` cannot be read back from `{form}`; choose another `answer_form`, or a `marker`"
    )]
    Unread {
        /// The answer.
        answer: String,
        /// The form.
        form: String,
    },
    /// The rationale states an answer in the words of the answer form, before the answer itself.
    #[error(
        "cannot write a target: its rationale contains `{opening}`, with which the answer begins; take it out with the step \
             `strip_label`, or set the rationale apart with `think`"
    )]
    OpeningInRationale {
        /// What opens the answer.
        opening: String,
    },
    /// The rationale has the bracket in it that closes it.
    #[error(
        "cannot write a target: its rationale contains `{bracket}`, which closes it; choose other brackets in `think`"
    )]
    BracketInRationale {
        /// The bracket.
        bracket: String,
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

/// Says whether text can serve as an answer form.
pub fn check_form(form: &str) -> Result<(), TargetError> {
    let sound = form.split_once(PLACE).filter(|(before, after)| !before.trim().is_empty() && !after.contains(PLACE));
    sound.map(|_| ()).ok_or_else(|| TargetError::Form { form: form.to_owned() })
}

/// Writes a target. A blank rationale is left out, as it is where the placement is none.
pub fn render(format: &Format, answer: &Answer, rationale: &str) -> Result<Target, TargetError> {
    let Format { placement, marker, answer_form, think, lead: _ } = format;
    let rationale = if *placement == Placement::None { "" } else { rationale.trim() };
    let written = answer.to_string();
    let written = written.trim();
    let (around, closed_by_line) = match answer_form {
        None => {
            check_marker(marker)?;
            if rationale.contains(marker.as_str()) {
                return Err(TargetError::MarkerInRationale { marker: marker.clone() });
            }
            if written.contains(marker.as_str()) {
                return Err(TargetError::Answer { answer: written.to_owned() });
            }
            ([format!("{marker} "), format!(" {marker}")], false)
        }
        Some(form) => {
            check_form(form)?;
            let (before, after) = form.split_once(PLACE).unwrap_or_default();
            ([before.trim_start().to_owned(), after.trim_end().to_owned()], after.trim().is_empty())
        }
    };
    if written.is_empty() {
        return Err(TargetError::Answer { answer: written.to_owned() });
    }
    let (mut text, mut rationales, mut brackets) = (String::new(), Vec::new(), None);
    let mut write = |between: &str, piece: &str| {
        if !text.is_empty() && !text.ends_with(char::is_whitespace) {
            text.push_str(between);
        }
        text.push_str(piece);
        text.len() - piece.len()..text.len()
    };
    let there = !rationale.is_empty();
    if there && matches!(placement, Placement::Before | Placement::Both) {
        match think {
            None => rationales.push(write(" ", rationale)),
            Some(think) => {
                let close = think.close.trim();
                if rationale.contains(close) {
                    return Err(TargetError::BracketInRationale { bracket: close.to_owned() });
                }
                let open = trimmed(write("", &think.open), &think.open);
                rationales.push(write("", rationale));
                brackets = Some([open, trimmed(write("", &think.close), &think.close)]);
            }
        }
    }
    let [opening, closing] = &around;
    let answer = write(" ", &format!("{opening}{written}{closing}"));
    if there && matches!(placement, Placement::After | Placement::Both) {
        rationales.push(write(if closed_by_line { "\n" } else { " " }, rationale));
    }
    let label_at = answer.start + opening.len();
    let target = Target { text, answer, label: label_at..label_at + written.len(), rationales, brackets };
    if let Some(form) = answer_form {
        let frame = Frame::of(format).unopened();
        let read = match frame.find(&target.text, true) {
            Found::Closed(between) => Some(trimmed(between.clone(), &target.text[between])),
            _ => None,
        };
        if read.as_ref() != Some(&target.label) {
            let early = read.is_some_and(|read| read.start < target.answer.start);
            return Err(if early {
                TargetError::OpeningInRationale { opening: frame.opening.to_owned() }
            } else {
                TargetError::Unread { answer: written.to_owned(), form: form.clone() }
            });
        }
    }
    Ok(target)
}

/// Takes white space off the ends of the bytes of a piece.
fn trimmed(at: Range<usize>, piece: &str) -> Range<usize> {
    let start = at.start + piece.len() - piece.trim_start().len();
    start..start + piece.trim().len()
}

/// Reads the answer from an output that came to its end, as the [module](self) says.
pub fn parse<'a>(output: &str, format: &Format, expected: impl Into<Expected<'a>>) -> Result<Answer, Unreadable> {
    read(output, format, expected.into(), true)
}

/// Reads the answer from an output that was cut off: what only the end would have closed is not closed.
pub fn parse_cut<'a>(output: &str, format: &Format, expected: impl Into<Expected<'a>>) -> Result<Answer, Unreadable> {
    read(output, format, expected.into(), false)
}

fn read(output: &str, format: &Format, expected: Expected<'_>, ended: bool) -> Result<Answer, Unreadable> {
    if output.trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    let frame = Frame::of(format);
    if frame.opening.is_empty() {
        return Err(Unreadable::NoMarker);
    }
    match frame.find(output, ended) {
        Found::Pending | Found::Nothing(_) => Err(Unreadable::NoMarker),
        Found::Misplaced => Err(Unreadable::Misplaced),
        Found::Open(_) => Err(Unreadable::Unclosed),
        Found::Closed(between) => expected.read(&output[between]),
    }
}

/// Returns where the answer begins in an output, behind what opens it, and what may close it; `None` where nothing opens it.
pub fn opened<'f>(output: &str, format: &'f Format) -> Option<(usize, &'f str)> {
    let frame = Frame::of(format).anywhere();
    match frame.find(output, true) {
        Found::Open(at) => Some((at, frame.closing)),
        Found::Closed(between) => Some((between.start, frame.closing)),
        Found::Pending | Found::Nothing(_) | Found::Misplaced => None,
    }
}

/// Says whether the answer is known: whatever may still be written behind an output, [`parse`] reads the same from it, or none as it does now.
///
/// A character that is written halfway, as tokens of single bytes leave it, is left open.
pub fn decided<'a>(output: &str, format: &Format, expected: impl Into<Expected<'a>>) -> bool {
    let frame = Frame::of(format);
    let output = output.trim_end_matches(char::REPLACEMENT_CHARACTER);
    match frame.find(output, false) {
        Found::Pending => false,
        Found::Nothing(from) => {
            format.placement.label_first() && !frame.opening.starts_with(output[from..].trim_start())
        }
        Found::Misplaced | Found::Closed(_) => true,
        Found::Open(at) => {
            let behind = &output[at..];
            let expected: Expected<'a> = expected.into();
            expected.settled(behind, frame.closing)
                || (frame.is_sentence() && ends_sure(behind, frame.closing, expected))
        }
    }
}

/// Says whether what stands before a closing at the very end of an output stays the answer: whatever follows, another closing
/// further on would close nothing that can be read.
fn ends_sure(behind: &str, closing: &str, expected: Expected<'_>) -> bool {
    let Some(between) = behind.strip_suffix(closing).filter(|_| !closing.is_empty()) else { return false };
    match expected {
        Expected::Choice(_) => true,
        Expected::Class(names) => {
            let longer = behind.trim_start().to_lowercase();
            expected.read(between).is_ok() && !names.iter().any(|name| name.to_lowercase().starts_with(&longer))
        }
        Expected::Number | Expected::Text | Expected::Exact => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
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
        for form in ["", "{answer}", " {answer}.", "The answer is B.", "{answer} or {answer}", "The {answer} {answer}"]
        {
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
}
