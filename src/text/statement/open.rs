//! The class, number or short text that a teacher states: `The answer is 42.`, `#### 42`, `\boxed{42}`, `Answer: yes`.
//!
//! The last such place counts. As with letters, a statement that is denied or asked gives nothing.

use super::lead::{BETWEEN_BYTES_MAX, TEXT_BYTES_MAX, begins_with_class, lead};
use super::plain::braced;
use crate::answer::{Expected, Number};
use retort_artifact::{Answer, Question};

/// How far around an announcement is looked.
const NEAR_BYTES: usize = 300;

/// What may be said of an answer that was stated before, without stating another.
const REMARKS: &[&str] =
    &["accurate", "clear", "consistent", "correct", "helpful", "reasonable", "right", "sensible", "useful", "verified"];
const VERBS: &[&str] = &[" is:", " is", ":", " =", " would be", " must be", " should be", " are", " remains"];
const DENIED: &[&str] = &["not", "never", "neither", "isn't", "cannot", "if", "whether", "might", "could", "may"];

/// Reads the answer to a question that a text states in the end.
pub fn stated(text: &str, question: &Question) -> Option<Answer> {
    match Expected::from(question) {
        Expected::Choice(choices) => super::lettered::stated_label(text, choices).map(Answer::Choice),
        expected => stated_open(text, expected),
    }
}

/// The same of an answer without a letter.
fn stated_open(text: &str, expected: Expected<'_>) -> Option<Answer> {
    let text = before_another_question(text);
    let whole =
        lead(text, expected).filter(|_| text.trim().len() <= TEXT_BYTES_MAX && !text.trim().contains(['\n', ' ']));
    let places = places(text);
    match places.last() {
        None => whole.filter(|_| !matches!(expected, Expected::Text | Expected::Exact)),
        Some(None) => None,
        Some(Some(place)) => lead(place, expected),
    }
}

/// Says whether a sentence states an answer, whatever it is and whether or not all of it could be read: `The answer is 4 or 5.`
pub(crate) fn states(sentence: &str, expected: Expected<'_>) -> bool {
    let names = |place: &str| match expected {
        Expected::Number => !Number::find(place).is_empty(),
        _ => lead(place, expected).is_some(),
    };
    places(sentence).into_iter().flatten().any(names)
        || matches!(expected, Expected::Class(classes) if begins_with_class(sentence, classes))
}

/// Says whether a line begins with an answer, announced or not.
pub(crate) fn leads(line: &str, expected: Expected<'_>) -> bool {
    lead(line, expected).is_some()
}

/// A model that did not stop goes on with a question of its own.
fn before_another_question(text: &str) -> &str {
    let end = ["\nQuestion:", "\nQ:"].iter().filter_map(|mark| text.find(mark)).min();
    &text[..end.unwrap_or(text.len())]
}

/// Returns what stands behind each place that announces an answer, in the order of the text; `None` where it is denied.
fn places(text: &str) -> Vec<Option<&str>> {
    let mut found: Vec<(usize, Option<&str>)> = Vec::new();
    for (at, mark) in text.match_indices("####") {
        let line = text[at + mark.len()..].lines().next().unwrap_or_default();
        found.push((at, Some(line)));
    }
    for (at, mark) in text.match_indices("\\boxed{") {
        found.extend(braced(&text[at + mark.len()..]).map(|inner| (at, Some(inner))));
    }
    // Lower case of ASCII alone keeps the places of bytes.
    let lower = text.to_ascii_lowercase();
    for (at, word) in lower.match_indices("answer") {
        let after = at + word.len();
        if lower[after..].starts_with(|c: char| c.is_alphanumeric()) && !lower[after..].starts_with('s') {
            continue;
        }
        let line = &lower[after..];
        let line = line[..line.floor_char_boundary(2 * BETWEEN_BYTES_MAX)].lines().next().unwrap_or_default();
        let verb = VERBS
            .iter()
            .filter_map(|verb| Some((line.find(verb)?, verb.len())))
            .min_by_key(|(at, length)| (*at, usize::MAX - length));
        let Some((between, length)) = verb.filter(|(at, _)| *at <= BETWEEN_BYTES_MAX) else { continue };
        // Another sentence has begun.
        if line[..between].contains(['.', '?', '!', ';']) {
            continue;
        }
        let begins = after + between + length;
        let marked = line[..between + length].ends_with([':', '=']);
        // `isn't` denies, and `island` has no verb in it.
        if !marked && lower[begins..].starts_with(char::is_alphanumeric) {
            if lower[begins..].starts_with("n't") || lower[begins..].starts_with("n’t") {
                found.push((at, None));
            }
            continue;
        }
        let rest = behind(text, begins);
        let first = rest.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default();
        if !marked && REMARKS.contains(&first.to_ascii_lowercase().as_str()) {
            continue;
        }
        let from = lower.floor_char_boundary(at.saturating_sub(NEAR_BYTES));
        let clause = &lower[from..at];
        let clause = &lower[from + clause.rfind(['.', '!', '?', '\n', ';', ',']).map_or(0, |at| at + 1)..begins];
        let word = |word: &str| DENIED.contains(&word) || word.ends_with("n't");
        let denied = clause.split(|c: char| !c.is_alphanumeric() && c != '\'').any(word)
            || (!marked && rest.trim_start().to_ascii_lowercase().starts_with("not "));
        let line = near(rest.lines().next().unwrap_or_default());
        let asked =
            line.split_inclusive(['.', '!', '?']).next().is_some_and(|sentence| sentence.trim_end().ends_with('?'));
        found.push((at, Some(rest).filter(|_| !denied && !asked)));
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, place)| place).collect()
}

