//! The class, number or short text that a teacher states: `The answer is 42.`, `#### 42`, `\boxed{42}`, `Answer: yes`.
//!
//! The last such place counts. As with letters, a statement that is denied or asked gives nothing.

use crate::answer::{Expected, Number};
use retort_artifact::{Answer, Question};

/// The most bytes of a text that is stated as an answer; what is longer is an explanation.
const TEXT_BYTES_MAX: usize = 200;
/// The most bytes between `answer` and the verb behind it.
const BETWEEN_BYTES_MAX: usize = 40;

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

/// Says whether a sentence states an answer, whatever it is.
pub(crate) fn states(sentence: &str, expected: Expected<'_>) -> bool {
    places(sentence).into_iter().flatten().any(|place| lead(place, expected).is_some())
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
        let line = lower[after..].lines().next().unwrap_or_default();
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
        let clause = &lower[lower[..at].rfind(['.', '!', '?', '\n', ';', ',']).map_or(0, |at| at + 1)..begins];
        let word = |word: &str| DENIED.contains(&word) || word.ends_with("n't");
        let denied = clause.split(|c: char| !c.is_alphanumeric() && c != '\'').any(word)
            || (!marked && rest.trim_start().to_ascii_lowercase().starts_with("not "));
        let line = rest.lines().next().unwrap_or_default();
        let asked =
            line.split_inclusive(['.', '!', '?']).next().is_some_and(|sentence| sentence.trim_end().ends_with('?'));
        found.push((at, Some(rest).filter(|_| !denied && !asked)));
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, place)| place).collect()
}

/// What follows a verb: the rest of its line, or the next line where nothing follows on its own.
fn behind(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let own = rest.lines().next().unwrap_or_default();
    let only_marks = own.chars().all(|c| c.is_whitespace() || "*:_`".contains(c));
    if only_marks { rest.trim_start_matches(|c: char| c.is_whitespace() || "*:_`".contains(c)) } else { rest }
}

/// Returns what stands within braces that were opened, up to the one that closes them.
fn braced(text: &str) -> Option<&str> {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[..at]);
        }
    }
    None
}

/// Reads the answer that a place begins with.
fn lead(place: &str, expected: Expected<'_>) -> Option<Answer> {
    let line = place.trim_start_matches(|c: char| c.is_whitespace() || "*_`\"'“:(".contains(c)).lines().next()?;
    match expected {
        Expected::Choice(_) => None,
        Expected::Number => {
            let numbers = Number::find(line);
            let (at, number) = numbers.first()?.clone();
            // `40 or 42` and `40 + 2` name no number.
            let rest = line[at.end..].trim_start();
            let joins = rest.starts_with("or ") || rest.starts_with(['+', '*', '×', '/', '^']);
            let next = numbers.get(1).filter(|_| joins);
            let open = next.is_some_and(|(_, next)| !next.same(number)) || rest.starts_with(['+', '*', '×', '/', '^']);
            // Words may stand before it, and many of them are another sentence.
            let near = line[..at.start].len() <= BETWEEN_BYTES_MAX && !line[..at.start].contains(['?', ';']);
            (near && !open).then(|| Answer::Number(line[at].to_owned()))
        }
        Expected::Class(names) => {
            let lower = line.to_lowercase();
            let begins = |name: &&String| {
                let rest = lower.strip_prefix(&name.to_lowercase());
                rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            };
            let name = names.iter().filter(begins).max_by_key(|name| name.len())?;
            let rest = lower[name.to_lowercase().len()..].trim_start();
            (!rest.starts_with("or ")).then(|| Answer::Class(name.clone()))
        }
        Expected::Text | Expected::Exact => {
            let end = line.find(". ").unwrap_or(line.len());
            let text = line[..end].trim_end_matches(|c: char| c.is_whitespace() || ".*_`\"'”)".contains(c));
            (!text.is_empty() && text.len() <= TEXT_BYTES_MAX).then(|| Answer::Text(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            (class, "Yes, it is.", None),
            (text, "The answer is the Eiffel Tower. It stands in Paris.", Some("the Eiffel Tower")),
            (text, "Answer: \"Ada Lovelace\"", Some("Ada Lovelace")),
            (text, "It stands in Paris.", None),
            (text, "Paris", None),
        ] {
            let found = stated_open(said, expected).map(|answer| answer.to_string());
            assert_eq!(found.as_deref(), stated_there, "{expected:?}: {said}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "The answer is", "answer:", "answers", "####", "\\boxed{", "{", "}", "42", "$1,0", "yes", "İ", "é", " ", "\n", "not",
                "?", ".", ",", "“", "or", " is",
            ]), 0..14),
            kind in 0usize..3,
        ) {
            let classes = ["yes".to_owned(), "İ".to_owned()];
            let expected = [Expected::Number, Expected::Class(&classes), Expected::Text][kind];
            let _ = stated_open(&pieces.concat(), expected);
            let _ = states(&pieces.concat(), expected);
        }
    }
}
