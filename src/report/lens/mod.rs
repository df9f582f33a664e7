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
mod spec;
mod tables;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use self::arrangement::Arrangement;
pub use self::arrangement::foresee_lens;
pub use self::spec::{LensArm, LensSpec};
use self::view::View;
use super::{ReportError, ReportSpec, Section};

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
