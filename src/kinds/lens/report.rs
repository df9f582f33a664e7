//! What a report says of readings.

use crate::report::Selector;
use crate::sequence::data;
use retort_artifact::Readings;
use retort_report::{LensArm, LensSpec, ReportSpec, Section, lens_section};
use retort_stage::params::{Count, Gather, UnitReal};
use retort_stage::{Arrival, Context, StageError};

retort_stage::params! {
    /// What the layers of students know of the label: tables, curves by layer, and grids of layers and places. Students of
    /// one panel are compared, on the questions that all of them answer right.
    pub struct LensReport {
        /// The stages of kind `lens` whose instances are compared.
        pub readings: Gather<Readings>,
        /// What the probability of the label must stay above.
        pub bound: UnitReal = UnitReal::of(0.6),
        /// The fraction of questions that must be there by a layer for the layer to be named.
        #[was = "share"]
        pub fraction: UnitReal = UnitReal::of(0.8),
        /// How many questions have a grid: of those that are compared, or of all where none is.
        pub grids: u64 = 3,
        /// The questions that have a grid, by their identifiers, in place of the first ones.
        pub questions: Option<Vec<String>>,
        /// Axes of the panels, beside those of the report.
        pub panels: Vec<String> = Vec::new(),
        /// The most columns of a grid: the label's, and those before it.
        pub columns: Count = Count::of(12),
        /// Whether the difference of every two students has a row in a table of its own, beside those from the baseline.
        pub pairs: bool = false,
        /// The replicate whose grids are drawn, by axis values such as `{ run: 1 }`; the first where none is given.
        pub replicate: Option<Selector>,
    }
}

impl LensReport {
    /// Makes the section.
    pub(crate) fn section(&self, context: &Context<'_>, title: &str, spec: &ReportSpec) -> Result<Section, StageError> {
        let arm = |(arrival, readings): (&Arrival, Readings)| LensArm {
            coords: arrival.coords.clone(),
            stage: arrival.stage.clone(),
            readings,
        };
        let arms: Vec<LensArm> = context.gather(&self.readings)?.into_iter().map(arm).collect();
        lens_section(title, &arms, spec, &self.spec()).map_err(data)
    }

    /// What is said of the readings.
    pub(crate) fn spec(&self) -> LensSpec {
        let Self { readings: _, bound, fraction, grids, questions, panels, columns, pairs, replicate } = self;
        LensSpec {
            bound: bound.get(),
            fraction: fraction.get(),
            grids: usize::try_from(*grids).unwrap_or(usize::MAX),
            questions: questions.clone().unwrap_or_default(),
            panels: panels.clone(),
            columns: columns.get(),
            pairs: *pairs,
            replicate: replicate.as_ref().map(|selector| selector.0.clone()).unwrap_or_default(),
        }
    }
}
