//! What is wrong with a specification, told before anything runs: of arms only the stage and the coordinates are known.

use std::collections::BTreeMap;

use super::layout::Layout;
use super::summary::baselines;
use super::{Arm, ReportError, ReportInput, ReportSpec};
use retort_artifact::Scores;

/// Lists what does not fit the arms, given as (stage, coordinates); each error names the field that it is about.
pub fn foresee(spec: &ReportSpec, arms: &[(String, BTreeMap<String, String>)]) -> Vec<ReportError> {
    if arms.is_empty() {
        return nothing_scored(spec).into_iter().collect();
    }
    let arms = arms.iter().map(|(stage, coords)| unanswered(stage, coords)).collect();
    let input = ReportInput { arms, spec: spec.clone(), ..ReportInput::default() };
    let layout = match Layout::of(&input) {
        Ok(layout) => layout,
        Err(error) => return vec![error],
    };
    let mut errors: Vec<ReportError> = Vec::new();
    errors.extend(spec.baseline.as_ref().and_then(|selector| baselines(&layout, selector).err()));
    errors.extend(
        spec.hypotheses.iter().enumerate().filter_map(|(index, hypothesis)| hypothesis.cases(index, &layout).err()),
    );
    errors
}

/// An arm of which only the stage and the coordinates are known.
pub(super) fn unanswered(stage: &str, coords: &BTreeMap<String, String>) -> Arm {
    Arm { coords: coords.clone(), stage: stage.to_owned(), outcomes: Scores::default(), log: None, questions: None }
}

/// Finds a field that is about arms where there are none.
pub(super) fn nothing_scored(spec: &ReportSpec) -> Option<ReportError> {
    let ReportSpec { rows, columns, x, lines, panels, baseline, best, hypotheses, .. } = spec;
    let given = [
        ("rows", !rows.is_empty()),
        ("columns", !columns.is_empty()),
        ("x", x.is_some()),
        ("lines", !lines.is_empty()),
        ("panels", !panels.is_empty()),
        ("baseline", baseline.is_some()),
        ("best", !best.is_empty()),
        ("hypotheses", !hypotheses.is_empty()),
    ];
    let found = given.into_iter().find(|(_, given)| *given);
    found.map(|(field, _)| ReportError::NothingScored { field: field.to_owned() })
}
