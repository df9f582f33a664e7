//! Row formats that were widened: rows that could be written before are written as before, to the same bytes.
//!
//! The first version has lettered choices alone. The second has every kind of answer. Bytes are of the first version
//! wherever that is enough, so that results of before keep their digests, and a program that knows the first version alone
//! refuses the second by its header.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::RowFormat;
use super::{CodecError, Part, Parts};

/// A format with two versions.
pub(super) struct Versions {
    lettered: RowFormat,
    any: RowFormat,
}

impl Versions {
    /// Names the format.
    pub(super) const fn of(name: &'static str) -> Self {
        Self { lettered: RowFormat { name, version: 1 }, any: RowFormat { name, version: 2 } }
    }

    /// Encodes rows in their order; `lettered` says whether the first version can hold a row.
    pub(super) fn encode<T: Serialize>(&self, rows: &[T], lettered: impl Fn(&T) -> bool) -> Part {
        let format = if rows.iter().all(lettered) { &self.lettered } else { &self.any };
        format.encode(rows)
    }

    /// Decodes the rows of a part that must be there, of either version.
    pub(super) fn part<T: DeserializeOwned>(&self, parts: &Parts, part: &str) -> Result<Vec<T>, CodecError> {
        match self.any.part(parts, part) {
            Err(CodecError::Header { .. }) => self.lettered.part(parts, part),
            decoded => decoded,
        }
    }
}
