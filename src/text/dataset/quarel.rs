//! QuaRel: questions after qualitative relations, with the choices inside the question's text.
//!
//! A line is `{"id", "question", "answer_index"}`, where the question ends in `(A) … (B) …`. The stem is what stands
//! before `(A)`. A choice is what stands between its letter and the next one, without white space around it: in the words of
//! the dataset, which end many a choice in a full stop and lead on from some with `or`. [`Wording::Trimmed`] takes that off.
//!
//! Letters in brackets may also stand in the words of the question or of a choice: the choices begin at the last `(A)`
//! that leaves no part of the question empty.

use super::lines::{self, Fields};
use super::{DatasetError, Problem};
use retort_artifact::{Choice, Label, Question};

const FORMAT: &str = "a QuaRel question";

/// What becomes of the words of a choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wording {
    /// They stay as the dataset has them.
    #[default]
    AsWritten,
    /// Closing punctuation (`.`, `,`, `;`, `:`, `?`, `!`, `/`) goes, and so does the `or` or `and` that leads on to the next
    /// choice.
    Trimmed,
}

retort_fingerprint::words!(Wording { AsWritten = "as_written", Trimmed = "trimmed" });

/// Reads a whole file, with the choices in the dataset's words.
pub fn read(bytes: &[u8]) -> Result<Vec<Question>, DatasetError> {
    read_worded(bytes, Wording::AsWritten)
}

/// Reads a whole file.
pub fn read_worded(bytes: &[u8], wording: Wording) -> Result<Vec<Question>, DatasetError> {
    lines::read(FORMAT, bytes, |fields| question(fields, wording), |question| question.id.clone())
}

fn question(fields: &Fields, wording: Wording) -> Result<Question, Problem> {
    let id = fields.id("id")?;
    let text = fields.words("question")?;
    let unexpected = |expected: &str| Problem::Unexpected {
        field: "question".into(),
        found: text.chars().take(60).collect(),
        expected: expected.into(),
    };
    let (stem, texts) = split(&text).ok_or_else(|| unexpected("choices such as `(A) … (B) …` in the text"))?;
    let last = texts.len() - 1;
    let worded = |index: usize, text: &str| match wording {
        Wording::AsWritten => text.trim().to_owned(),
        Wording::Trimmed if index < last => without_conjunction(without_closing(text)).to_owned(),
        Wording::Trimmed => without_closing(text).to_owned(),
    };
    let choice = |(index, text): (usize, &&str)| Some(Choice { label: Label::at(index)?, text: worded(index, text) });
    let choices: Vec<Choice> = texts.iter().enumerate().filter_map(choice).collect();
    if stem.is_empty() {
        return Err(unexpected("words before `(A)`"));
    }
    if texts.iter().any(|text| is_empty(text)) {
        return Err(unexpected("words after each of `(A)` and `(B)`"));
    }
    let answer = fields.field("answer_index", "the index of a choice")?;
    let label = answer.number().ok().and_then(|index| choices.get(index as usize)).map(|choice| choice.label);
    let label = label.ok_or_else(|| answer.unexpected(format!("an index from 0 to {}", choices.len() - 1)))?;
    Ok(Question { id, stem: stem.to_owned(), choices, answer: Some(label.into()), ..Question::default() })
}

/// Splits at `(A)`, `(B)` and so on as far as the letters go; `None` when there are not at least two.
///
/// Of several `(A)` it takes the last that leaves neither the stem nor a choice empty, and of the choices as many as are not
/// empty; where there is none such, the first.
fn split(text: &str) -> Option<(&str, Vec<&str>)> {
    let places: Vec<usize> = text.match_indices("(A)").map(|(at, _)| at).collect();
    let sound = |(stem, texts): &(&str, Vec<&str>)| !stem.is_empty() && !texts.iter().any(|text| is_empty(text));
    let at = |place: &usize| {
        let mut found = split_at(text, *place)?;
        // A letter at the very end names a choice rather than beginning one.
        while found.1.len() > 2 && !sound(&found) {
            found = joined(text, found);
        }
        Some(found)
    };
    let last = places.iter().rev().filter_map(at).find(sound);
    last.or_else(|| places.first().and_then(|place| split_at(text, *place)))
}

