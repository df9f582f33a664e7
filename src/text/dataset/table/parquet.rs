//! Rows of a Parquet file as JSON.

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row as Record};
use serde_json::{Map, Value as Json, json};

use super::error::{Place, TableError};
use super::rows::Row;

/// Reads every row.
pub(super) fn rows(bytes: Vec<u8>) -> Result<Vec<Row>, TableError> {
    let wrong = |row: usize, error: parquet::errors::ParquetError| TableError::Form {
        place: Place { row, line: None },
        why: format!("it is not Parquet that can be read: {error}"),
    };
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(|error| wrong(0, error))?;
    let mut rows = Vec::new();
    for record in reader.get_row_iter(None).map_err(|error| wrong(0, error))? {
        let place = Place { row: rows.len() + 1, line: None };
        let record = record.map_err(|error| wrong(place.row, error))?;
        rows.push(Row { place, fields: object(&record) });
    }
    Ok(rows)
}

fn object(record: &Record) -> Map<String, Json> {
    record.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
}

/// Bytes that are no text, as those of pictures, and numbers that are none stand as an object that says so, so that a mapping
/// which uses them is refused and one which does not is served.
fn value(field: &Field) -> Json {
    match field {
        Field::Null => Json::Null,
        Field::Bool(value) => json!(value),
        Field::Byte(value) => json!(value),
        Field::Short(value) => json!(value),
        Field::Int(value) => json!(value),
        Field::Long(value) => json!(value),
        Field::UByte(value) => json!(value),
        Field::UShort(value) => json!(value),
        Field::UInt(value) => json!(value),
        Field::ULong(value) => json!(value),
        Field::Float(value) if value.is_finite() => json!(value),
        Field::Double(value) if value.is_finite() => json!(value),
        Field::Str(text) => json!(text),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => json!(text),
            Err(_) => json!({ "(bytes)": bytes.len() }),
        },
        Field::Group(record) => Json::Object(object(record)),
        Field::ListInternal(list) => Json::Array(list.elements().iter().map(value).collect()),
        Field::MapInternal(map) => {
            let name = |key: &Field| match key {
                Field::Str(text) => text.clone(),
                other => other.to_string(),
            };
            Json::Object(map.entries().iter().map(|(key, of)| (name(key), value(of))).collect())
        }
        other => json!(other.to_string()),
    }
}
