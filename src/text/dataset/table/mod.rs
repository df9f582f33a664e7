//! Questions out of any table: a mapping says which field is what.
//!
//! | part of a question | may come from |
//! |---|---|
//! | `question`, `rationale`, `id` | a column, a path into one, a Jinja expression, and a piece of it found by a [`Pattern`] |
//! | `choices` | a list of texts, a list of `{label, text}`, `{label: […], text: […]}`, or several columns |
//! | `answer` | the letter, the label, the place or the words of a choice; the name or the place of a class; a number; a text |
//!
//! A file is JSON lines, one JSON array, CSV, TSV or Parquet. An answer that is null, blank or `-1` is not known, as in
//! test files. `true` is the class `yes` where there is no class `true`. Without `id` a question is named by a digest of its words.

mod choices;
mod error;
mod field;
pub mod guess;
mod parquet;
mod pattern;
pub mod preset;
mod row;
mod rows;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::answer::Expected;
use retort_artifact::{Answer, Answers, Question};
use retort_fingerprint::{ContentHash, Digest, Term};

use choices::Chosen;
pub use choices::Listed;
use error::shown;
pub use error::{Place, TableError};
pub use field::Field;
pub use pattern::Pattern;
pub use row::Row;
pub use rows::{Form, rows};
use value::{is_blank, text_of, truth_of};

/// A piece of a question: a field, and perhaps what of it.
#[derive(Debug, Clone)]
pub struct Source {
    /// The field.
    pub field: Field,
    /// What of its text; all of it where there is none.
    pub pattern: Option<Pattern>,
    /// What is taken out of the text first.
    pub remove: Option<Pattern>,
}

/// Which fields of a table make a question.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// What kind of answer its questions have.
    pub answers: Answers,
    /// The identifier.
    pub id: Option<Source>,
    /// The words of the question.
    pub question: Source,
    /// Its choices.
    pub choices: Option<Listed>,
    /// Its right answer.
    pub answer: Option<Source>,
    /// A rationale.
    pub rationale: Option<Source>,
    /// Fields that are kept for templates.
    pub keep: Vec<Field>,
}

/// What was read of one file.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The questions, each with its place.
    pub questions: Vec<(Place, Question)>,
    /// What a reader of the results should know.
    pub notes: Vec<String>,
}

impl ContentHash for Source {
    fn term(&self) -> Term {
        let Self { field, pattern, remove } = self;
        let written = |pattern: &Option<Pattern>| pattern.as_ref().map(|pattern| pattern.written().to_owned()).term();
        Term::record([("field", field.term()), ("pattern", written(pattern)), ("remove", written(remove))])
    }
}

impl ContentHash for Field {
    fn term(&self) -> Term {
        self.written().term()
    }
}

impl ContentHash for Listed {
    fn term(&self) -> Term {
        match self {
            Self::Field(field) => field.term(),
            Self::Columns(columns) => columns.term(),
        }
    }
}

impl ContentHash for Mapping {
    fn term(&self) -> Term {
        let Self { answers, id, question, choices, answer, rationale, keep } = self;
        Term::record([
            ("answers", answers.term()),
            ("id", id.term()),
            ("question", question.term()),
            ("choices", choices.term()),
            ("answer", answer.term()),
            ("rationale", rationale.term()),
            ("keep", keep.term()),
        ])
    }
}

