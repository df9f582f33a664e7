//! QuaRel: questions after qualitative relations, with the choices inside the question's text.
//!
//! A line is `{"id", "question", "answer_index"}`, where the question ends in `(A) … (B) …`. The stem is what stands
//! before `(A)`. A choice is what stands between its letter and the next one, without white space around it, without
//! closing punctuation (`.`, `,`, `;`, `:`, `?`, `!`, `/`), and without the `or` or `and` that leads on to the next choice.

use super::lines::{self, Fields};
use super::{DatasetError, Problem};
use retort_artifact::{Choice, Label, Question};

const FORMAT: &str = "a QuaRel question";

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Result<Vec<Question>, DatasetError> {
    lines::read(FORMAT, bytes, question, |question| question.id.clone())
}

fn question(fields: &Fields) -> Result<Question, Problem> {
    let id = fields.words("id")?;
    let text = fields.words("question")?;
    let unexpected = |expected: &str| Problem::Unexpected {
        field: "question".into(),
        found: text.chars().take(60).collect(),
        expected: expected.into(),
    };
    let (stem, choices) = split(&text).ok_or_else(|| unexpected("choices such as `(A) … (B) …` in the text"))?;
    if stem.is_empty() {
        return Err(unexpected("words before `(A)`"));
    }
    if choices.iter().any(|choice| choice.text.is_empty()) {
        return Err(unexpected("words after each of `(A)` and `(B)`"));
    }
    let answer = fields.field("answer_index", "the index of a choice")?;
    let label = answer.number().ok().and_then(|index| choices.get(index as usize)).map(|choice| choice.label);
    let label = label.ok_or_else(|| answer.unexpected(format!("an index from 0 to {}", choices.len() - 1)))?;
    Ok(Question { id, stem: stem.to_owned(), choices, answer: Some(label), rationale: None })
}

/// Splits at `(A)`, `(B)` and so on as far as the letters go; `None` when there are not at least two.
fn split(text: &str) -> Option<(&str, Vec<Choice>)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(label) = Label::at(pieces.len()) {
        let Some((before, after)) = rest.split_once(&format!("({label})")) else { break };
        pieces.push(before);
        rest = after;
    }
    pieces.push(rest);
    let (stem, texts) = pieces.split_first()?;
    let last = texts.len().checked_sub(1).filter(|&last| last > 0)?;
    let choice = |(index, text): (usize, &&str)| {
        let text = without_closing(text);
        let text = if index < last { without_conjunction(text) } else { text };
        Some(Choice { label: Label::at(index)?, text: text.to_owned() })
    };
    let choices: Option<Vec<Choice>> = texts.iter().enumerate().map(choice).collect();
    Some((stem.trim(), choices?))
}

fn without_closing(text: &str) -> &str {
    text.trim().trim_end_matches(|c: char| c.is_whitespace() || ".,;:?!/".contains(c))
}

/// Takes `or` or `and` off the end where it is a word of its own and not all there is.
fn without_conjunction(text: &str) -> &str {
    let cut = ["or", "and"].iter().find_map(|word| {
        let before = text.strip_suffix(word)?;
        before.ends_with(|c: char| c.is_whitespace() || c == ',').then(|| without_closing(before))
    });
    cut.filter(|text| !text.is_empty()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let line = serde_json::json!({ "id": "q", "question": text, "answer_index": 1 }).to_string();
        expected.assert_eq(&match read(line.as_bytes()) {
            Ok(questions) => {
                let choices = questions[0].choices.iter().map(|choice| format!("({}) {}", choice.label, choice.text));
                format!("{} {}", questions[0].stem, choices.collect::<Vec<_>>().join(" "))
            }
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn the_ways_in_which_choices_are_written() {
        check("What is hotter? (A) sun (B) ice", &expect!["What is hotter? (A) sun (B) ice"]);
        check("He sees that(A) it is fast or(B) it is slow.", &expect!["He sees that (A) it is fast (B) it is slow"]);
        check("It rolls on (A) the ice, or (B) the mud?", &expect!["It rolls on (A) the ice (B) the mud"]);
        check("Which?  (A) tile floor and (B) carpet ?", &expect!["Which? (A) tile floor (B) carpet"]);
        check("Which took longer (A) the trip/ (B) the nap/", &expect!["Which took longer (A) the trip (B) the nap"]);
        check(
            "Which? (A) 1.5 thick wood or  (B) .8 thick wood?",
            &expect!["Which? (A) 1.5 thick wood (B) .8 thick wood"],
        );
        check(
            "Who is at the door? (A) the actor (B) the doctor or",
            &expect!["Who is at the door? (A) the actor (B) the doctor or"],
        );
        check("Which gate? (A) or (B) and", &expect!["Which gate? (A) or (B) and"]);
        check("Three? (A) a (B) b (C) c", &expect!["Three? (A) a (B) b (C) c"]);
    }

    #[test]
    fn what_is_not_such_a_question_is_refused() {
        check(
            "no choices",
            &expect![
                "cannot read line 1 as a QuaRel question: the field `question` is `no choices`, expected choices such as `(A) … (B) …` in the text"
            ],
        );
        check(
            "Which? (A) one",
            &expect![
                "cannot read line 1 as a QuaRel question: the field `question` is `Which? (A) one`, expected choices such as `(A) … (B) …` in the text"
            ],
        );
        check(
            "(A) one (B) two",
            &expect![
                "cannot read line 1 as a QuaRel question: the field `question` is `(A) one (B) two`, expected words before `(A)`"
            ],
        );
        check(
            "Which? (A) . (B) two",
            &expect![
                "cannot read line 1 as a QuaRel question: the field `question` is `Which? (A) . (B) two`, expected words after each of `(A)` and `(B)`"
            ],
        );
    }
}
