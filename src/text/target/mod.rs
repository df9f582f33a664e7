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

mod read;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use crate::answer::Unreadable;
use crate::answer::is_blank;
use crate::frame::{Found, Frame};
use retort_artifact::{Answer, Format, Placement};

pub use crate::frame::PLACE;
pub use read::{decided, opened, parse, parse_cut, said};

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
    #[error("cannot write a target: its answer `{answer}` {}", if is_blank(answer) { "is blank" } else { "contains the marker; choose another marker" })]
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
    if is_blank(written) {
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
