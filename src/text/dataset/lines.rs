//! JSON lines, or one JSON array, with fields that are asked for by name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{DatasetError, Problem, array, strict};
use crate::answer::is_blank;
use retort_artifact::Label;

/// Reads the rows of a file one by one, which are its lines or the entries of its one array, passing over blank lines. `key` says by which identifier a row must be
/// the only one.
pub(super) fn read<T>(
    format: &'static str,
    bytes: &[u8],
    row: impl Fn(&Fields) -> Result<T, Problem>,
    key: impl Fn(&T) -> String,
) -> Result<Vec<T>, DatasetError> {
    let mut rows = Vec::new();
    let mut lines = BTreeMap::new();
    for (number, line) in array::rows(bytes).map_err(|(line, problem)| DatasetError { format, line, problem })? {
        let line = parse(line, &row).and_then(|parsed| {
            let Some(parsed) = parsed else { return Ok(()) };
            let id = key(&parsed);
            if let Some(&first) = lines.get(&id) {
                return Err(Problem::Duplicate { id, first });
            }
            lines.insert(id, number);
            rows.push(parsed);
            Ok(())
        });
        line.map_err(|problem| DatasetError { format, line: number, problem })?;
    }
    Ok(rows)
}

/// Reads one line as text.
pub(super) fn text(line: &[u8]) -> Result<&str, Problem> {
    str::from_utf8(line).map_err(|error| Problem::NotUtf8 { byte: error.valid_up_to() })
}

fn parse<T>(line: &[u8], row: impl Fn(&Fields) -> Result<T, Problem>) -> Result<Option<T>, Problem> {
    let text = text(line)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let value = strict::json(text).map_err(|error| Problem::Json { why: strict::said(&error, text.as_bytes()) })?;
    row(&Fields { value: &value, path: String::new() }).map(Some)
}

/// Reads one value as a row.
pub(super) fn row<T>(value: &Value, row: impl Fn(&Fields) -> Result<T, Problem>) -> Result<T, Problem> {
    row(&Fields { value, path: String::new() })
}

/// What an identifier must be.
const IDENTIFIER: &str = "text that is not blank, or a whole number";

/// What a text must be.
const NOT_BLANK: &str = "text that is not blank";

/// A JSON value and the path that leads to it.
pub(super) struct Fields<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Fields<'a> {
    /// Returns a field that must be there.
    pub(super) fn field(&self, name: &str, expected: &'static str) -> Result<Fields<'a>, Problem> {
        if !self.value.is_object() {
            return Err(self.unexpected(format!("an object with the field `{name}`")));
        }
        let value = self.value.get(name).ok_or_else(|| Problem::Missing { field: self.below(name), expected })?;
        let field = Fields { value, path: self.below(name) };
        if value.is_null() { Err(field.unexpected(expected.to_owned())) } else { Ok(field) }
    }

    /// Returns a field that may be absent or null.
    pub(super) fn optional(&self, name: &str) -> Option<Fields<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Fields { value, path: self.below(name) })
    }

    /// Returns the fields of an object that are not among those `known`.
    pub(super) fn others(&self, known: &[&str]) -> BTreeMap<String, Value> {
        let fields = self.value.as_object().into_iter().flatten();
        let others = fields.filter(|(name, _)| !known.contains(&name.as_str()));
        others.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Returns a field's text, trimmed, which must hold more than white space.
    pub(super) fn words(&self, name: &str) -> Result<String, Problem> {
        self.field(name, NOT_BLANK)?.not_blank()
    }

    /// Returns a field that identifies a row: text that is not blank, or a whole number.
    pub(super) fn id(&self, name: &str) -> Result<String, Problem> {
        let field = self.field(name, IDENTIFIER)?;
        match field.value {
            Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
            Value::String(text) if !is_blank(text) => Ok(text.trim().to_owned()),
            _ => Err(field.unexpected(IDENTIFIER.into())),
        }
    }

    /// Returns this value as text, trimmed, which must hold more than white space.
    pub(super) fn not_blank(&self) -> Result<String, Problem> {
        let words = self.value.as_str().map(str::trim).filter(|text| !is_blank(text));
        words.map(str::to_owned).ok_or_else(|| self.unexpected(NOT_BLANK.into()))
    }

    /// Returns this value as a whole number from 0 up.
    pub(super) fn number(&self) -> Result<u32, Problem> {
        let number = self.value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.unexpected("a whole number from 0 up".into()))
    }

    /// Returns this value as a letter from A to Z, of either case.
    pub(super) fn label(&self) -> Result<Label, Problem> {
        let letter = self.value.as_str().and_then(|text| {
            let mut letters = text.chars();
            letters.next().filter(|_| letters.next().is_none())
        });
        letter
            .and_then(|letter| Label::try_from(letter.to_ascii_uppercase()).ok())
            .ok_or_else(|| self.unexpected("a letter from A to Z".into()))
    }

    /// Returns what is written here.
    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    /// Returns this value as text; `None` where it is none.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// Returns the label that is written here, as text: a number in JSON is one, too.
    pub(super) fn label_text(&self) -> String {
        self.value.as_str().map_or_else(|| self.value.to_string(), |text| text.trim().to_owned())
    }

    /// Returns the entries of this list.
    pub(super) fn items(&self) -> Result<Vec<Fields<'a>>, Problem> {
        let items = self.value.as_array().ok_or_else(|| self.unexpected("a list".into()))?;
        let item = |(index, value)| Fields { value, path: format!("{}[{index}]", self.path) };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// Returns the problem that something else was expected here.
    pub(super) fn unexpected(&self, expected: String) -> Problem {
        let field = if self.path.is_empty() { "(the line)".to_owned() } else { self.path.clone() };
        let whole = self.value.as_str().map_or_else(|| self.value.to_string(), str::to_owned);
        let cut = whole.char_indices().nth(60).map_or(whole.len(), |(at, _)| at);
        let found = if cut < whole.len() { format!("{}…", &whole[..cut]) } else { whole };
        Problem::Unexpected { field, found, expected }
    }

    fn below(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}
