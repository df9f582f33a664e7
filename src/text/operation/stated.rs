//! Sentences that give away an answer without letters: a number, a class, a short text.

use crate::answer::{Expected, Number};
use crate::{statement, words};
use retort_artifact::Answer;

/// Leaves out the sentences that state an answer, as `The answer is 42.` and `#### 42` do, and with `anywhere` those that have
/// the right answer in them; returns what is left and how many sentences are gone.
pub fn strip_stated(text: &str, expected: Expected<'_>, right: Option<&Answer>, anywhere: bool) -> (String, usize) {
    let (mut out, mut at, mut gone) = (String::new(), 0, 0);
    for sentence in words::sentences(text) {
        let words = &text[sentence.clone()];
        let has = anywhere && right.is_some_and(|right| occurs(words, expected, right));
        if has || statement::states(words, expected) {
            gone += 1;
        } else {
            out.push_str(&text[at..sentence.end]);
        }
        at = sentence.end;
    }
    if gone == 0 { (text.to_owned(), 0) } else { (out.trim().to_owned(), gone) }
}

/// Says whether an answer occurs in a sentence: a number of its value, or its words one after the other.
fn occurs(sentence: &str, expected: Expected<'_>, right: &Answer) -> bool {
    let right = right.to_string();
    if let (Expected::Number, Some(right)) = (expected, Number::parse(&right)) {
        return Number::find(sentence).into_iter().any(|(_, number)| number.same(right));
    }
    let lower = |text: &str| -> Vec<String> {
        words::words(text).into_iter().map(|range| text[range].to_lowercase()).collect()
    };
    let right = lower(&right);
    !right.is_empty() && lower(sentence).windows(right.len()).any(|window| window == right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_what_goes() {
        let classes = ["yes", "no"].map(str::to_owned);
        let number = Answer::Number("72".into());
        let (yes, text) = (Answer::Class("yes".into()), Answer::Text("Eiffel Tower".into()));
        for (expected, right, anywhere, before, after) in [
            (Expected::Number, &number, false, "48+24 = 72. So the answer is 72.", "48+24 = 72."),
            (Expected::Number, &number, false, "So the answer is 71.", ""),
            (Expected::Number, &number, true, "Half of 48 is 24. Together 72.0 clips.", "Half of 48 is 24."),
            (Expected::Number, &number, true, "It costs 172.", "It costs 172."),
            (Expected::Class(&classes), &yes, false, "Ice melts. The answer is yes.", "Ice melts."),
            (Expected::Class(&classes), &yes, true, "Ice melts. Yes, it does.", "Ice melts."),
            (Expected::Text, &text, true, "It is in Paris. The eiffel tower is tall.", "It is in Paris."),
            (Expected::Text, &text, false, "The Eiffel Tower is tall.", "The Eiffel Tower is tall."),
        ] {
            let (left, gone) = strip_stated(before, expected, Some(right), anywhere);
            assert_eq!((left.as_str(), gone), (after, usize::from(before != after)), "{before}");
        }
    }
}