/// Rows in which a pattern matches nothing.
#[derive(Default)]
struct Missed(BTreeMap<&'static str, (String, Vec<String>, usize)>);

impl Source {
    /// Takes a whole field.
    pub fn of(field: Field) -> Self {
        Self { field, pattern: None, remove: None }
    }

    fn unexpected(&self, row: &Row, role: &str, found: &Json, expected: impl Into<String>) -> TableError {
        TableError::Unexpected {
            place: row.place,
            role: role.to_owned(),
            field: self.field.written().to_owned(),
            found: shown(found),
            expected: expected.into(),
        }
    }

    /// Returns its value, or `None` where it is null, blank, or not matched by its pattern, which is noted.
    fn value(&self, row: &Row, role: &'static str, missed: &mut Missed) -> Result<Option<Json>, TableError> {
        let value = self.field.value(row, role)?;
        if is_blank(&value) || (self.pattern.is_none() && self.remove.is_none()) {
            return Ok(Some(value).filter(|value| !is_blank(value)));
        }
        let Some(text) = text_of(&value) else { return Err(self.unexpected(row, role, &value, "text")) };
        let hard = |pattern: &Pattern, why: String| {
            let expected = format!("a text that the pattern `{}` can be searched in: {why}", pattern.written());
            self.unexpected(row, role, &value, expected)
        };
        let text = match &self.remove {
            Some(remove) => remove.remove(&text).map_err(|why| hard(remove, why))?,
            None => text,
        };
        let Some(pattern) = &self.pattern else { return Ok(Some(Json::from(text)).filter(|value| !is_blank(value))) };
        let found = pattern.find(&text).map_err(|why| hard(pattern, why))?;
        if found.is_none() {
            let (_, first, count) =
                missed.0.entry(role).or_insert_with(|| (pattern.written().to_owned(), Vec::new(), 0));
            *count += 1;
            if first.len() < 3 {
                first.push(format!("{}: {}", row.place, shown(&Json::from(text.trim()))));
            }
        }
        Ok(found.map(Json::from).filter(|value| !is_blank(value)))
    }

    /// The same as text.
    fn text(&self, row: &Row, role: &'static str, missed: &mut Missed) -> Result<Option<String>, TableError> {
        let Some(value) = self.value(row, role, missed)? else { return Ok(None) };
        let text = text_of(&value).ok_or_else(|| self.unexpected(row, role, &value, "text"))?;
        Ok(Some(text.trim().to_owned()))
    }
}

impl Mapping {
    /// Says what is wrong with a mapping whatever the table.
    ///
    /// # Errors
    /// The fault, as a sentence that names fields of the mapping.
    pub fn check(&self) -> Result<(), TableError> {
        let wrong = |why: &str| Err(TableError::Mapping(why.to_owned()));
        match (&self.answers, &self.choices) {
            (Answers::Choice, None) => wrong(
                "questions whose answer is a choice need `choices`; else say `answers: number`, `text`, or the classes",
            ),
            (Answers::Class(names), _) if names.len() < 2 => wrong("`answers` needs two classes or more"),
            (Answers::Class(names), _) if repeated(names) => wrong("`answers` names a class twice"),
            (Answers::Class(_) | Answers::Number | Answers::Text | Answers::Exact, Some(_)) => {
                wrong("`choices` mean nothing where the answer is no choice: leave them out, or say `answers: choice`")
            }
            _ => Ok(()),
        }
    }

    /// Makes a question of every row. Where answers may be withheld, as in test files, no row need have their field, nor that of
    /// the rationale.
    ///
    /// # Errors
    /// The first row that does not fit, or a pattern that matches nothing in half of the rows.
    pub fn read(&self, rows: &[Row], withheld: bool) -> Result<Table, TableError> {
        self.check()?;
        let absent = |source: &Source, row| matches!(source.field.value(row, ""), Err(TableError::Absent { .. }));
        let lacks = |source: &&Source| !rows.is_empty() && rows.iter().all(|row| absent(source, row));
        let answer = self.answer.as_ref().filter(|_| withheld).filter(lacks);
        let rationale = self.rationale.as_ref().filter(|_| withheld).filter(lacks);
        if answer.is_some() || rationale.is_some() {
            let mut known = self.clone();
            let mut notes = Vec::new();
            for (source, held, what) in
                [(answer, &mut known.answer, "answer"), (rationale, &mut known.rationale, "rationale")]
            {
                if let Some(source) = source {
                    *held = None;
                    notes.push(format!("no row has the field `{}`, so no {what} is known", source.field.written()));
                }
            }
            let mut table = known.read(rows, false)?;
            table.notes.extend(notes);
            return Ok(table);
        }
        let mut table = Table::default();
        let mut missed = Missed::default();
        let mut ids: BTreeMap<String, Place> = BTreeMap::new();
        let mut same = 0;
        for row in rows {
            let mut question = self.question(row, &mut missed)?;
            if self.id.is_none() {
                // The same words again are another question all the same.
                let digest = question.id.clone();
                let mut count = 1;
                while ids.contains_key(&question.id) {
                    count += 1;
                    question.id = format!("{digest}-{count}");
                }
                same += usize::from(count > 1);
            }
            if let Some(first) = ids.insert(question.id.clone(), row.place) {
                return Err(TableError::Duplicate { place: row.place, id: question.id, first });
            }
            table.questions.push((row.place, question));
        }
        missed.settle(rows.len(), &mut table.notes)?;
        if same > 0 {
            table.notes.push(format!("{same} of {} questions have the words of an earlier one", rows.len()));
        }
        Ok(table)
    }

    fn question(&self, row: &Row, missed: &mut Missed) -> Result<Question, TableError> {
        let blank =
            |source: &Source, role: &str| source.unexpected(row, role, &Json::from(""), "text that is not blank");
        let stem = self.question.text(row, "question", missed)?.ok_or_else(|| blank(&self.question, "question"))?;
        let chosen = self.choices.as_ref().map(|listed| listed.of(row)).transpose()?.unwrap_or_default();
        let answer =
            self.answer.as_ref().map(|source| self.answered(source, row, &chosen, missed)).transpose()?.flatten();
        let rationale =
            self.rationale.as_ref().map(|source| source.text(row, "rationale", missed)).transpose()?.flatten();
        let id = if let Some(source) = &self.id {
            source.text(row, "id", missed)?.ok_or_else(|| blank(source, "id"))?
        } else {
            let words = chosen.choices.iter().map(|choice| format!("\n{}", choice.text));
            Digest::of((stem.clone() + &words.collect::<String>()).as_bytes()).hex()[..16].to_owned()
        };
        let kept = self.keep.iter().map(|field| Ok((field.written().to_owned(), field.value(row, "keep")?)));
        let fields = kept.collect::<Result<_, TableError>>()?;
        Ok(Question { id, stem, answers: self.answers.clone(), choices: chosen.choices, answer, rationale, fields })
    }

    /// Reads the right answer; `None` where it is not known.
    fn answered(
        &self,
        source: &Source,
        row: &Row,
        chosen: &Chosen,
        missed: &mut Missed,
    ) -> Result<Option<Answer>, TableError> {
        let Some(value) = source.value(row, "answer", missed)? else { return Ok(None) };
        let Some(text) = text_of(&value) else { return Err(source.unexpected(row, "answer", &value, "one value")) };
        let text = text.trim();
        let index = text.parse::<i64>().ok();
        let answer = match &self.answers {
            Answers::Choice => match chosen.answer(text, value.is_number()) {
                // How a hidden answer is written in test files.
                Ok(None) if index == Some(-1) => return Ok(None),
                Ok(found) => found.map(Answer::Choice).ok_or_else(|| chosen.expected()),
                Err(expected) => Err(expected),
            },
            Answers::Class(names) => match (Expected::Class(names).given(text), index) {
                (Ok(answer), _) => Ok(answer),
                // The class of what nobody agreed on.
                (Err(_), Some(-1)) => return Ok(None),
                // Where classes are numbers, an answer is never the place of one.
                (Err(expected), Some(_)) if names.iter().any(|name| name.trim().parse::<i64>().is_ok()) => {
                    Err(expected)
                }
                (Err(expected), Some(index)) => {
                    let name = usize::try_from(index).ok().and_then(|index| names.get(index));
                    name.map(|name| Answer::Class(name.clone())).ok_or(expected)
                }
                (Err(expected), None) => of_truth(names, text).ok_or(expected),
            },
            Answers::Number => Expected::Number.given(text),
            Answers::Text => Expected::Text.given(text),
            Answers::Exact => Expected::Exact.given(text),
        };
        answer.map(Some).map_err(|expected| source.unexpected(row, "answer", &value, expected))
    }
}

/// Finds the class that a truth value stands for: `true` among `yes` and `no`, or the other way round.
fn of_truth(names: &[String], text: &str) -> Option<Answer> {
    let wanted = truth_of(text)?;
    let mut found = names.iter().filter(|name| truth_of(name) == Some(wanted));
    found.next().filter(|_| found.next().is_none()).map(|name| Answer::Class(name.clone()))
}

impl Missed {
    /// Refuses a pattern that matches nothing in half of the rows, and notes the others.
    fn settle(self, all: usize, notes: &mut Vec<String>) -> Result<(), TableError> {
        for (role, (pattern, first, missed)) in self.0 {
            if missed * 2 >= all {
                return Err(TableError::Pattern { pattern, role: role.to_owned(), missed, all, first });
            }
            notes.push(format!(
                "the pattern `{pattern}` for `{role}` matches nothing in {missed} of {all} rows, such as: {}",
                first.join(" | ")
            ));
        }
        Ok(())
    }
}

fn repeated(names: &[String]) -> bool {
    let lower: Vec<String> = names.iter().map(|name| name.trim().to_lowercase()).collect();
    lower.iter().enumerate().any(|(index, name)| lower[..index].contains(name))
}