fn near(line: &str) -> &str {
    &line[..line.floor_char_boundary(NEAR_BYTES)]
}

/// What follows a verb: the rest of its line, or the next line where nothing follows on its own.
fn behind(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let own = rest.lines().next().unwrap_or_default();
    let only_marks = own.chars().all(|c| c.is_whitespace() || "*:_`".contains(c));
    if only_marks { rest.trim_start_matches(|c: char| c.is_whitespace() || "*:_`".contains(c)) } else { rest }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retort_artifact::Answers;

    use super::*;

    #[test]
    fn the_decision_table() {
        let classes = ["yes", "no", "not sure"].map(str::to_owned);
        let (number, class, text) = (Expected::Number, Expected::Class(&classes), Expected::Text);
        for (expected, said, stated_there) in [
            (number, "48/2 = 24. 48+24 = 72.\n#### 72", Some("72")),
            (number, "#### 1,200\n", Some("1,200")),
            (number, "So the answer is 42.", Some("42")),
            (number, "The answer is $42.50, since they pay 2.", Some("$42.50")),
            (number, "The final answer to the question is: 42 apples", Some("42")),
            (number, "**Answer:** 42", Some("42")),
            (number, "**Answer:**\n\n42", Some("42")),
            (number, "We get \\boxed{42}.", Some("42")),
            (number, "The answer is \\boxed{-3}", Some("-3")),
            (number, "The answer is 40. Wait, the answer is 42.", Some("42")),
            (number, "42", Some("42")),
            (number, "The answer is 42.\nQuestion: What next?\nAnswer: 7", Some("42")),
            (number, "The answer is not 42.", None),
            (number, "The answer isn't 42.", None),
            (number, "If the answer is 42, they meet.", None),
            (number, "Is the answer 42? The answer is 42?", None),
            (number, "The answer is 40 or 42.", None),
            (number, "The answer is 40 + 2.", None),
            // Emphasis and typesetting.
            (number, "The answer is **42**.", Some("42")),
            (number, "**The answer is 42**", Some("42")),
            (number, "The answer is *42*.", Some("42")),
            (number, "The answer is `42`", Some("42")),
            (number, "The answer is $42$.", Some("$42")),
            (number, "The answer is \\(42\\).", Some("42")),
            (number, "\\boxed{\\textbf{42}}", Some("42")),
            (number, "\\boxed{\\frac{3}{4}}", Some("3/4")),
            (number, "The answer is \\frac{3}{4}.", Some("3/4")),
            (number, "The answer is $2\\frac{1}{2}$.", Some("$2 1/2")),
            (number, "\\boxed{1{,}200}", Some("1,200")),
            (number, "\\boxed{50\\%}", Some("50%")),
            // All of a number, or none.
            (number, "The answer is 2 1/2.", Some("2 1/2")),
            (number, "#### 2 1/2", Some("2 1/2")),
            (number, "The answer is 1.5e3.", Some("1.5e3")),
            (number, "The answer is 1e-3", Some("1e-3")),
            (number, "The answer is 10 + 2 = 12.", Some("12")),
            (number, "The answer is 4 x 5 = 20 apples.", Some("20")),
            (number, "The answer is x = 5.", Some("5")),
            (number, "The answer is 5 km.", Some("5")),
            (number, "The answer is 42 - that is all.", Some("42")),
            (number, "The answer is 42, since they pay 2 and 40.", Some("42")),
            (number, "The answer is 42. 3 is not.", Some("42")),
            (number, "The answer is 3.", Some("3")),
            (number, "The answer is $5 (or 500 cents)", Some("$5")),
            (number, "The answer is 12:30.", None),
            (number, "The answer is 3:00 pm.", None),
            (number, "The answer is 2 million.", None),
            (number, "The answer is 2 and a half.", None),
            (number, "The answer is 1 234 567", None),
            (number, "The answer is 12-15.", None),
            (number, "The answer is 12 – 15.", None),
            (number, "The answer is 12 to 15.", None),
            (number, "The answer is 3, 4 and 5.", None),
            (number, "The answer is 5 hours and 30 minutes.", None),
            (number, "The answer is 1.234,50", None),
            (number, "The answer is 1,00", None),
            (number, "The answer is 0,125", None),
            (number, "The answer is 4 x 5.", None),
            (number, "The answer is 4 * 5.", None),
            (number, "The answer is 4^2.", None),
            (number, "The answer is 5k.", None),
            (number, "The answer is 20 - 8 = 12.", Some("12")),
            (number, "The answer is 15 – 3 = 12", Some("12")),
            (number, "The answer is –5.", None),
            (number, "The answer is minus 5.", None),
            (number, "The answer is 1 000 000", None),
            (number, "The answer is 12. The answer should be rounded to 2 decimal places.", None),
            (number, "The answer is 12. I hope this answer is helpful!", Some("12")),
            (number, "The answer is 12. This answer is right.", Some("12")),
            (number, "#### **42**", Some("42")),
            (number, "They have 42 left.", None),
            (number, "The answer depends on 42 things.", None),
            (number, "The answer is unknown", None),
            (number, "", None),
            (class, "Plants need light, so the answer is yes.", Some("yes")),
            (class, "Answer: No, since it is cold.", Some("no")),
            (class, "The answer is not sure", None),
            (class, "Answer: Not sure.", Some("not sure")),
            (class, "#### Not sure", Some("not sure")),
            (class, "Yes", Some("yes")),
            (class, "The answer is yesterday.", None),
            (class, "The answer is yes or no.", None),
            (class, "The answer is **no**.", Some("no")),
            (class, "\\boxed{\\text{no}}", Some("no")),
            (class, "The answer is definitely no.", Some("no")),
            (class, "The answer is no because it is cold.", Some("no")),
            (class, "The answer is no one knows.", None),
            (class, "The answer is yes/no.", None),
            (class, "Yes, it is.", None),
            (text, "The answer is the Eiffel Tower. It stands in Paris.", Some("the Eiffel Tower")),
            (text, "Answer: \"Ada Lovelace\"", Some("Ada Lovelace")),
            (text, "The answer is St. Louis.", Some("St. Louis")),
            (text, "The answer is J. S. Bach because he wrote it.", Some("J. S. Bach")),
            (text, "Answer: Mr. Smith", Some("Mr. Smith")),
            (text, "The answer is: Paris (the capital of France).", Some("Paris (the capital of France)")),
            (text, "(The answer is Paris)", Some("Paris")),
            (text, "The answer is **Paris**.", Some("Paris")),
            (text, "\\boxed{\\text{Paris}}", Some("Paris")),
            (text, "It stands in Paris.", None),
            (text, "Paris", None),
        ] {
            let found = stated_open(said, expected).map(|answer| answer.to_string());
            assert_eq!(found.as_deref(), stated_there, "{expected:?}: {said}");
        }
    }

    #[test]
    fn long_texts_take_no_longer_than_their_length() {
        let question = Question { answers: Answers::Number, ..Question::default() };
        for piece in ["answer is ", "\\boxed{", "1,", "answer is 1,", "#### ", "\\frac{", "answer, answer ", "**"] {
            let _ = stated(&piece.repeat(20_000), &question);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "The answer is", "answer:", "answers", "####", "\\boxed{", "{", "}", "42", "$1,0", "yes", "İ", "é", " ", "\n", "not",
                "?", ".", ",", "“", "or", " is", "**", "\\frac{", "\\text{", "=", "+", "-", " 1/2", "e3", "5", "and",
            ]), 0..14),
            kind in 0usize..3,
        ) {
            let classes = ["yes".to_owned(), "İ".to_owned()];
            let expected = [Expected::Number, Expected::Class(&classes), Expected::Text][kind];
            let _ = stated_open(&pieces.concat(), expected);
            let text = pieces.concat();
            // What is read as an answer is one, and what is stated is found where answers are taken out.
            if let Some(answer) = stated_open(&text, expected) {
                prop_assert!(expected.read(&answer.to_string()).is_ok(), "{answer} of {text}");
            }
            let _ = states(&text, expected);
        }
    }
}
