//! How an answer is read from what a student wrote, by the rules of [`target`](super).

use crate::answer::{Expected, Unreadable};
use crate::frame::{Found, Frame};
use retort_artifact::{Answer, Format};

/// Reads the answer from an output that came to its end, as [`target`](super) says.
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

/// Returns what an output says behind its thoughts, where the format has brackets for them; nothing where they have not come to
/// an end.
pub fn said<'o>(output: &'o str, format: &Format) -> &'o str {
    match Frame::of(format).said_from(output) {
        Some(from) => &output[from..],
        None => "",
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
