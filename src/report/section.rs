//! What a report consists of: whoever has something to show makes a section of it, and every form of the report has it.

use std::collections::BTreeMap;

use super::Table;

/// A figure of a section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SectionFigure {
    /// The name of its file; where it is empty, the figure is numbered.
    pub file: String,
    /// The sentence below it; what stands in backticks is set as code.
    pub caption: String,
    /// The figure, as the figures of this room are: without script, reference or identifier.
    pub svg: String,
    /// Whether it has a width of its own, and is not fitted to the page.
    pub wide: bool,
}

/// A part of a report: figures, then tables, and files of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// What stands above it; where it is empty, the titles of the tables are headings.
    pub title: String,
    /// The tables, each with notes of its own.
    pub tables: Vec<Table>,
    /// The figures.
    pub figures: Vec<SectionFigure>,
    /// Further files by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl SectionFigure {
    /// Makes a figure that is numbered and fitted to the page.
    pub fn new(caption: impl Into<String>, svg: String) -> Self {
        Self { file: String::new(), caption: caption.into(), svg, wide: false }
    }
}

impl Section {
    /// Makes a section of one table under the table's own title.
    pub fn of(table: Table) -> Self {
        Self { tables: vec![table], ..Self::default() }
    }

    /// Makes a section of figures that need no heading.
    pub fn drawn(figures: Vec<SectionFigure>) -> Self {
        Self { figures, ..Self::default() }
    }
}
