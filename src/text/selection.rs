//! Which words of a text a selection has, and how many it shares with another.
//!
//! A text falls into *units*: its words, as [`words`](super::words) says, and each stretch of other characters between
//! them that white space does not break, such as `.` or `—`. A selection is given as places in the text, which may be
//! words or pieces of them, as a tokenizer makes them. A place takes the words that it touches; punctuation beside a
//! word is not taken with it, and only a place that touches no word takes the stretches of punctuation it touches.

use std::collections::BTreeMap;
use std::ops::Range;

use super::words::words;
use retort_artifact::Matching;

/// A piece of a text that is selected or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its bytes.
    pub range: Range<usize>,
    /// Whether it is a word; else it is a stretch of punctuation.
    pub word: bool,
}

/// A place that the text does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text has no characters at the bytes {start} to {end}")]
pub struct NoPlace {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// The units that a selection has, each with the pieces of it that are selected, merged and in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    pieces: BTreeMap<usize, Vec<Range<usize>>>,
}

/// Returns the units of a text, in order. They hold everything but the white space.
pub fn units(text: &str) -> Vec<Unit> {
    let words = words(text);
    let mut units = Vec::new();
    let mut at = 0;
    let ends = text.len()..text.len();
    for word in words.iter().chain([&ends]) {
        let mut open: Option<usize> = None;
        for (offset, c) in text[at..word.start].char_indices() {
            match (open, c.is_whitespace()) {
                (None, false) => open = Some(at + offset),
                (Some(start), true) => {
                    units.push(Unit { range: start..at + offset, word: false });
                    open = None;
                }
                _ => {}
            }
        }
        units.extend(open.map(|start| Unit { range: start..word.start, word: false }));
        if !word.is_empty() {
            units.push(Unit { range: word.clone(), word: true });
        }
        at = word.end;
    }
    units
}

impl Selection {
    /// Finds the units that places in a text take.
    ///
    /// # Errors
    /// A place beyond the end, within a character, or with nothing but white space in it.
    pub fn of(text: &str, units: &[Unit], places: &[(usize, usize)]) -> Result<Self, NoPlace> {
        let mut pieces: BTreeMap<usize, Vec<Range<usize>>> = BTreeMap::new();
        for &(start, end) in places {
            let held = text.get(start..end).is_some_and(|piece| !piece.trim().is_empty());
            if !held {
                return Err(NoPlace { start, end });
            }
            let first = units.partition_point(|unit| unit.range.end <= start);
            let touched = || (first..units.len()).take_while(|&index| units[index].range.start < end);
            let words = touched().any(|index| units[index].word);
            for index in touched().filter(|&index| units[index].word == words) {
                let Range { start: from, end: to } = units[index].range;
                pieces.entry(index).or_default().push(start.max(from)..end.min(to));
            }
        }
        pieces.values_mut().for_each(merge);
        Ok(Self { pieces })
    }

    /// Returns the units it has, in order.
    pub fn units(&self) -> impl Iterator<Item = usize> {
        self.pieces.keys().copied()
    }

    /// Says whether it has a unit that counts as shared with another selection.
    pub fn shares(&self, unit: usize, other: &Self, matching: Matching) -> bool {
        match (self.pieces.get(&unit), other.pieces.get(&unit)) {
            (Some(ours), Some(theirs)) => matching == Matching::Subword || ours == theirs,
            _ => false,
        }
    }

    /// Says whether it has the whole of a unit.
    pub fn has_whole(&self, index: usize, unit: &Unit) -> bool {
        self.pieces.get(&index).is_some_and(|pieces| *pieces == [unit.range.clone()])
    }
}

