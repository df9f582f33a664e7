//! Where the words and sentences of a text stand.
//!
//! A *word* is a stretch between white space without the punctuation at its ends, so the words of `"faster."` and
//! `(nerds, mostly)` are `faster`, `nerds` and `mostly`; `don't` and `two-legged` are one word each. A stretch without
//! any letter or digit, such as `—` or `_____`, holds no word.
//!
//! A *sentence* reaches up to a `.`, `?`, `!` or `…` (and closing quotes or brackets after it) that white space follows,
//! or up to a line feed; it includes its punctuation. A full stop ends none in the number of a list's item at the beginning
//! of a line (`1. Take 3.` is one sentence), in abbreviations before a word (`e.g. `, `Dr. `, `St. `), in those that may also
//! end a sentence where a small letter follows (`5 p.m. and `), and between initials (`J. S. Bach`, `J. Bach` is two).

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Marks that combine with the letter before them, as accents and vowels do.
static MARKS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{M}+").expect("it is a pattern"));

/// Abbreviations that something follows.
const BEFORE_WORDS: &[&str] = &[
    "mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "mt.", "vs.", "e.g.", "i.e.", "cf.", "approx.", "resp.", "fig.", "eq.",
];
/// Abbreviations that may end a sentence.
const ANYWHERE: &[&str] = &["etc.", "al.", "a.m.", "p.m.", "u.s.", "u.k.", "inc.", "ltd.", "co.", "jr.", "sr.", "ca."];

/// Returns the byte ranges of the words, in order.
pub fn words(text: &str) -> Vec<Range<usize>> {
    chunks(text).into_iter().filter_map(|chunk| word_of(text, chunk)).collect()
}

/// Returns the byte ranges of the sentences, in order, without the white space around them.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let chunks = chunks(text);
    let mut sentences: Vec<Range<usize>> = Vec::new();
    let mut open = false;
    let mut last_end = 0;
    for (index, chunk) in chunks.iter().enumerate() {
        let begins_line = index == 0 || text[last_end..chunk.start].contains('\n');
        open &= !begins_line;
        last_end = chunk.end;
        let next = chunks.get(index + 1).map(|next| &text[next.clone()]);
        match sentences.last_mut().filter(|_| open) {
            Some(sentence) => sentence.end = chunk.end,
            None => sentences.push(chunk.clone()),
        }
        let last = index.checked_sub(1).filter(|_| !begins_line).map(|last| &text[chunks[last].clone()]);
        open = !ends_sentence(last, &text[chunk.clone()], next, begins_line);
    }
    sentences
}

/// Says whether a stretch between white space is the last of its sentence, given what stands around it.
fn ends_sentence(last: Option<&str>, chunk: &str, next: Option<&str>, begins_line: bool) -> bool {
    let bare = chunk.trim_end_matches(|c: char| "\"')]}»”’".contains(c));
    if !bare.ends_with(['.', '?', '!', '…']) {
        return false;
    }
    let numbers = begins_line && bare.len() == chunk.len() && is_item_number(bare);
    let lower = bare.trim_start_matches(|c: char| "\"'([{«“‘*_".contains(c)).to_lowercase();
    let follows = |may_follow: fn(char) -> bool| next.is_some_and(|next| next.starts_with(may_follow));
    !(numbers
        || (BEFORE_WORDS.contains(&lower.as_str()) && next.is_some())
        || (ANYWHERE.contains(&lower.as_str()) && follows(char::is_lowercase))
        || (is_initial(bare) && (next.is_some_and(is_initial) || last.is_some_and(is_initial))))
}

/// Says whether a stretch is the number of a list's item: up to three digits and a full stop, perhaps in bold.
fn is_item_number(chunk: &str) -> bool {
    let digits = chunk.trim_matches('*').strip_suffix('.').unwrap_or_default();
    (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Says whether a stretch is a capital letter with a full stop.
fn is_initial(chunk: &str) -> bool {
    let mut characters = chunk.chars();
    characters.next().is_some_and(char::is_uppercase) && characters.as_str() == "."
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
    let end = chunk.start + last.0 + last.1.len_utf8();
    let behind = &text[end..chunk.end];
    let marks = if behind.starts_with(|c: char| !c.is_ascii()) { MARKS.find(behind) } else { None };
    Some(chunk.start + first.0..end + marks.map_or(0, |marks| marks.end()))
}

/// Returns the words of a text in lower case.
pub(crate) fn lower(text: &str) -> Vec<String> {
    words(text).into_iter().map(|range| text[range].to_lowercase()).collect()
}

/// Says whether the words of a phrase stand in a text, one after the other and whatever their case. Those of none never do.
pub(crate) fn has_phrase(text: &str, phrase: &str) -> bool {
    let phrase = lower(phrase);
    !phrase.is_empty() && lower(text).windows(phrase.len()).any(|window| window == phrase)
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
        // Decomposed letters and vowel signs stay whole.
        let text = "cafe\u{301}, \u{e19}\u{e49}\u{e33}\u{e41}\u{e02}\u{e47}.";
        assert_eq!(texts(text, words(text)), ["cafe\u{301}", "\u{e19}\u{e49}\u{e33}\u{e41}\u{e02}\u{e47}"]);
    }

    #[test]
    fn sentences_keep_their_punctuation() {
        let text = " Ice is smooth. Is it? (Yes!) It is 1.5 m\nNo end";
        assert_eq!(texts(text, sentences(text)), ["Ice is smooth.", "Is it?", "(Yes!)", "It is 1.5 m", "No end"]);
        assert!(sentences(" \n ").is_empty());
    }

    #[test]
    fn a_full_stop_need_not_end_a_sentence() {
        for (text, expected) in [
            ("1. Take 3.\n2. Add 4 to it. 3. Done.", &["1. Take 3.", "2. Add 4 to it.", "3.", "Done."][..]),
            ("**1.** Take 3.", &["**1.** Take 3."]),
            ("It is 7. So 7.\n12.\n", &["It is 7.", "So 7.", "12."]),
            ("In 2020.\n2020. A year", &["In 2020.", "2020.", "A year"]),
            (
                "Fruit, e.g. pears (i.e. sweet ones), sells. Dr. Who (St. Louis) left.",
                &["Fruit, e.g. pears (i.e. sweet ones), sells.", "Dr. Who (St. Louis) left."],
            ),
            (
                "At 5 p.m. they met. It was 6 p.m. They left, etc.",
                &["At 5 p.m. they met.", "It was 6 p.m.", "They left, etc."],
            ),
            (
                "By J. S. Bach. The answer is B. Ice is smooth.",
                &["By J. S. Bach.", "The answer is B.", "Ice is smooth."],
            ),
            ("It is e.g.", &["It is e.g."]),
        ] {
            assert_eq!(texts(text, sentences(text)), expected, "{text}");
        }
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
