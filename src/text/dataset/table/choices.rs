//! The choices of a row, in the layouts in which tables have them.

use serde_json::Value as Json;

use super::super::strict;
use super::error::{TableError, shown};
use super::field::Field;
use super::row::Row;
use super::value::{is_blank, text_of};
use retort_artifact::{Choice, Label};

/// Where choices come from.
#[derive(Debug, Clone)]
pub enum Listed {
    /// One field: a list of texts, a list of `{label, text}`, or `{label: […], text: […]}`.
    Field(Field),
    /// A column for each choice.
    Columns(Vec<Field>),
}

/// Choices, and how their labels are written in the table.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen {
    pub(super) choices: Vec<Choice>,
    labels: Vec<String>,
}

impl Listed {
    /// Reads the choices of a row.
    pub(super) fn of(&self, row: &Row) -> Result<Chosen, TableError> {
        let (field, pairs) = match self {
            Self::Columns(columns) => {
                let text = |column: &Field| -> Result<(Option<String>, Json), TableError> {
                    Ok((None, column.value(row, "choices")?))
                };
                let names: Vec<&str> = columns.iter().map(Field::written).collect();
                // A choice that is blank is one that the row does not have.
                let all = columns.iter().map(text).collect::<Result<Vec<_>, _>>()?;
                let given = all.iter().rposition(|(_, value)| !is_blank(value)).map_or(0, |last| last + 1);
                if let Some(gap) = all[..given].iter().position(|(_, value)| is_blank(value)) {
                    let expected = format!("text, since `{}` behind it has some", names[given - 1]);
                    return Err(other(row, names[gap], "blank", expected));
                }
                (names.join(", "), all.into_iter().take(given).collect())
            }
            Self::Field(field) => {
                let value = field.value(row, "choices")?;
                if let Some((labels, texts)) = unequal(&value) {
                    let found = format!("{labels} labels and {texts} texts");
                    return Err(other(row, field.written(), &found, "a label for each text".into()));
                }
                let pairs = pairs(&value).ok_or_else(|| unexpected(row, field.written(), &value))?;
                (field.written().to_owned(), pairs)
            }
        };
        let mut texts = Vec::with_capacity(pairs.len());
        for (_, value) in &pairs {
            let text = text_of(value).map(|text| text.trim().to_owned()).filter(|text| !crate::answer::is_blank(text));
            texts.push(text.ok_or_else(|| unexpected(row, &field, value))?);
        }
        if texts.len() < 2 || texts.len() > 26 {
            let all = Json::from(texts);
            return Err(unexpected(row, &field, &all));
        }
        let labels: Option<Vec<String>> = pairs.iter().map(|(label, _)| label.clone()).collect();
        let texts = if labels.is_none() { without_letters(texts) } else { texts };
        let choice = |(index, text): (usize, String)| Some(Choice { label: Label::at(index)?, text });
        Ok(Chosen {
            choices: texts.into_iter().enumerate().filter_map(choice).collect(),
            labels: labels.unwrap_or_default(),
        })
    }
}

fn unexpected(row: &Row, field: &str, found: &Json) -> TableError {
    let expected = "2 to 26 choices: a list of texts, a list of `{label, text}`, or `{label: […], text: […]}`";
    other(row, field, &shown(found), expected.into())
}

fn other(row: &Row, field: &str, found: &str, expected: String) -> TableError {
    let (role, field, found) = ("choices".into(), field.to_owned(), found.to_owned());
    TableError::Unexpected { place: row.place, role, field, found, expected }
}

/// Counts labels and texts that are listed beside each other and are not as many.
fn unequal(value: &Json) -> Option<(usize, usize)> {
    let length = |name: &str| Some(value.get(name)?.as_array()?.len());
    let (labels, texts) = (length("label")?, length("text")?);
    (labels != texts).then_some((labels, texts))
}

/// Returns the label, where there is one, and the text of each choice.
fn pairs(value: &Json) -> Option<Vec<(Option<String>, Json)>> {
    match value {
        Json::Array(items) if items.iter().all(Json::is_object) => {
            items.iter().map(|item| Some((text_of(item.get("label")?), item.get("text")?.clone()))).collect()
        }
        Json::Array(items) => Some(items.iter().map(|item| (None, item.clone())).collect()),
        Json::Object(fields) => {
            let (labels, texts) = (fields.get("label")?.as_array()?, fields.get("text")?.as_array()?);
            let pair = |(label, text): (&Json, &Json)| (text_of(label), text.clone());
            (labels.len() == texts.len()).then(|| labels.iter().zip(texts).map(pair).collect())
        }
        // A list that was written as text, as CSV has it.
        Json::String(text) if text.trim_start().starts_with(['[', '{']) => pairs(&strict::json(text).ok()?),
        _ => None,
    }
}

/// Takes the letters off choices that all begin with their own: `A)21`, `(B) 22`, `C. 23`.
fn without_letters(texts: Vec<String>) -> Vec<String> {
    let rest = |(index, text): (usize, &String)| {
        let letter = Label::at(index)?.letter();
        let text = text.strip_prefix('(').unwrap_or(text).strip_prefix(letter)?;
        let text = text.strip_prefix([')', '.', ':'])?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let bare: Option<Vec<String>> = texts.iter().enumerate().map(rest).collect();
    // A few rows of AQuA have them twice.
    match bare {
        Some(bare) => without_letters(bare),
        None => texts,
    }
}

impl Chosen {
    /// Finds the choice that an answer names: by its label as the table writes it, its letter, its place from 0, or its
    /// words. A number in the file is a place. Where labels are numbers, there are no places beside them.
    ///
    /// # Errors
    /// A text that is the place or the letter of one choice and the words of another: nobody can tell which is meant.
    pub(super) fn answer(&self, text: &str, is_number: bool) -> Result<Option<Label>, String> {
        let at = |index: usize| self.choices.get(index).map(|choice| choice.label);
        if let Some(index) = self.labels.iter().position(|label| label == text) {
            return Ok(at(index));
        }
        let mut same = self.choices.iter().filter(|choice| choice.text == text);
        let words = same.next().filter(|_| same.next().is_none()).map(|choice| choice.label);
        let bare = text.trim_matches(|c: char| "().: ".contains(c));
        let mut letters = bare.chars();
        if let (Some(letter), None) = (letters.next(), letters.next())
            && let Ok(label) = Label::try_from(letter.to_ascii_uppercase())
        {
            return match (at(label.index()), words) {
                (Some(letter), Some(words)) if letter != words => Err(format!(
                    "one choice alone: it is the letter {letter}, whose words are others, and the words of {words}"
                )),
                (letter, words) => Ok(letter.or(words)),
            };
        }
        let numbered = !self.labels.is_empty() && self.labels.iter().all(|label| label.parse::<u64>().is_ok());
        let place = text.parse::<usize>().ok().filter(|_| !numbered).and_then(at);
        match (place, words) {
            (Some(place), Some(words)) if place != words && !is_number => Err(format!(
                "one choice alone: it is the place of {place}, counted from 0, and the words of {words}; as a number, such as by \
                 `{{{{ … | int }}}}`, it is a place"
            )),
            _ => Ok(place.or(words)),
        }
    }

    /// Says what an answer may be.
    pub(super) fn expected(&self) -> String {
        let name = |(index, choice): (usize, &Choice)| {
            let label = self.labels.get(index).cloned().unwrap_or_else(|| choice.label.to_string());
            format!("{label} (`{}`)", choice.text)
        };
        let all: Vec<String> = self.choices.iter().enumerate().map(name).collect();
        format!("one of the choices: {}", all.join(", "))
    }
}