/// Puts pieces in order and joins those that touch.
fn merge(pieces: &mut Vec<Range<usize>>) {
    pieces.sort_by_key(|piece| (piece.start, piece.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(pieces.len());
    for piece in pieces.drain(..) {
        match merged.last_mut().filter(|last| piece.start <= last.end) {
            Some(last) => last.end = last.end.max(piece.end),
            None => merged.push(piece),
        }
    }
    *pieces = merged;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(text: &str, pieces: &[&str]) -> Vec<(usize, usize)> {
        let place = |piece: &&str| text.find(piece).map(|at| (at, at + piece.len())).expect("in the text");
        pieces.iter().map(place).collect()
    }

    fn selection(text: &str, pieces: &[&str]) -> Selection {
        Selection::of(text, &units(text), &places(text, pieces)).expect("places of the text")
    }

    fn names<'a>(text: &'a str, selection: &Selection) -> Vec<&'a str> {
        let units = units(text);
        selection.units().map(|index| &text[units[index].range.clone()]).collect()
    }

    #[test]
    fn units_are_words_and_the_punctuation_between_them() {
        let text = " \"Bodybuilders don't\" — (mostly), so: _____ 1.5 m. ";
        let found: Vec<(&str, bool)> = units(text).into_iter().map(|unit| (&text[unit.range], unit.word)).collect();
        let words = ["Bodybuilders", "don't", "mostly", "so", "1.5", "m"];
        assert_eq!(found.iter().filter(|(_, word)| *word).map(|(text, _)| *text).collect::<Vec<_>>(), words);
        let others = ["\"", "\"", "—", "(", "),", ":", "_____", "."];
        assert_eq!(found.iter().filter(|(_, word)| !*word).map(|(text, _)| *text).collect::<Vec<_>>(), others);
        assert!(units(" \n").is_empty());
    }

    #[test]
    fn a_place_takes_the_words_it_touches_and_punctuation_only_by_itself() {
        let text = "So bodybuilders, mostly, throw balls.";
        assert_eq!(names(text, &selection(text, &["builders, most"])), ["bodybuilders", "mostly"]);
        assert_eq!(names(text, &selection(text, &["balls."])), ["balls"]);
        assert_eq!(names(text, &selection(text, &[", mostly", "."])), ["mostly", "."]);
        assert_eq!(names(text, &selection(text, &["body", "builders", "body"])), ["bodybuilders"]);
        assert_eq!(names(text, &selection(text, &[])), [""; 0]);
    }

    #[test]
    fn subwords_are_shared_at_once_and_exactly_only_where_they_are_the_same() {
        let text = "bodybuilders throw";
        let whole = selection(text, &["bodybuilders"]);
        let table = [
            (&["bodybuilders"][..], true, true),
            (&["body", "builders"], true, true),
            (&["builders"], true, false),
            (&["body", "rs"], true, false),
            (&["throw"], false, false),
        ];
        for (pieces, subword, exact) in table {
            let other = selection(text, pieces);
            for (one, two) in [(&whole, &other), (&other, &whole)] {
                assert_eq!(one.shares(0, two, Matching::Subword), subword, "{pieces:?}");
                assert_eq!(one.shares(0, two, Matching::Exact), exact, "{pieces:?}");
            }
        }
        let part = selection(text, &["builders"]);
        assert!(part.shares(0, &part, Matching::Exact), "the same part is the same");
        let unit = &units(text)[0];
        assert!(whole.has_whole(0, unit) && !part.has_whole(0, unit) && !whole.has_whole(1, &units(text)[1]));
    }

    #[test]
    fn places_that_the_text_does_not_have_are_refused() {
        let text = "Über 1 m";
        for place in [(0, 99), (1, 3), (3, 2), (2, 2), (5, 6), (usize::MAX, usize::MAX)] {
            let error = Selection::of(text, &units(text), &[(6, 7), place]).unwrap_err();
            assert_eq!(error, NoPlace { start: place.0, end: place.1 });
        }
    }

    proptest! {
        #[test]
        fn units_hold_all_but_white_space_in_order(text in "(?s).*") {
            let mut end = 0;
            let mut held = String::new();
            for Unit { range, word } in units(&text) {
                prop_assert!(range.start >= end && range.start < range.end);
                prop_assert_eq!(word, text[range.clone()].contains(char::is_alphanumeric));
                held.push_str(&text[range.clone()]);
                end = range.end;
            }
            prop_assert_eq!(held.split_whitespace().collect::<String>(), text.split_whitespace().collect::<String>());
        }

        #[test]
        fn every_place_takes_something_and_every_unit_takes_itself(text in "[a-c .,—]{1,30}", from in 0usize..30, to in 0usize..30) {
            let all = units(&text);
            for (index, unit) in all.iter().enumerate() {
                let found = Selection::of(&text, &all, &[(unit.range.start, unit.range.end)]).unwrap();
                prop_assert_eq!(found.units().collect::<Vec<_>>(), vec![index]);
                prop_assert!(found.has_whole(index, unit));
            }
            if let Ok(found) = Selection::of(&text, &all, &[(from, to)]) {
                prop_assert!(found.units().count() > 0);
            }
        }
    }
}
