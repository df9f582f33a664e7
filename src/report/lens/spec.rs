//! What readings there are, and what is to be said of them.

use std::collections::BTreeMap;

use retort_artifact::Readings;

/// The readings of one instance of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct LensArm {
    /// The axis values it was made with, by axis.
    pub coords: BTreeMap<String, String>,
    /// The stage that read.
    pub stage: String,
    /// What it read.
    pub readings: Readings,
}

/// What is said of readings.
#[derive(Debug, Clone, PartialEq)]
pub struct LensSpec {
    /// What the label's probability must stay above.
    pub bound: f64,
    /// The fraction of questions that the layer is named for by which they are there.
    pub fraction: f64,
    /// How many questions have a grid: of those that are compared, or of all where none is.
    pub grids: usize,
    /// The questions that have a grid, in place of the first ones.
    pub questions: Vec<String>,
    /// Axes of the panels, beside those of the report.
    pub panels: Vec<String>,
    /// The most columns of a grid: the label's, and those before it.
    pub columns: usize,
    /// Whether every two students that are compared have their difference told.
    pub pairs: bool,
    /// The axis values of the replicate whose grids are drawn; the first where there are none.
    pub replicate: BTreeMap<String, String>,
}
