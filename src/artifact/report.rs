//! The files of a report.

use std::collections::BTreeMap;

use super::{Artifact, ArtifactKind, CodecError, Parts};

/// A report's files by name, such as `report.md` or `figure.svg`. Parts: one for each file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportFiles {
    /// The bytes of each file.
    pub files: BTreeMap<String, Vec<u8>>,
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
