//! What a report is made of: the arms, and which axis goes where.

use std::collections::BTreeMap;

use super::hypothesis::Hypothesis;
use super::published::Beside;
use retort_artifact::{AgreementSummary, Question, Scores, TrainingLog, Votes};
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

/// Which axis goes where; see [the room's page](crate).
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
    pub hypotheses: Vec<Hypothesis>,
    /// The least fraction of an arm's outputs that a label can be read from for a verdict about it, from 0 to 1.
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
            hypotheses: Vec::new(),
            readable: Self::READABLE,
            figures: vec![Figure::Accuracy, Figure::Training],
            shape: Shape::Auto,
            level: Level::P95,
            seed: 0,
        }
    }
}

retort_fingerprint::words!(Shape { Auto = "auto", Dots = "dots", Bars = "bars" });

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
