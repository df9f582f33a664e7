//! The files of a report.

use std::collections::BTreeMap;

use super::codec::bytes_of;
use super::{Artifact, ArtifactKind, CodecError, Part, Parts};

/// A report's files by name, such as `report.md` or `figure.svg`. Parts: one for each file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportFiles {
    /// The bytes of each file.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl ReportFiles {
    /// The file that has the report as values, with its tables.
    pub const RECORD: &str = "report.json";

    /// The file that has the report as Markdown.
    pub const MARKDOWN: &str = "report.md";

    /// The file that has the report as a page.
    pub const PAGE: &str = "report.html";
}

impl Artifact for ReportFiles {
    const KIND: ArtifactKind = ArtifactKind::Report;

    fn encode(&self) -> Parts {
        self.files.iter().map(|(name, bytes)| (name.clone(), Part::Bytes(bytes.clone()))).collect()
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let file = |name: &String| Ok((name.clone(), bytes_of(parts, "report", name)?.to_vec()));
        Ok(Self { files: parts.keys().map(file).collect::<Result<_, CodecError>>()? })
    }
}
