//! JSON lines behind a header line: the form of every row artifact.

use std::collections::BTreeMap;

use retort_fingerprint::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An artifact, part by part.
pub type Parts = BTreeMap<String, Part>;

/// A part of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// In memory.
    Bytes(Vec<u8>),
    /// In the store, under this digest.
    Stored(Digest),
}

impl Part {
    /// Returns the bytes of a part that is in memory.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Stored(_) => None,
        }
    }
}

impl From<Vec<u8>> for Part {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// Bytes that are not the artifact they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A part that should be there is not.
    #[error("cannot decode `{format}`: its part `{part}` is missing")]
    MissingPart {
        /// The format's name.
        format: &'static str,
        /// The part's name.
        part: String,
    },
    /// The header is absent, or names another format or version.
    #[error("cannot decode `{format}`: its header is `{found}`, expected `{expected}`")]
    Header {
        /// The format's name.
        format: &'static str,
        /// What stands there, cut to 80 characters.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// A line is not a row.
    #[error("cannot decode `{format}`, line {line}: {why}")]
    Row {
        /// The format's name.
        format: &'static str,
        /// The line, counted from 1.
        line: usize,
        /// What the parser said.
        why: String,
    },
}

/// A row format: its name and version stand in the header line.
pub(super) struct RowFormat {
    /// The name, such as `rationales`.
    pub(super) name: &'static str,
    /// The version; a reader accepts exactly this one.
    pub(super) version: u32,
}

impl RowFormat {
    fn header(&self) -> String {
        format!("{{\"retort\":\"{}\",\"version\":{}}}", self.name, self.version)
    }

    /// Encodes rows in their order.
    pub(super) fn encode<T: Serialize>(&self, rows: &[T]) -> Part {
        let mut out = self.header().into_bytes();
        out.push(b'\n');
        for row in rows {
            serde_json::to_writer(&mut out, row).expect("rows have string keys and finite or null numbers");
            out.push(b'\n');
        }
        Part::Bytes(out)
    }

    /// Decodes rows in their order; every line must end with a line feed, so a truncated file is refused.
    pub(super) fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<Vec<T>, CodecError> {
        let format = self.name;
        let text =
            str::from_utf8(bytes).map_err(|error| CodecError::Row { format, line: 0, why: error.to_string() })?;
        let mut lines = text.split_inclusive('\n');
        let header = lines.next().unwrap_or_default();
        if header.strip_suffix('\n') != Some(self.header().as_str()) {
            let found = header.trim_end().chars().take(80).collect();
            return Err(CodecError::Header { format, found, expected: self.header() });
        }
        lines
            .enumerate()
            .map(|(index, line)| {
                let fail = |why: String| CodecError::Row { format, line: index + 2, why };
                let row = line.strip_suffix('\n').ok_or_else(|| fail("the line is cut off".into()))?;
                serde_json::from_str(row).map_err(|error| fail(error.to_string()))
            })
            .collect()
    }

    /// Decodes the rows of a part that must be there.
    pub(super) fn part<T: DeserializeOwned>(&self, parts: &Parts, part: &str) -> Result<Vec<T>, CodecError> {
        self.decode(bytes_of(parts, self.name, part)?)
    }
}

/// Returns the bytes of a part that must be there, in memory; `format` is what is decoded.
pub(super) fn bytes_of<'p>(parts: &'p Parts, format: &'static str, part: &str) -> Result<&'p [u8], CodecError> {
    let missing = || CodecError::MissingPart { format, part: part.to_owned() };
    parts.get(part).and_then(Part::bytes).ok_or_else(missing)
}

/// Returns the digest of a part that must be there, in the store.
pub(super) fn stored(parts: &Parts, format: &'static str, part: &str) -> Result<Digest, CodecError> {
    match parts.get(part) {
        Some(Part::Stored(digest)) => Ok(*digest),
        Some(Part::Bytes(bytes)) => Ok(Digest::of(bytes)),
        None => Err(CodecError::MissingPart { format, part: part.to_owned() }),
    }
}
