//! The tables of a report as JSON, so that a kept report can be shown again.

use serde::{Deserialize, Serialize};

use super::{Opening, Report, ReportError, ReportInput, Table};
use retort_artifact::ReportFiles;

/// The name of the file.
pub(super) const FILE: &str = "report.json";
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    title: String,
    experiment: String,
    /// What stands before the tables; absent in earlier records.
    #[serde(default)]
    opening: Opening,
    tables: Vec<Table>,
}

/// Writes the tables.
pub(super) fn encode(input: &ReportInput, opening: &Opening, tables: &[Table]) -> Vec<u8> {
    let (title, experiment) = (input.title.clone(), input.experiment.clone());
    let record = Record { version: VERSION, title, experiment, opening: opening.clone(), tables: tables.to_vec() };
    let mut bytes = serde_json::to_vec_pretty(&record).expect("records have string keys, and cells finite numbers");
    bytes.push(b'\n');
    bytes
}

impl Report {
    /// Reads the tables back out of a report's files, as they were when it was made.
    pub fn tables_in(files: &ReportFiles) -> Result<Vec<Table>, ReportError> {
        Ok(record_in(files)?.tables)
    }

    /// Reads what a report says before its tables; an earlier version kept no more of it than the title.
    pub fn opening_in(files: &ReportFiles) -> Result<Opening, ReportError> {
        let Record { title, opening, .. } = record_in(files)?;
        Ok(if opening.title.is_empty() { Opening { title, ..opening } } else { opening })
    }
}

fn record_in(files: &ReportFiles) -> Result<Record, ReportError> {
    let unreadable = |why: String| ReportError::Unreadable { file: FILE, why };
    let bytes = files.files.get(FILE).ok_or_else(|| unreadable("the file is missing".to_owned()))?;
    let record: Record = serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
    if record.version != VERSION {
        return Err(unreadable(format!("it is of version `{}`, expected `{VERSION}`", record.version)));
    }
    Ok(record)
}
