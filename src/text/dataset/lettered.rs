//! Lettered choices in the layouts in which they are published.
//!
//! | layout | question | choices |
//! |---|---|---|
//! | the authors' files | `question: {stem, choices}` | `[{label, text}]` |
//! | the Hugging Face hub | `question` or `question_stem`, and `choices` beside it | `{label: […], text: […]}` |
//!
//! Labels may be letters of either case, or numbers from 0 or 1 on, as ARC has in some questions: the first choice is then
//! `A`, and so on. Capital letters stay what they are.

use serde_json::Value;

use super::Problem;
use super::lines::Fields;
use retort_artifact::{Choice, Label};

/// Choices, and how their labels are written in the file.
pub(super) struct Lettered {
    pub(super) choices: Vec<Choice>,
    written: Vec<String>,
}

/// Reads the words of a question and its choices in any of the layouts.
pub(super) fn asked(fields: &Fields<'_>) -> Result<(String, Lettered), Problem> {
    if fields.optional("question_stem").is_some() {
        return Ok((fields.words("question_stem")?, choices(fields)?));
    }
    let question = fields.field("question", "an object with `stem` and `choices`, or text with `choices` beside it")?;
    if question.text().is_some() {
        return Ok((fields.words("question")?, choices(fields)?));
    }
    Ok((question.words("stem")?, choices(&question)?))
}

/// Reads the field `choices`: at least two, no label twice.
pub(super) fn choices(fields: &Fields<'_>) -> Result<Lettered, Problem> {
    const EXPECTED: &str = "a list of two choices or more";
    let field = fields.field("choices", EXPECTED)?;
    let items: Vec<(Fields<'_>, Fields<'_>)> = if let Value::Object(_) = field.value() {
        let label = field.field("label", "a list of labels, one for each choice")?.items()?;
        let text = field.field("text", "a list of texts, one for each choice")?;
        let texts = text.items()?;
        if texts.len() != label.len() {
            return Err(text.unexpected(format!("{} texts, as many as there are labels", label.len())));
        }
        label.into_iter().zip(texts).collect()
    } else {
        let listed = field.items().map_err(|_| field.unexpected(EXPECTED.into()))?;
        listed.iter().map(labelled).collect::<Result<_, _>>()?
    };
    if items.len() < 2 {
        return Err(field.unexpected(EXPECTED.into()));
    }
    let written: Vec<String> = items.iter().map(|(label, _)| label.label_text()).collect();
    let letters = letters(&written);
    let mut choices: Vec<Choice> = Vec::new();
    for (index, (at, text)) in items.iter().enumerate() {
        let label = letters[index].ok_or_else(|| at.unexpected("a letter from A to Z".into()))?;
        if choices.iter().any(|choice| choice.label == label) {
            return Err(at.unexpected("a label that no other choice has".into()));
        }
        choices.push(Choice { label, text: text.not_blank()? });
    }
    Ok(Lettered { choices, written })
}

/// The label and the text of a choice that has both.
fn labelled<'a>(item: &Fields<'a>) -> Result<(Fields<'a>, Fields<'a>), Problem> {
    Ok((item.field("label", "a letter from A to Z")?, item.field("text", "text that is not blank")?))
}

impl Lettered {
    /// Reads a field that holds the label of one of the choices, as they are written.
    pub(super) fn answer(&self, field: &Fields<'_>) -> Result<Label, Problem> {
        let given = field.label_text();
        let same = |(_, written): &(&Choice, &String)| **written == given;
        let found = self.choices.iter().zip(&self.written).find(same).map(|(choice, _)| choice.label);
        // The letter of a choice whose label is a small one, or the other way round.
        let cased = || self.choices.iter().map(|choice| choice.label).find(|label| letter(&given) == Some(*label));
        let one_of = || field.unexpected(format!("one of {}", self.written.join(", ")));
        found.or_else(cased).ok_or_else(one_of)
    }
}

/// Reads a letter of either case.
fn letter(text: &str) -> Option<Label> {
    let mut letters = text.chars();
    let only = letters.next().filter(|_| letters.next().is_none())?;
    Label::try_from(only.to_ascii_uppercase()).ok()
}

/// Turns labels into letters: letters by themselves, numbers that count up from 0 or 1 by their place.
fn letters(written: &[String]) -> Vec<Option<Label>> {
    let numbers: Option<Vec<usize>> = written.iter().map(|label| label.parse().ok()).collect();
    let counts_up = |numbers: &[usize]| {
        numbers[0] <= 1 && numbers.iter().enumerate().all(|(index, number)| *number == numbers[0] + index)
    };
    match numbers {
        Some(numbers) if counts_up(&numbers) => (0..written.len()).map(Label::at).collect(),
        _ => written.iter().map(|label| letter(label)).collect(),
    }
}
