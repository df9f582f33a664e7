//! Corruption: other numbers, and other words, in the places of those that were right.

use std::ops::Range;

use crate::steps::markers;
use retort_fingerprint::Draw;

/// Returns the byte ranges of the numbers of a text, in order: stretches of ASCII digits, with `,` and `.` between digits
/// (`1,000`, `3.14`). Digits behind a letter or `_`, as in `CO2`, are no numbers, but for those behind an `x` that multiplies
/// (`20x8`). Nor are those that number the steps.
pub fn numbers(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut markers = markers(text).into_iter().peekable();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if !digit(at) {
            at += 1;
            continue;
        }
        let start = at;
        while digit(at) || (matches!(bytes.get(at), Some(b',' | b'.')) && digit(at + 1)) {
            at += 1;
        }
        let named = text[..start].ends_with(|c: char| c.is_alphabetic() || c == '_')
            && !multiplied(&text[..start], found.last());
        while markers.next_if(|marker| marker.end <= start).is_some() {}
        let marks = markers.peek().is_some_and(|marker| marker.contains(&start));
        if !named && !marks {
            found.push(start..at);
        }
    }
    found
}

/// Says whether a text ends in an `x` that multiplies what stands before it: a number (other than the `0` of `0x1F`), or what is
/// in brackets.
fn multiplied(before: &str, number: Option<&Range<usize>>) -> bool {
    let Some(before) = before.strip_suffix(['x', 'X']) else { return false };
    let factor = number.filter(|number| number.end == before.len());
    factor.is_some_and(|factor| before[factor.clone()] != *"0") || before.ends_with([')', ']', '%'])
}

/// Returns another number with as many digits, written as this one is. Only one that begins with 0 may begin with 0 again.
pub fn other_number(number: &str, draw: &mut Draw) -> String {
    let begins_with_zero = number.starts_with('0');
    loop {
        let digit = |(at, c): (usize, char)| match c {
            '0'..='9' if at == 0 && !begins_with_zero => char::from(b'1' + draw.below(9) as u8),
            '0'..='9' => char::from(b'0' + draw.below(10) as u8),
            other => other,
        };
        let other: String = number.char_indices().map(digit).collect();
        // A text without a digit has no other, and is none of `numbers`.
        if other != number || !number.contains(|c: char| c.is_ascii_digit()) {
            return other;
        }
    }
}

/// Writes a word in the case of another: in capitals, or with a capital at its beginning, where the other is so.
pub fn like(word: &str, model: &str) -> String {
    let mut letters = model.chars().filter(|c| c.is_alphabetic());
    let capital = letters.next().is_some_and(char::is_uppercase);
    let more = letters.clone().next().is_some();
    if capital && more && letters.all(char::is_uppercase) {
        return word.to_uppercase();
    }
    let mut rest = word.chars();
    match rest.next().filter(|_| capital) {
        Some(first) => first.to_uppercase().chain(rest).collect(),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_number_is() {
        let table: [(&str, &[&str]); 12] = [
            ("20x8= 160, 2X3x4 = 24, (2+3)x5", &["20", "8", "160", "2", "3", "4", "24", "2", "3", "5"]),
            ("0x1F, x8, max8, V1x8, 5 x8, é2x3", &["0", "5"]),
            ("1. 20x8", &["20", "8"]),
            ("She has 12 apples, 3 pears and 1,000.50 grapes.", &["12", "3", "1,000.50"]),
            ("It costs $5.", &["5"]),
            ("3.14, 2.", &["3.14", "2"]),
            ("5km at 12:30, 1/2, 007", &["5", "12", "30", "1", "2", "007"]),
            ("CO2, x1, V1_B3_0128, é4", &[]),
            ("1. Add 2 and 3.\n2. So 5.\n  3) Or 6\nStep 4: 7", &["2", "3", "5", "6", "7"]),
            ("1.5 m\n- 8", &["1.5", "8"]),
            ("none", &[]),
            ("٣ and 4", &["4"]),
        ];
        for (text, expected) in table {
            let found: Vec<&str> = numbers(text).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn words_take_the_case_of_others() {
        let table =
            [("more", "less", "more"), ("more", "Less", "More"), ("more", "LESS", "MORE"), ("über", "I", "Über")];
        for (word, model, expected) in table {
            assert_eq!(like(word, model), expected);
        }
        assert_eq!(
            (like("x", "1").as_str(), like("", "Less").as_str(), like("McX", "less").as_str()),
            ("x", "", "McX")
        );
    }

    proptest! {
        #[test]
        fn another_number_is_another_of_the_same_form(number in "[0-9]{1,5}(,[0-9]{1,3}){0,2}(\\.[0-9]{1,3})?", seed: u64) {
            let other = other_number(&number, &mut Draw::new(seed, &["corrupt"]));
            prop_assert_ne!(&other, &number);
            let form = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
            prop_assert_eq!(form(&other), form(&number));
            prop_assert!(number.starts_with('0') || !other.starts_with('0'));
            prop_assert_eq!(other_number(&number, &mut Draw::new(seed, &["corrupt"])), other);
        }

        #[test]
        fn numbers_are_in_order_apart_and_hold_all_free_digits(text in "[0-9a-c.,_ é\n-]{0,30}") {
            let mut end = 0;
            for range in numbers(&text) {
                prop_assert!(range.start >= end && range.start < range.end);
                prop_assert!(text[range.clone()].starts_with(|c: char| c.is_ascii_digit()));
                prop_assert!(text[range.clone()].ends_with(|c: char| c.is_ascii_digit()));
                prop_assert!(!text[range.end..].starts_with(|c: char| c.is_ascii_digit()));
                end = range.end;
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "(?s).*", seed: u64) {
            let mut draw = Draw::new(seed, &["corrupt"]);
            let _ = (numbers(&text), other_number(&text, &mut draw), like(&text, &text));
        }
    }
}
