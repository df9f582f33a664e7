//! The tables of a report as JSON, so that a kept report can be shown again.

use serde::{Deserialize, Serialize};

use super::{Report, ReportError, ReportInput, Table};
use retort_artifact::ReportFiles;

/// The name of the file.
pub(super) const FILE: &str = "report.json";
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    title: String,
    experiment: String,
    tables: Vec<Table>,
}

/// Writes the tables.
pub(super) fn encode(input: &ReportInput, tables: &[Table]) -> Vec<u8> {
    let (title, experiment) = (input.title.clone(), input.experiment.clone());
    let record = Record { version: VERSION, title, experiment, tables: tables.to_vec() };
    let mut bytes = serde_json::to_vec_pretty(&record).expect("records have string keys, and cells finite numbers");
    bytes.push(b'\n');
    bytes
}

impl Report {
    /// Reads the tables back out of a report's files, as they were when it was made.
    pub fn tables_in(files: &ReportFiles) -> Result<Vec<Table>, ReportError> {
        let unreadable = |why: String| ReportError::Unreadable { file: FILE, why };
        let bytes = files.files.get(FILE).ok_or_else(|| unreadable("the file is missing".to_owned()))?;
        let record: Record = serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if record.version != VERSION {
            return Err(unreadable(format!("it is of version `{}`, expected `{VERSION}`", record.version)));
        }
        Ok(record.tables)
    }
}
