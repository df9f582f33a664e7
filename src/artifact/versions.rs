//! Row formats that were widened: rows that could be written before are written as before, to the same bytes.
//!
//! The first version has lettered choices alone. The second has every kind of answer, and scores have a third, with several
//! samples and several readings of an output. Bytes are of the first version that is enough, so that results of before keep
//! their digests, and a program that knows earlier versions alone refuses a later one by its header.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::RowFormat;
use super::{CodecError, Part, Parts};

/// A format with several versions.
pub(super) struct Versions {
    name: &'static str,
    latest: u32,
}

impl Versions {
    /// Names a format of two versions.
    pub(super) const fn of(name: &'static str) -> Self {
        Self { name, latest: 2 }
    }

    /// Names a format of so many versions.
    pub(super) const fn up_to(name: &'static str, latest: u32) -> Self {
        Self { name, latest }
    }

    fn format(&self, version: u32) -> RowFormat {
        RowFormat { name: self.name, version }
    }

    /// Encodes rows in their order; `lettered` says whether the first version can hold a row.
    pub(super) fn encode<T: Serialize>(&self, rows: &[T], lettered: impl Fn(&T) -> bool) -> Part {
        self.encode_in(rows, |row| if lettered(row) { 1 } else { 2 })
    }

    /// Encodes rows in their order; `version` says which version a row needs.
    pub(super) fn encode_in<T: Serialize>(&self, rows: &[T], version: impl Fn(&T) -> u32) -> Part {
        self.format(rows.iter().map(version).max().unwrap_or(1)).encode(rows)
    }

    /// Decodes the rows of a part that must be there, of any version.
    pub(super) fn part<T: DeserializeOwned>(&self, parts: &Parts, part: &str) -> Result<Vec<T>, CodecError> {
        let mut version = self.latest;
        loop {
            match self.format(version).part(parts, part) {
                Err(CodecError::Header { .. }) if version > 1 => version -= 1,
                decoded => return decoded,
            }
        }
    }
}