fn split_at(text: &str, place: usize) -> Option<(&str, Vec<&str>)> {
    let (stem, mut rest) = text.split_at(place);
    let mut texts = Vec::new();
    rest = &rest["(A)".len()..];
    while let Some(label) = Label::at(texts.len() + 1) {
        let Some((before, after)) = rest.split_once(&format!("({label})")) else { break };
        texts.push(before);
        rest = after;
    }
    texts.push(rest);
    (texts.len() > 1).then_some((stem.trim(), texts))
}

/// Makes one choice of the last two.
fn joined<'a>(text: &'a str, (stem, mut texts): (&'a str, Vec<&'a str>)) -> (&'a str, Vec<&'a str>) {
    let last = texts.pop().unwrap_or_default();
    if let Some(before) = texts.last_mut() {
        let from = text.len() - last.len() - "(A)".len() - before.len();
        *before = &text[from..];
    }
    (stem, texts)
}

fn is_empty(text: &str) -> bool {
    without_closing(text).is_empty()
}

/// Returns the words of a choice by themselves: without closing punctuation and without what leads on to the next choice.
pub fn bare(text: &str) -> &str {
    without_conjunction(without_closing(text))
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

    fn line(text: &str) -> String {
        serde_json::json!({ "id": "q", "question": text, "answer_index": 1 }).to_string()
    }

    fn check(text: &str, expected: &Expect) {
        let line = line(text);
        expected.assert_eq(&match read_worded(line.as_bytes(), Wording::Trimmed) {
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
    fn choices_are_in_the_words_of_the_dataset() {
        let texts = |text: &str| {
            let questions = read(line(text).as_bytes()).unwrap();
            questions[0].choices.iter().map(|choice| choice.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(texts("He sees that(A) it is fast or(B) it is slow."), ["it is fast or", "it is slow."]);
        assert_eq!(texts("It rolls on (A) the ice, or (B) the mud?"), ["the ice, or", "the mud?"]);
        assert_eq!(["the ice, or", "the mud?", "either/or", "or"].map(bare), ["the ice", "the mud", "either/or", "or"]);
    }

    #[test]
    fn letters_in_brackets_may_stand_in_the_words() {
        check(
            "Sample (A) melts before sample (B). Which is colder? (A) the first (B) the second",
            &expect!["Sample (A) melts before sample (B). Which is colder? (A) the first (B) the second"],
        );
        check(
            "Team (A) ran. Who won? (A) team (A) (B) team (B)",
            &expect!["Team (A) ran. Who won? (A) team (A) (B) team (B)"],
        );
        check("Vitamin (A)? (A) yes (B) only (C)", &expect!["Vitamin (A)? (A) yes (B) only (C)"]);
        check("Vitamin (C)? (A) yes (B) no", &expect!["Vitamin (C)? (A) yes (B) no"]);
        let stem = |text: &str| read(line(text).as_bytes()).unwrap()[0].stem.clone();
        assert_eq!(stem("Is sample (A) hot? (A) yes (B) no"), "Is sample (A) hot?");
        assert_eq!(stem("Team (A) ran. Who won? (A) team (A) (B) team (B)"), "Team (A) ran. Who won?");
    }

    /// Reads the official files where `RETORT_DATA` names the directory that holds them.
    #[test]
    fn every_question_of_the_official_files_keeps_its_words() {
        let Some(data) = std::env::var_os("RETORT_DATA").map(std::path::PathBuf::from) else {
            eprintln!("skipped: RETORT_DATA does not name a data directory");
            return;
        };
        let mut trimmed = 0;
        for split in ["train", "dev", "test"] {
            let bytes = fs_err::read(data.join(format!("quarel/{split}.jsonl"))).unwrap();
            let texts = str::from_utf8(&bytes).unwrap().lines().map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                line["question"].as_str().unwrap().to_owned()
            });
            let plain = |text: &str| text.split_whitespace().collect::<String>();
            let whole = |question: &Question| {
                let choices = question.choices.iter().map(|choice| format!("({}){}", choice.label, choice.text));
                plain(&(question.stem.clone() + &choices.collect::<String>()))
            };
            let short = read_worded(&bytes, Wording::Trimmed).unwrap();
            for ((text, question), short) in texts.zip(read(&bytes).unwrap()).zip(short) {
                assert_eq!(whole(&question), plain(&text));
                trimmed += usize::from(question != short);
            }
        }
        assert_eq!(trimmed, 585);
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
