//! Rationales that were elicited elsewhere.
//!
//! A line is `{"id", "rationale"}` and may add `"sample"`, which of several it is from 0, and `"label"`, the label that
//! the teacher itself arrived at. A question may have several rationales, no two with the same sample number.

use super::lines::{self, Fields};
use super::{DatasetError, Problem};
use crate::artifact::{Rationale, Rationales};

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Result<Rationales, DatasetError> {
    let key = |row: &Rationale| format!("{}` with the sample `{}", row.id, row.sample);
    Ok(Rationales { rows: lines::read("a rationale", bytes, rationale, key)? })
}

fn rationale(fields: &Fields) -> Result<Rationale, Problem> {
    let sample = fields.optional("sample").map(|sample| sample.number()).transpose()?;
    let label = fields.optional("label").map(|label| label.label()).transpose()?;
    Ok(Rationale {
        id: fields.words("id")?,
        sample: sample.unwrap_or(0),
        text: fields.words("rationale")?,
        label,
        kept: None,
    })
}
