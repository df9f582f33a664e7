//! The files of a report.

use std::collections::BTreeMap;

use super::{Artifact, ArtifactKind, CodecError, Parts};

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
        self.files.clone()
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        Ok(Self { files: parts.clone() })
    }
}
