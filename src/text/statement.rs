//! The label that a teacher states in its answer: `The answer is B because …`, `So the answer is (b).`

use retort_artifact::{Choice, Label};

const STATES: &str = "answer is";

/// Reads the label that the last `answer is …` of a text states: one letter by itself, with or without brackets and marks
/// of emphasis around it, that labels one of the choices.
pub fn stated_label(text: &str, choices: &[Choice]) -> Option<Label> {
    let lower = text.to_ascii_lowercase();
    let stated = |at: usize| letter_after(&text[at + STATES.len()..]);
    let last = lower.match_indices(STATES).filter_map(|(at, _)| stated(at)).last()?;
    choices.iter().map(|choice| choice.label).find(|label| *label == last)
}

fn letter_after(rest: &str) -> Option<Label> {
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || ":*_\"'`([".contains(c));
    let mut letters = rest.chars();
    let letter = letters.next().filter(char::is_ascii_alphabetic)?;
    let after = letters.next();
    let alone = after.is_none_or(|c| !c.is_alphanumeric() && c != '\'');
    // A small letter by itself may be the article.
    let small = letter.is_ascii_lowercase() && !after.is_some_and(|c| ")]".contains(c));
    Label::try_from(letter.to_ascii_uppercase()).ok().filter(|_| alone && !small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_in_which_a_label_is_stated() {
        let choice = |(index, text): (usize, &str)| Choice { label: Label::at(index).unwrap(), text: text.into() };
        let choices: Vec<Choice> = ["snow", "ice"].into_iter().enumerate().map(choice).collect();
        for (text, expected) in [
            ("The answer is B because ice is smooth.", Some('B')),
            ("Ice is smooth. So the answer is (b).", Some('B')),
            ("**The Answer is: A**", Some('A')),
            ("The answer is [A] snow", Some('A')),
            ("the answer is A. Wait, the answer is B", Some('B')),
            ("The answer is B", Some('B')),
            ("The answer is not A", None),
            ("The answer is a kind of snow", None),
            ("The answer is Ice", None),
            ("The answer is A's", None),
            ("The answer is C", None),
            ("The answer is", None),
            ("Because it is B", None),
            ("Die Antwort ist A", None),
            ("ÀÉ the answer is (B)", Some('B')),
            ("", None),
        ] {
            assert_eq!(stated_label(text, &choices).map(Label::letter), expected, "{text}");
        }
    }
}
