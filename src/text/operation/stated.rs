//! Sentences that give away an answer without letters: a number, a class, a short text.

use std::ops::Range;

use super::giveaway::{is_heading, without};
use crate::answer::{Expected, Number};
use crate::{statement, words};
use retort_artifact::Answer;

/// Leaves out the sentences that state an answer, as `The answer is 42.` and `#### 42` do, and with `anywhere` those that have
/// the right answer in them; returns what is left and how many sentences are gone.
pub fn strip_stated(text: &str, expected: Expected<'_>, right: Option<&Answer>, anywhere: bool) -> (String, usize) {
    let sentences = words::sentences(text);
    let goes = which_go(text, &sentences, expected, right.filter(|_| anywhere));
    without(text, &sentences, &goes, |_| None)
}

/// Says of each sentence whether it states an answer, has the one given in it, or belongs to one that states it: a heading such
/// as `Answer:`, and the answer in the line below.
fn which_go(text: &str, sentences: &[Range<usize>], expected: Expected<'_>, right: Option<&Answer>) -> Vec<bool> {
    let words = |index: usize| &text[sentences[index].clone()];
    let states: Vec<bool> = (0..sentences.len()).map(|index| statement::states(words(index), expected)).collect();
    let mut goes = states.clone();
    for (index, goes) in goes.iter_mut().enumerate() {
        *goes |= right.is_some_and(|right| occurs(words(index), expected, right));
    }
    for index in 1..sentences.len() {
        if is_heading(words(index - 1)) {
            let leads = statement::leads(words(index), expected);
            goes[index] |= leads;
            goes[index - 1] |= leads || states[index];
        }
    }
    goes
}

/// Says whether an answer occurs in a sentence: a number of its value, or its words one after the other.
fn occurs(sentence: &str, expected: Expected<'_>, right: &Answer) -> bool {
    let right = right.to_string();
    match (expected, Number::parse(&right)) {
        (Expected::Number, Some(right)) => Number::find(sentence).into_iter().any(|(_, number)| number.same(right)),
        _ => words::has_phrase(sentence, &right),
    }
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
            (Expected::Number, &number, false, "**The answer is 72**", ""),
            (Expected::Number, &number, false, "The answer is: 48 + 24 = 72", ""),
            (Expected::Number, &number, false, "Half is 24. The answer is 71 or 72.", "Half is 24."),
            (Expected::Number, &number, false, "Thus \\boxed{72}.", ""),
            (Expected::Number, &number, false, "#### **72**", ""),
            (Expected::Class(&classes), &yes, false, "**No.**", ""),
            (Expected::Class(&classes), &yes, false, "Yes, it does. Ice melts.", "Ice melts."),
            (Expected::Class(&classes), &yes, false, "No one knows.", "No one knows."),
            (Expected::Text, &text, false, "The answer is St. Louis.", ""),
            (Expected::Text, &text, false, "It is old. The answer is J. S. Bach because he wrote it.", "It is old."),
        ] {
            let (left, gone) = strip_stated(before, expected, Some(right), anywhere);
            assert_eq!((left.as_str(), gone), (after, usize::from(before != after)), "{before}");
        }
        let headed = "Half is 24.\n\n**Answer:**\n72";
        assert_eq!(strip_stated(headed, Expected::Number, Some(&number), false), ("Half is 24.".to_owned(), 2));
    }
}
