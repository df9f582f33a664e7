//! Figures as SVG, written by hand: no fonts, scripts, identifiers or references, so that a figure stands alone, sits
//! inline in a page beside others, and is the same bytes each time.
//!
//! Light colours are presentation attributes, which every program that reads SVG understands; a style sheet overrides
//! them on dark screens. Every series has a colour of Okabe and Ito's palette, a marker and a dash pattern of its own,
//! so that it reads in black and white.

mod axis;
mod curves;
mod depth;
mod forest;
mod heatmap;
mod legend;
mod lines;
mod palette;
mod panels;
mod reliability;
mod scale;
mod svg;

pub use curves::{Curve, CurveKind, curve_svg};
pub(super) use depth::{DepthChart, DepthPanel, DepthPoint, DepthSeries, depth_svg};
pub(super) use forest::forest_svg;
pub(super) use heatmap::{HeatCell, HeatPanel, Heatmap, heatmap_svg};
pub(super) use lines::lines_svg;
pub(super) use reliability::reliability_svg;
pub(super) use svg::escape;

use retort_stats::{Estimate, Interval};

/// The width of every figure, in SVG units: CSS pixels at its natural size.
const WIDTH: f64 = 760.0;

/// A measured accuracy: fractions from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    /// Where it stands: on the x axis of a line figure, unused in a forest.
    pub(super) x: f64,
    /// The accuracy with its interval.
    pub(super) estimate: Estimate,
    /// The accuracy of guessing.
    pub(super) chance: Option<f64>,
    /// What a tooltip says.
    pub(super) tip: String,
}

/// A line of marks, or in a forest the marks of one colour.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// The slot of its legend entry, which decides colour, marker and dashes.
    pub(super) slot: usize,
    /// The marks, by rising x.
    pub(super) marks: Vec<Mark>,
}

/// An entry of the legend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// What decides its colour, marker and dashes.
    pub(super) slot: usize,
    /// What it is called.
    pub(super) label: String,
    /// How it is drawn.
    pub(super) kind: EntryKind,
}

/// How a legend entry is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// A line with markers.
    Line,
    /// A horizontal line for an arm that does not vary along x.
    Reference,
    /// A marker alone.
    Dot,
    /// The dotted rule of guessing, which has no slot of its own.
    Chance,
}

/// One panel of a line figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LinePanel {
    /// What stands above it.
    pub(super) heading: String,
    /// Its lines.
    pub(super) series: Vec<Series>,
    /// Its horizontal lines; `x` of their marks means nothing.
    pub(super) references: Vec<Series>,
}

/// Accuracy along an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LineChart {
    /// What a screen reader says.
    pub(super) title: String,
    /// The name of the x axis.
    pub(super) x_label: String,
    /// Where the axis has its values, and what they are called.
    pub(super) x_ticks: Vec<(f64, String)>,
    /// The panels.
    pub(super) panels: Vec<LinePanel>,
    /// The legend.
    pub(super) legend: Vec<Entry>,
}

/// One row of a forest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ForestRow {
    /// What stands to its left.
    pub(super) label: String,
    /// Its marks, one for each series that has an arm here, with their slot.
    pub(super) marks: Vec<(usize, Option<Mark>)>,
}

/// One section of a forest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ForestSection {
    /// What stands above it; empty for none.
    pub(super) heading: String,
    /// Its rows.
    pub(super) rows: Vec<ForestRow>,
}

/// Accuracy by arm: a dot or a bar with its interval for each, numbers to the right.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Forest {
    /// What a screen reader says.
    pub(super) title: String,
    /// The sections.
    pub(super) sections: Vec<ForestSection>,
    /// The legend.
    pub(super) legend: Vec<Entry>,
    /// Whether bars from zero are drawn instead of dots.
    pub(super) bars: bool,
}

/// Answers that are held about as likely; fractions from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReliabilityDot {
    /// How likely they are held on average.
    pub(super) confidence: f64,
    /// The fraction of them that is right.
    pub(super) accuracy: f64,
    /// The interval of that fraction, where one is known.
    pub(super) interval: Option<Interval>,
    /// Which fraction of all answers they are.
    pub(super) fraction: f64,
    /// What a tooltip says.
    pub(super) tip: String,
}

/// The reliability diagram of one arm.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReliabilityPanel {
    /// What stands above it.
    pub(super) heading: String,
    /// Its dots, by rising confidence.
    pub(super) dots: Vec<ReliabilityDot>,
}

/// How often answers are right that are held about as likely, by arm.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReliabilityChart {
    /// What a screen reader says.
    pub(super) title: String,
    /// The panels.
    pub(super) panels: Vec<ReliabilityPanel>,
}
