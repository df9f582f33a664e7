//! From what is marked to the words of a rationale.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Annotation, Marks, Spans, Unit};
use crate::words::words;

/// The words of a rationale that an annotation marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// Their indices among the rationale's words.
    pub words: BTreeSet<usize>,
    /// Marked words that the rationale does not have, or has less often.
    pub strangers: Vec<String>,
}

/// Marks that cannot be in a rationale.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// A span lies outside the text, or ends before it begins.
    #[error("{place} marks the {unit} {start} to {end} of a text that has {length}")]
    Outside {
        /// Where the annotation stands in its file.
        place: String,
        /// The first place.
        start: usize,
        /// The one after the last.
        end: usize,
        /// How long the text is.
        length: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A span begins or ends within a character.
    #[error("{place} marks the {unit} {start} to {end}, which cuts a character in two; what are its spans counted in?")]
    Cut {
        /// Where the annotation stands in its file.
        place: String,
        /// Where the span begins.
        start: usize,
        /// Where it ends.
        end: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// Another text was marked.
    #[error("{place} marks another text, `{text}`")]
    OtherText {
        /// Where the annotation stands in its file.
        place: String,
        /// The text, cut to 60 characters.
        text: String,
    },
}

/// Finds the words that an annotation marks; `ranges` are the words of the text.
///
/// A span marks every word that has a character in it. A word that is marked by what it is stands for its first occurrence
/// that is not marked yet, whatever its case, so that one marked twice stands for two; punctuation around it does not
/// count, and a mark of several words is each of them.
pub fn places(annotation: &Annotation, text: &str, ranges: &[Range<usize>]) -> Result<Marked, PlaceError> {
    match &annotation.marks {
        Marks::Words(marked) => Ok(named(marked, text, ranges)),
        Marks::Spans(of) => {
            let same = |spans: &&Spans| spans.are_of(text);
            let mut found = Marked { words: BTreeSet::new(), strangers: Vec::new() };
            let mut any = false;
            for spans in of.iter().filter(same) {
                any = true;
                found.words.extend(covered(spans, text, ranges, &annotation.place)?);
            }
            if any {
                return Ok(found);
            }
            let other = of.iter().find_map(|spans| spans.text.as_deref()).unwrap_or_default();
            Err(PlaceError::OtherText { place: annotation.place.clone(), text: other.chars().take(60).collect() })
        }
    }
}

fn named(marked: &[String], text: &str, ranges: &[Range<usize>]) -> Marked {
    let lower: Vec<String> = ranges.iter().map(|range| text[range.clone()].to_lowercase()).collect();
    let mut found = Marked { words: BTreeSet::new(), strangers: Vec::new() };
    for mark in marked {
        let parts = words(mark);
        if parts.is_empty() {
            found.strangers.push(mark.clone());
        }
        for part in parts {
            let word = mark[part.clone()].to_lowercase();
            match (0..lower.len()).find(|index| lower[*index] == word && !found.words.contains(index)) {
                Some(index) => {
                    found.words.insert(index);
                }
                None => found.strangers.push(mark[part].to_owned()),
            }
        }
    }
    found
}

/// Returns the byte at which each unit of a text begins, and its end; `None` within a character.
pub(crate) fn places_of(text: &str, unit: Unit) -> Vec<Option<usize>> {
    let units = |(at, char): (usize, char)| {
        let count = match unit {
            Unit::Characters => 1,
            Unit::Utf16 => char.len_utf16(),
            Unit::Bytes => char.len_utf8(),
        };
        (0..count).map(move |nth| (nth == 0).then_some(at))
    };
    text.char_indices().flat_map(units).chain([Some(text.len())]).collect()
}

/// Finds the words under spans of a text that is the rationale's but for white space at its ends.
fn covered(of: &Spans, text: &str, ranges: &[Range<usize>], place: &str) -> Result<BTreeSet<usize>, PlaceError> {
    let indent = |text: &str| text.len() - text.trim_start().len();
    let Spans { text: own, spans, unit } = of;
    let own = own.as_deref().unwrap_or(text);
    let bytes = places_of(own, *unit);
    let unit = unit.name();
    let mut found = BTreeSet::new();
    for &(start, end) in spans {
        let length = bytes.len() - 1;
        if start > end || end > length {
            return Err(PlaceError::Outside { place: place.to_owned(), start, end, length, unit });
        }
        let cut = || PlaceError::Cut { place: place.to_owned(), start, end, unit };
        let within = |at: usize| Some((bytes[at]? + indent(text)).saturating_sub(indent(own)));
        let (start, end) = (within(start).ok_or_else(cut)?, within(end).ok_or_else(cut)?);
        found.extend((0..ranges.len()).filter(|index| ranges[*index].start < end && start < ranges[*index].end));
    }
    Ok(found)
}
