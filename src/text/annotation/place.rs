//! From what is marked to the words of a rationale.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Annotation, Marks, Spans};
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
    #[error("{place} marks the characters {start} to {end} of a text that has {length}")]
    Outside {
        /// Where the annotation stands in its file.
        place: String,
        /// The first character.
        start: usize,
        /// The one after the last.
        end: usize,
        /// The characters of the text.
        length: usize,
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
            let same = |spans: &&Spans| spans.text.as_ref().is_none_or(|own| own.trim() == text.trim());
            let mut found = Marked { words: BTreeSet::new(), strangers: Vec::new() };
            let mut any = false;
            for Spans { text: own, spans } in of.iter().filter(same) {
                any = true;
                found.words.extend(covered(own.as_deref().unwrap_or(text), spans, text, ranges, &annotation.place)?);
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

/// Finds the words under spans of a text `own`, which is the rationale's but for white space at its ends.
fn covered(
    own: &str,
    spans: &[(usize, usize)],
    text: &str,
    ranges: &[Range<usize>],
    place: &str,
) -> Result<BTreeSet<usize>, PlaceError> {
    let indent = |text: &str| text.len() - text.trim_start().len();
    let bytes: Vec<usize> = own.char_indices().map(|(at, _)| at).chain([own.len()]).collect();
    let mut found = BTreeSet::new();
    for &(start, end) in spans {
        let length = bytes.len() - 1;
        if start > end || end > length {
            return Err(PlaceError::Outside { place: place.to_owned(), start, end, length });
        }
        let within = |at: usize| (bytes[at] + indent(text)).saturating_sub(indent(own));
        let (start, end) = (within(start), within(end));
        found.extend((0..ranges.len()).filter(|index| ranges[*index].start < end && start < ranges[*index].end));
    }
    Ok(found)
}
