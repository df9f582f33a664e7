//! Where in a student its answer is known: from readings of layers to tables, curves and grids.
//!
//! Students are compared that stand in one panel and were read on the same questions, and on those alone that all of them
//! (and all their replicates) answer right. Of each question the probability of the right label where it occurs first is
//! followed through the layers; the earliest layer from which it stays above the bound is what the tables count.

mod arrangement;
mod compare;
mod curves;
mod files;
mod grids;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::arrangement::Arrangement;
pub use self::arrangement::foresee_lens;
use self::compare::Compared;
use super::layout::Layout;
use super::{ReportError, ReportSpec, Section};
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
    /// The share of questions that the layer is named for by which they are there.
    pub share: f64,
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

/// Makes the section about readings, laid out as the rest of the report: axes that the readings do not have are passed over.
///
/// # Errors
/// As [`report`](super::report) for axes and arms; when an arm has a question twice; when a question that is to have a grid
/// was not read.
pub fn lens_section(title: &str, arms: &[LensArm], spec: &ReportSpec, lens: &LensSpec) -> Result<Section, ReportError> {
    let readers: Vec<_> = arms.iter().map(|arm| (arm.stage.clone(), arm.coords.clone())).collect();
    let Arrangement { spec, layout, baselines } = Arrangement::of(&readers, spec, lens)?;
    let compared = compare::compared(arms, &spec, &layout, &baselines, lens)?;
    let view = View { title, arms, layout: &layout, spec: &spec, lens, compared: &compared };
    let mut figures = curves::figures(&view);
    figures.extend(grids::figures(&view)?);
    Ok(Section {
        title: "Inside the students".to_owned(),
        tables: tables::tables(&view),
        figures,
        files: BTreeMap::from([
            ("lens.csv".to_owned(), files::layers_csv(&view).into_bytes()),
            ("lens-questions.csv".to_owned(), files::questions_csv(&view).into_bytes()),
        ]),
    })
}

/// All that the parts of the section are made of.
struct View<'a> {
    title: &'a str,
    arms: &'a [LensArm],
    layout: &'a Layout,
    spec: &'a ReportSpec,
    lens: &'a LensSpec,
    compared: &'a [Compared],
}

impl View<'_> {
    /// The axes that tell the groups apart.
    fn axes(&self) -> Vec<String> {
        self.layout.labels.clone()
    }

    /// What a group is called in a legend or above a grid.
    fn name(&self, group: usize) -> String {
        let axes: Vec<String> = self.axes().into_iter().filter(|axis| !self.spec.panels.contains(axis)).collect();
        Layout::label(&self.layout.groups[group], &axes)
    }
}
