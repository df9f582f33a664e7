//! Tables, figures and pages: pure, from the outcomes of arms to text, CSV, HTML and SVG.
//!
//! [`report`] takes every arm of an experiment with its coordinates (the axis values it was made with) and a
//! [`ReportSpec`] that says which axis goes where, and returns a [`Report`]: neutral [`Table`]s that a terminal can
//! print, and the files. Equal input gives equal bytes: there is no clock, no random identifier and no network.
//!
//! # Which axis goes where
//!
//! | field | in the table | in a figure with `x` | in a figure without `x` |
//! |---|---|---|---|
//! | `x` | a label column | the horizontal axis | – |
//! | `lines` | a label column | one line for each value | one colour for each value |
//! | `panels` | a label column | panels side by side | sections, one below the other |
//! | `rows` | a label column | further lines | one row for each value |
//! | `columns` | the columns of a table of accuracies | further lines | one colour for each value |
//! | `average` | averaged over, as replicates | averaged over | averaged over |
//! | not named, but varying | a label column | further lines | further rows |
//! | not named and the same everywhere | said once, in a note | – | – |
//!
//! The name `arm` stands for the stage that scored, unless the experiment has an axis of that name; unnamed, it is
//! shown only where the axes do not tell the arms apart. An arm without an axis shows an en dash there; one without the
//! `x` axis is drawn as a horizontal reference line.
//!
//! # Files
//!
//! | file | holds |
//! |---|---|
//! | `report.md` | tables, notes, figures by reference |
//! | `report.tex` | the tables for LaTeX, with `booktabs` |
//! | `report.csv` | one line per arm after averaging, fractions in full precision (RFC 4180) |
//! | `questions.csv` | one line per arm, replicate and question, with the output |
//! | `report.html` | everything on one page that needs nothing else |
//! | `report.json` | the tables, for [`Report::tables_in`] |
//! | `hypotheses.csv` | one line per hypothesis and case, where hypotheses are tested |
//! | `beside.csv` | one line per value of others beside the measured one, where such values are given |
//! | `agreement.csv` | one line per agreement of two selections and measure, where agreements are reported |
//! | `calibration.csv` | one line per arm and bin of its reliability diagram, where choices were scored by likelihood |
//! | `lens.csv`, `lens-questions.csv`, `lens-….svg` | what layers know of the label, where readings are reported |
//! | `figure-1.svg` … | accuracy, then training loss, then dev accuracy, as far as asked for and there, then those of further sections |
//!
//! Whoever writes the files draws each figure in pixels as well ([`png()`]): that may take fonts of the machine, which the
//! report as it is kept does not.
//!
//! Where a report comes from (seeds, models, devices, time) is no part of it, since it may not differ between two machines
//! that make the same one: [`Provenance`] is added to the files when they are written out.
//!
//! # What is tested
//!
//! An arrow marks what clearly lies above or below its baseline, and bold what is clearly better than each of the arms it
//! is held against: those that differ from it in the axes that `best` names, by default in every axis that is neither a
//! column, a panel nor `x`. Each is a paired test by question; p values are corrected after Holm, those of the baseline
//! over all arms, those of the best over its rivals, those of hypotheses over all cases of all hypotheses.

mod against;
mod agreements;
mod beside;
mod cases;
mod chart;
mod confusion;
mod counterpart;
mod csv;
mod differences;
mod error;
mod figure;
mod foresight;
mod html;
mod hypotheses;
mod hypothesis;
mod input;
mod label;
mod latex;
mod layout;
mod lens;
mod markdown;
mod marks;
mod notes;
mod pages;
mod picture;
mod pivot;
mod provenance;
mod published;
mod record;
mod reliability;
mod section;
mod standing;
mod summary;
mod table;
mod tabulate;
mod targets;
mod teachers;
pub mod tensorboard;
#[cfg(test)]
mod tests;

pub use csv::{harmless, readings};
pub use error::ReportError;
pub use figure::{Curve, CurveKind, curve_svg};
pub use foresight::foresee;
pub use hypothesis::{Hypothesis, Relation};
pub use input::{ARM_AXIS, Agreement, Arm, Figure, ReportInput, ReportSpec, Shape, Teacher};
pub use lens::{LensArm, LensSpec, foresee_lens, lens_section};
pub use pages::{report, report_with};
pub use picture::{Fonts, PictureError, png};
pub use provenance::{Cost, Provenance};
pub use published::{Beside, Stated};
pub use reliability::calibrated;
pub use section::{Section, SectionFigure};
pub use table::{Align, Cell, Column, Side, Table};

use retort_artifact::ReportFiles;

/// A report as it is shown and as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The tables, the most important one first.
    pub tables: Vec<Table>,
    /// The files.
    pub files: ReportFiles,
}
