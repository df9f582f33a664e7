//! Where the words and sentences of a text stand.
//!
//! A *word* is a stretch between white space without the punctuation at its ends, so the words of `"faster."` and
//! `(nerds, mostly)` are `faster`, `nerds` and `mostly`; `don't` and `two-legged` are one word each. A stretch without
//! any letter or digit, such as `—` or `_____`, holds no word.
//!
//! A *sentence* reaches up to a `.`, `?`, `!` or `…` (and closing quotes or brackets after it) that white space follows,
//! or up to a line feed; it includes its punctuation. `1.5` and `e.g.` inside a line of text do not end a sentence
//! unless white space follows them.

use std::ops::Range;

/// Returns the byte ranges of the words, in order.
pub fn words(text: &str) -> Vec<Range<usize>> {
    chunks(text).into_iter().filter_map(|chunk| word_of(text, chunk)).collect()
}

/// Returns the byte ranges of the sentences, in order, without the white space around them.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut sentences: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    let mut last_end = 0;
    for chunk in chunks(text) {
        open &= !text[last_end..chunk.start].contains('\n');
        last_end = chunk.end;
        let bare = text[chunk.clone()].trim_end_matches(|c: char| "\"')]}»”’".contains(c));
        let ends = bare.ends_with(['.', '?', '!', '…']);
        match sentences.last_mut().filter(|_| open) {
            Some(sentence) => sentence.end = chunk.end,
            None => sentences.push(chunk),
        }
        open = !ends;
    }
    sentences
}

/// Returns the byte range without the white space at its ends; empty at its start when there is nothing else.
pub fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inner = &text[range.clone()];
    let start = range.start + (inner.len() - inner.trim_start().len());
    if start == range.end { range.start..range.start } else { start..start + inner.trim().len() }
}

/// The stretches between white space.
fn chunks(text: &str) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (start, c.is_whitespace()) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                chunks.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    chunks.extend(start.map(|from| from..text.len()));
    chunks
}

fn word_of(text: &str, chunk: Range<usize>) -> Option<Range<usize>> {
    let mut inside = text[chunk.clone()].char_indices().filter(|(_, c)| c.is_alphanumeric());
    let first = inside.next()?;
    let last = inside.next_back().unwrap_or(first);
    Some(chunk.start + first.0..chunk.start + last.0 + last.1.len_utf8())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str, ranges: Vec<Range<usize>>) -> Vec<&str> {
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn words_leave_punctuation_out() {
        let text = "He said: \"don't!\" — (two-legged) nerds, 1.5 m … _____ Ölçü.";
        assert_eq!(texts(text, words(text)), ["He", "said", "don't", "two-legged", "nerds", "1.5", "m", "Ölçü"]);
        assert!(words(" .,\n").is_empty());
    }

    #[test]
    fn sentences_keep_their_punctuation() {
        let text = " Ice is smooth. Is it? (Yes!) It is 1.5 m\nNo end";
        assert_eq!(texts(text, sentences(text)), ["Ice is smooth.", "Is it?", "(Yes!)", "It is 1.5 m", "No end"]);
        assert!(sentences(" \n ").is_empty());
    }

    proptest! {
        #[test]
        fn ranges_are_in_order_apart_and_hold_something(text in "(?s).*") {
            for ranges in [words(&text), sentences(&text)] {
                let mut end = 0;
                for range in ranges {
                    prop_assert!(range.start >= end && range.start < range.end);
                    prop_assert!(!text[range.clone()].starts_with(char::is_whitespace));
                    prop_assert!(!text[range.clone()].ends_with(char::is_whitespace));
                    end = range.end;
                }
            }
        }

        #[test]
        fn sentences_leave_nothing_but_white_space_out(text in "(?s).*") {
            let kept: usize = sentences(&text).into_iter().map(|range| text[range].split_whitespace().map(str::len).sum::<usize>()).sum();
            prop_assert_eq!(kept, text.split_whitespace().map(str::len).sum::<usize>());
        }
    }
}
