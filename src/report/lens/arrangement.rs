//! How students are laid out, which takes no more than the axis values of their readings.

use std::collections::{BTreeMap, BTreeSet};

use super::spec::LensSpec;
use crate::counterpart::{same_value, written};
use crate::foresight::unanswered;
use crate::layout::Layout;
use crate::summary::baselines;
use crate::{ARM_AXIS, ReportError, ReportInput, ReportSpec, label};

/// An instance that reads: its stage, and the axis values it was made with.
type Reader = (String, BTreeMap<String, String>);

/// Students laid out as the rest of the report, but for axes that their readings do not have.
pub(super) struct Arrangement {
    pub(super) spec: ReportSpec,
    pub(super) layout: Layout,
    /// The group that each is compared with.
    pub(super) baselines: Vec<Option<usize>>,
}

/// Finds what does not fit the readings that will come, given as (stage, coordinates).
pub fn foresee_lens(
    spec: &ReportSpec,
    lens: &LensSpec,
    arms: &[(String, BTreeMap<String, String>)],
) -> Option<ReportError> {
    Arrangement::of(arms, spec, lens).err()
}

impl Arrangement {
    pub(super) fn of(arms: &[Reader], spec: &ReportSpec, lens: &LensSpec) -> Result<Self, ReportError> {
        let known = |axis: &String| axis == ARM_AXIS || arms.iter().any(|(_, coords)| coords.contains_key(axis));
        let kept = |axes: &Vec<String>| axes.iter().filter(|axis| known(axis)).cloned().collect::<Vec<_>>();
        if let Some(axis) = lens.panels.iter().find(|axis| !known(axis)) {
            return Err(unknown_axis("lens.panels", axis, arms));
        }
        replicate(arms, &lens.replicate)?;
        let spec = ReportSpec {
            rows: kept(&spec.rows),
            columns: kept(&spec.columns),
            x: spec.x.clone().filter(|axis| known(axis)),
            lines: kept(&spec.lines),
            panels: kept(&spec.panels).into_iter().chain(lens.panels.iter().cloned()).collect(),
            average: kept(&spec.average),
            baseline: spec.baseline.clone().filter(|baseline| baseline.keys().all(known)),
            figures: Vec::new(),
            ..spec.clone()
        };
        // The arms are laid out by what tells them apart; what was answered has no part in it.
        let arms = arms.iter().map(|(stage, coords)| unanswered(stage, coords)).collect();
        let input = ReportInput { arms, spec, ..ReportInput::default() };
        let layout = Layout::of(&input)?;
        let baselines = match &input.spec.baseline {
            Some(selector) => baselines(&layout, selector)?,
            None => vec![None; layout.groups.len()],
        };
        Ok(Self { spec: input.spec, layout, baselines })
    }
}

/// Checks that some student has the replicate whose grids are to be drawn.
fn replicate(arms: &[Reader], asked: &BTreeMap<String, String>) -> Result<(), ReportError> {
    const FIELD: &str = "lens.replicate";
    for (axis, value) in asked {
        let values: BTreeSet<&String> = arms.iter().filter_map(|(_, coords)| coords.get(axis)).collect();
        if values.is_empty() {
            return Err(unknown_axis(FIELD, axis, arms));
        }
        if !values.iter().any(|known| same_value(known, value)) {
            let known = values.into_iter().cloned().collect();
            return Err(ReportError::UnknownValue {
                field: FIELD.into(),
                axis: axis.clone(),
                value: value.clone(),
                known,
            });
        }
    }
    let is_it = |(_, coords): &Reader| {
        asked.iter().all(|(axis, value)| coords.get(axis).is_some_and(|own| same_value(own, value)))
    };
    if arms.iter().any(is_it) {
        return Ok(());
    }
    let arms = arms.iter().map(|(stage, coords)| label::instance(stage, coords)).collect();
    Err(ReportError::NoArm { field: FIELD.into(), selector: written(asked), arms })
}

fn unknown_axis(field: &str, axis: &str, arms: &[Reader]) -> ReportError {
    let axes: BTreeSet<&String> = arms.iter().flat_map(|(_, coords)| coords.keys()).collect();
    ReportError::UnknownAxis {
        field: field.to_owned(),
        axis: axis.to_owned(),
        known: axes.into_iter().cloned().collect(),
    }
}
