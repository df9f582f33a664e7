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
//! | `report.csv` | one line per arm after averaging, shares in full precision (RFC 4180) |
//! | `questions.csv` | one line per arm, replicate and question, with the output |
//! | `report.html` | everything on one page that needs nothing else |
//! | `report.json` | the tables, for [`Report::tables_in`] |
//! | `claims.csv` | one line per claim and case, where claims are made |
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
//! over all arms, those of the best over its rivals, those of claims over all cases of all claims.

mod against;
mod agreements;
mod beside;
mod chart;
mod claim;
mod claims;
mod counterpart;
mod csv;
mod differences;
mod error;
mod figure;
mod foresight;
mod html;
mod label;
mod latex;
mod layout;
mod lens;
mod markdown;
mod notes;
mod pages;
mod picture;
mod pivot;
mod provenance;
mod record;
mod reliability;
mod section;
mod standing;
mod summary;
mod table;
mod tabulate;
mod teachers;
pub mod tensorboard;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use beside::{Beside, Stated};
pub use claim::{Claim, Relation};
pub use csv::harmless;
pub use error::ReportError;
pub use figure::{Curve, CurveKind, curve_svg};
pub use foresight::foresee;
pub use lens::{LensArm, LensSpec, foresee_lens, lens_section};
pub use pages::{report, report_with};
pub use picture::{Fonts, PictureError, png};
pub use provenance::{Cost, Provenance};
pub use reliability::calibrated;
pub use section::{Section, SectionFigure};
pub use table::{Align, Cell, Column, Side, Table};

use retort_artifact::{AgreementSummary, Question, ReportFiles, Scores, TrainingLog, Votes};
use retort_fingerprint::{ContentHash, Term};
use retort_stats::Level;

/// The name by which a specification refers to the stage that scored an arm.
pub const ARM_AXIS: &str = "arm";

/// One scored instance of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// The axis values it was made with, by axis.
    pub coords: BTreeMap<String, String>,
    /// The stage that scored it.
    pub stage: String,
    /// What its student answered.
    pub outcomes: Scores,
    /// How its student was trained, when that is to be reported.
    pub log: Option<TrainingLog>,
    /// Which of [`ReportInput::questions`] it was asked, where that is known.
    pub questions: Option<usize>,
}

/// How far two selections of words agree, in one instance of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// The axis values it was made with, by axis.
    pub coords: BTreeMap<String, String>,
    /// The stage that compared them.
    pub stage: String,
    /// What it found.
    pub summary: AgreementSummary,
}

/// How the answers of a teacher voted, in one instance of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Teacher {
    /// The axis values it was asked with, by axis.
    pub coords: BTreeMap<String, String>,
    /// The stage that asked it.
    pub stage: String,
    /// The votes.
    pub votes: Votes,
}

/// A figure that can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Accuracy with intervals, by arm.
    Accuracy,
    /// Training loss and dev accuracy by step, for arms that have a log.
    Training,
}

/// How accuracies are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// Lines where an axis runs along the figure, else dots.
    #[default]
    Auto,
    /// Dots with whiskers, a row for each arm.
    Dots,
    /// Bars from zero with whiskers, a row for each arm.
    Bars,
}

/// Which axis goes where; see [the room's page](self).
#[derive(Debug, Clone, PartialEq)]
pub struct ReportSpec {
    /// Axes of the rows.
    pub rows: Vec<String>,
    /// Axes of the columns.
    pub columns: Vec<String>,
    /// The axis that runs along the figure.
    pub x: Option<String>,
    /// Axes of the lines.
    pub lines: Vec<String>,
    /// Axes of the panels.
    pub panels: Vec<String>,
    /// Axes that are averaged over, as replicates.
    pub average: Vec<String>,
    /// The axis values (and perhaps `arm`) that single out the arm every other is compared with. Several may match;
    /// then each arm is compared with the one that shares most of its other axis values.
    pub baseline: Option<BTreeMap<String, String>>,
    /// The axes among whose values the best is looked for; where there is none, those that are no column, panel or `x`.
    pub best: Vec<String>,
    /// What is expected of the arms.
    pub claims: Vec<Claim>,
    /// The least share of an arm's outputs that a label can be read from for a verdict about it, from 0 to 1.
    pub readable: f64,
    /// The figures to draw.
    pub figures: Vec<Figure>,
    /// How accuracies are drawn.
    pub shape: Shape,
    /// The confidence level of every interval.
    pub level: Level,
    /// The seed of the bootstrap.
    pub seed: u64,
}

impl ReportSpec {
    /// The usual bound: of every other output.
    pub const READABLE: f64 = 0.5;
}

impl Default for ReportSpec {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            columns: Vec::new(),
            x: None,
            lines: Vec::new(),
            panels: Vec::new(),
            average: Vec::new(),
            baseline: None,
            best: Vec::new(),
            claims: Vec::new(),
            readable: Self::READABLE,
            figures: vec![Figure::Accuracy, Figure::Training],
            shape: Shape::Auto,
            level: Level::P95,
            seed: 0,
        }
    }
}

impl ContentHash for Figure {
    fn term(&self) -> Term {
        match self {
            Self::Accuracy => Term::variant("accuracy", Term::None),
            Self::Training => Term::variant("training", Term::None),
        }
    }
}

retort_fingerprint::words!(Shape { Auto = "auto", Dots = "dots", Bars = "bars" });

impl ContentHash for ReportSpec {
    fn term(&self) -> Term {
        let Self {
            rows,
            columns,
            x,
            lines,
            panels,
            average,
            baseline,
            best,
            claims,
            readable,
            figures,
            shape,
            level,
            seed,
        } = self;
        Term::record([
            ("rows", rows.term()),
            ("columns", columns.term()),
            ("x", x.term()),
            ("lines", lines.term()),
            ("panels", panels.term()),
            ("average", average.term()),
            ("baseline", baseline.term()),
            ("best", best.term()),
            ("claims", claims.term()),
            ("readable", readable.term()),
            ("figures", figures.term()),
            ("shape", shape.term()),
            ("level", level.term()),
            ("seed", seed.term()),
        ])
    }
}

/// All that a report is made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportInput {
    /// The heading.
    pub title: String,
    /// The experiment's name; nothing is said of it where this is empty.
    pub experiment: String,
    /// The arms, in an order that their content decides: values of an axis that are not numbers keep it.
    pub arms: Vec<Arm>,
    /// The agreements that have a table of their own.
    pub agreements: Vec<Agreement>,
    /// The teachers that have a table of their own.
    pub teachers: Vec<Teacher>,
    /// The questions that were asked, one list for each dataset, so that a reader sees what an answer is to.
    pub questions: Vec<Vec<Question>>,
    /// Values of others that stand beside the measured ones.
    pub beside: Option<Beside>,
    /// Which axis goes where.
    pub spec: ReportSpec,
    /// What stands at the foot, as (name, value).
    pub provenance: Vec<(String, String)>,
}

/// A report as it is shown and as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The tables, the most important one first.
    pub tables: Vec<Table>,
    /// The files.
    pub files: ReportFiles,
}
