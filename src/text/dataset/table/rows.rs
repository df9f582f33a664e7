//! The rows of a file, whatever it is written in.

use serde_json::Value as Json;

use super::super::{array, lines, strict};
use super::error::{Place, TableError};
use super::parquet;
use super::row::Row;

/// What a file of rows is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON lines, or one JSON array of objects.
    Json,
    /// Values separated by commas, under a heading.
    Csv,
    /// Values separated by tabs, under a heading.
    Tsv,
    /// Apache Parquet.
    Parquet,
}

impl Form {
    /// Tells the form by what the file begins with: its name is nothing to go by, since it enters no key.
    pub fn of(bytes: &[u8]) -> Self {
        match strict::without_mark(bytes).trim_ascii_start().first() {
            _ if bytes.starts_with(b"PAR1") => Self::Parquet,
            None | Some(b'{' | b'[') => Self::Json,
            Some(_) => {
                let heading = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
                if heading.contains(&b'\t') { Self::Tsv } else { Self::Csv }
            }
        }
    }
}

retort_fingerprint::words!(Form { Json = "json", Csv = "csv", Tsv = "tsv", Parquet = "parquet" });

/// Reads every row of a file. Blank lines are passed over.
pub fn rows(form: Form, bytes: Vec<u8>) -> Result<Vec<Row>, TableError> {
    match form {
        Form::Json => json(&bytes),
        Form::Csv => separated(&bytes, b','),
        Form::Tsv => separated(&bytes, b'\t'),
        Form::Parquet => parquet::rows(bytes),
    }
}

fn json(bytes: &[u8]) -> Result<Vec<Row>, TableError> {
    let at = |line: usize, row: usize| Place { row, line: Some(line) };
    let pieces = array::rows(bytes)
        .map_err(|(line, problem)| TableError::Form { place: at(line, 0), why: problem.to_string() })?;
    let mut rows = Vec::new();
    for (line, piece) in pieces {
        let place = at(line, rows.len() + 1);
        let wrong = |why: String| TableError::Form { place, why };
        let text = lines::text(piece).map_err(|problem| wrong(problem.to_string()))?;
        if text.trim().is_empty() {
            continue;
        }
        match strict::json(text)
            .map_err(|error| wrong(format!("it is not JSON: {}", strict::said(&error, text.as_bytes()))))?
        {
            Json::Object(fields) => rows.push(Row { place, fields }),
            other => {
                return Err(wrong(format!("it is `{}`, expected an object with fields", super::error::shown(&other))));
            }
        }
    }
    Ok(rows)
}

fn separated(bytes: &[u8], delimiter: u8) -> Result<Vec<Row>, TableError> {
    let bytes = strict::without_mark(bytes);
    let wrong = |line: usize, why: String| TableError::Form { place: Place { row: 0, line: Some(line) }, why };
    let mut builder = csv::ReaderBuilder::new();
    builder.trim(csv::Trim::Headers).delimiter(delimiter);
    // What tabs separate is rarely quoted, and often has a quotation mark in it.
    builder.quoting(delimiter == b',');
    if delimiter == b','
        && let Some(line) = strict::open_quote(bytes)
    {
        return Err(wrong(line, "a quote opens there and is never closed".into()));
    }
    let mut reader = builder.from_reader(bytes);
    let unreadable = |error: &csv::Error| wrong(error.position().map_or(1, |at| at.line() as usize), error.to_string());
    let names = reader.headers().map_err(|error| unreadable(&error))?.clone();
    if let (1, Some(only)) = (names.len(), names.get(0).filter(|only| delimiter == b',' && only.contains(';'))) {
        let why = format!("its heading `{only}` has semicolons between names: save it with commas, or with tabs");
        return Err(wrong(1, why));
    }
    if let Some((_, twice)) =
        names.iter().enumerate().find(|(index, name)| names.iter().take(*index).any(|other| other == *name))
    {
        return Err(wrong(1, format!("the column `{twice}` is there twice")));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        let line = record.position().map(|at| at.line() as usize);
        let fields = names.iter().zip(&record);
        rows.push(Row {
            place: Place { row: rows.len() + 1, line },
            fields: fields.map(|(name, text)| (name.to_owned(), Json::from(text))).collect(),
        });
    }
    Ok(rows)
}
