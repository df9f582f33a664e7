//! Where an answer stands in what a student writes: between markers or in a sentence, behind its thoughts, and behind what a
//! chat template writes before every answer.
//!
//! An answer form is a sentence with `{answer}` in it. What stands before that opens the answer, what stands behind it closes
//! it. The closing counts only before white space or at the end of the output, so that `The answer is 3.5.` is read as 3.5. A
//! form without a closing, such as `#### {answer}`, is closed by the end of the line.

use std::ops::Range;

use retort_artifact::{Format, Think};

/// What stands for the answer in an answer form.
pub const PLACE: &str = "{answer}";

/// What stands around the answer in a format.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// What stands before the answer.
    pub(super) opening: &'a str,
    /// What stands behind it; nothing where the end of the line closes it.
    pub(super) closing: &'a str,
    around: Around,
    /// Whether nothing may stand before the opening.
    label_first: bool,
    think: Option<&'a Think>,
    /// Whether thoughts have been opened already when an output begins.
    opened: bool,
    lead: &'a str,
}

/// What opening and closing are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    /// A pair of markers.
    Markers,
    /// A sentence.
    Sentence {
        /// Whether white space must follow the opening.
        spaced: bool,
    },
}

/// Where an answer was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Thoughts have not come to an end, or the output may still be the beginning of something that is passed over.
    Pending,
    /// The opening does not occur behind this byte.
    Nothing(usize),
    /// Words stand before the opening where the answer should come first.
    Misplaced,
    /// The answer begins at this byte and was not closed.
    Open(usize),
    /// These bytes stand between opening and closing.
    Closed(Range<usize>),
}

impl<'a> Frame<'a> {
    pub(super) fn of(format: &'a Format) -> Self {
        let Format { placement, marker, answer_form, think, lead } = format;
        let marker = marker.as_str();
        let (opening, closing, around) = match answer_form.as_deref().and_then(|form| form.split_once(PLACE)) {
            Some((before, after)) => {
                let spaced = before.ends_with(char::is_whitespace);
                (before.trim(), after.trim(), Around::Sentence { spaced })
            }
            None => (marker, marker, Around::Markers),
        };
        let label_first = placement.label_first();
        // What answers at once has no thoughts to pass over.
        let think = think.as_ref().filter(|_| !label_first);
        let opened = think.is_some_and(|think| think.opened);
        Self { opening, closing, around, label_first, think, opened, lead: lead.trim() }
    }

    /// The same for a text that has the opening bracket of its thoughts, whoever writes it.
    pub(super) fn unopened(self) -> Self {
        Self { opened: false, ..self }
    }

    /// The same where anything may stand before the opening.
    pub(super) fn anywhere(self) -> Self {
        Self { label_first: false, ..self }
    }

    pub(super) fn is_sentence(&self) -> bool {
        self.around != Around::Markers
    }

    /// Finds the answer; `ended` says that nothing follows the output.
    pub(super) fn find(&self, output: &str, ended: bool) -> Found {
        let Some(from) = self.said_from(output) else { return Found::Pending };
        let Some(opening) = self.opening_in(&output[from..]) else { return Found::Nothing(from) };
        if self.label_first && !output[from..from + opening.start].trim().is_empty() {
            return Found::Misplaced;
        }
        let begin = from + opening.end;
        match self.closing_in(&output[begin..], ended) {
            Some(length) => Found::Closed(begin..begin + length),
            None => Found::Open(begin),
        }
    }

    /// Where a student begins to say something: behind the lead, and behind its thoughts.
    pub(super) fn said_from(&self, output: &str) -> Option<usize> {
        let behind = |at: usize| output.len() - output[at..].trim_start().len();
        let mut from = 0;
        if !self.lead.is_empty() {
            let rest = &output[behind(0)..];
            match rest.strip_prefix(self.lead) {
                Some(rest) => {
                    from = output.len() - rest.len();
                    // The lead may have closed the thoughts, which are empty then.
                    if self.think.is_some_and(|think| self.lead.ends_with(think.close.trim())) {
                        return Some(from);
                    }
                }
                None if self.lead.starts_with(rest) => return None,
                None => {}
            }
        }
        let Some(think) = self.think else { return Some(from) };
        let (open, close) = (think.open.trim(), think.close.trim());
        let rest = &output[behind(from)..];
        let inside = match rest.strip_prefix(open) {
            _ if self.opened => from,
            Some(rest) => output.len() - rest.len(),
            None if open.starts_with(rest) => return None,
            None => return Some(from),
        };
        output[inside..].find(close).map(|at| inside + at + close.len())
    }

    fn opening_in(&self, said: &str) -> Option<Range<usize>> {
        let mut found = said.match_indices(self.opening).map(|(at, opening)| at..at + opening.len());
        let spaced = self.around == Around::Sentence { spaced: true };
        found.find(|at| !spaced || said[at.end..].starts_with(char::is_whitespace))
    }

    /// The length of what stands before the closing.
    fn closing_in(&self, behind: &str, ended: bool) -> Option<usize> {
        if !self.is_sentence() {
            return behind.find(self.closing);
        }
        if self.closing.is_empty() {
            let blank = behind.len() - behind.trim_start().len();
            let line = behind[blank..].find('\n').map(|length| blank + length);
            return line.or_else(|| (ended && blank < behind.len()).then_some(behind.len()));
        }
        let closes = |&(at, closing): &(usize, &str)| {
            let next = behind[at + closing.len()..].chars().next();
            next.map_or(ended, char::is_whitespace)
        };
        behind.match_indices(self.closing).find(closes).map(|(at, _)| at)
    }
}
