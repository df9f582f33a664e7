//! Rows of a Parquet file as JSON.

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row as Record};
use serde_json::{Map, Value as Json, json};

use super::error::{Place, TableError};
use super::row::Row;

/// Reads every row. Where the reader breaks down over a damaged file, that is the file's fault as well.
pub(super) fn rows(bytes: Vec<u8>) -> Result<Vec<Row>, TableError> {
    let broken = |_| TableError::Form { place: Place::FILE, why: "it is damaged, or no Parquet".into() };
    std::panic::catch_unwind(|| read(bytes)).map_err(broken)?
}

fn read(bytes: Vec<u8>) -> Result<Vec<Row>, TableError> {
    let form = |row: usize, why: String| TableError::Form { place: Place { row, line: None }, why };
    let wrong = |row: usize, error: ParquetError| form(row, format!("it is not Parquet that can be read: {error}"));
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(|error| wrong(0, error))?;
    if let Some((column, codec)) = unknown_codec(reader.metadata()) {
        let why = format!(
            "its column `{column}` is compressed with {codec}, and only Snappy, gzip, Zstandard and LZ4 are read: write it anew, \
             in Python with `pyarrow.parquet.write_table(pyarrow.parquet.read_table(OLD), NEW, compression=\"zstd\")`"
        );
        return Err(form(0, why));
    }
    let mut rows = Vec::new();
    for record in reader.get_row_iter(None).map_err(|error| wrong(0, error))? {
        let place = Place { row: rows.len() + 1, line: None };
        let record = record.map_err(|error| wrong(place.row, error))?;
        rows.push(Row { place, fields: object(&record) });
    }
    Ok(rows)
}

/// Finds a column with a codec that is not built in, and names both.
fn unknown_codec(metadata: &ParquetMetaData) -> Option<(String, &'static str)> {
    let mut columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    columns.find_map(|column| {
        let codec = match column.compression() {
            Compression::UNCOMPRESSED
            | Compression::SNAPPY
            | Compression::GZIP(_)
            | Compression::ZSTD(_)
            | Compression::LZ4
            | Compression::LZ4_RAW => return None,
            Compression::BROTLI(_) => "Brotli",
            Compression::LZO => "LZO",
        };
        Some((column.column_path().string(), codec))
    })
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
        Field::Float16(value) => number(&value.to_string()),
        Field::Float(value) => number(&value.to_string()),
        Field::Double(value) => number(&value.to_string()),
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

/// Takes a number by its shortest decimal, so that 0.1 of 32 bits is 0.1 as a person reads it.
fn number(shortest: &str) -> Json {
    match shortest.parse::<f64>() {
        Ok(value) if value.is_finite() => json!(value),
        _ => json!({ "(not a number)": shortest }),
    }
}
