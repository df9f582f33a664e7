//! What a report may have beside its accuracies.

use std::collections::BTreeMap;

use super::Table;

/// A figure of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionFigure {
    /// The name of its file.
    pub file: String,
    /// The sentence below it.
    pub caption: String,
    /// The figure.
    pub svg: String,
    /// Whether it has a width of its own, and is not fitted to the page.
    pub wide: bool,
}

/// Tables, figures and files that join a report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// What stands above the figures on the page.
    pub title: String,
    /// The tables, which follow those of the accuracies.
    pub tables: Vec<Table>,
    /// The figures.
    pub figures: Vec<SectionFigure>,
    /// Further files by name.
    pub files: BTreeMap<String, Vec<u8>>,
}
