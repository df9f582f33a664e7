//! The statistics of each group of replicates, and of each against its baseline.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{Group, Layout};
use super::{ARM_AXIS, Arm, ReportError, ReportInput, label};
use crate::artifact::Outcome;
use crate::stats::{
    Bootstrap, Comparison, Estimate, Response, Responses, StatsError, accuracy, against_chance, difference,
};

/// What the interval says about an arm and chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The whole interval lies above chance.
    Above,
    /// The interval holds chance.
    Unclear,
    /// The whole interval lies below chance.
    Below,
}

impl Verdict {
    /// Says whether the arm is clearly above chance.
    pub(super) fn is_above(self) -> bool {
        self == Self::Above
    }
}

/// A group against its baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Versus {
    /// The baseline, as an index into the summaries.
    pub(super) baseline: usize,
    /// The comparison; `None` when no question was answered by both.
    pub(super) comparison: Option<Comparison>,
}

/// One group in numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    /// The answers on the questions that every replicate has.
    pub(super) responses: Responses,
    /// The accuracy; `None` without questions, as are the following.
    pub(super) accuracy: Option<Estimate>,
    /// Accuracy minus chance.
    pub(super) above_chance: Option<Estimate>,
    /// The share of outputs, over all replicates, that a label could be read from.
    pub(super) parsed: Option<f64>,
    /// Tokens generated for a question, on average.
    pub(super) tokens: Option<f64>,
    /// Questions that only some replicates answered, and which are left out.
    pub(super) left_out: usize,
    /// The comparison with the baseline, when one is declared and this is not it.
    pub(super) versus: Option<Versus>,
}

impl Summary {
    /// Says what the interval of the difference to chance says; `None` without questions.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let interval = self.above_chance?.interval;
        Some(match (interval.low > 0.0, interval.high < 0.0) {
            (true, _) => Verdict::Above,
            (_, true) => Verdict::Below,
            _ => Verdict::Unclear,
        })
    }
}

/// Summarises every group of a layout, in their order.
pub(super) fn summarise(input: &ReportInput, layout: &Layout) -> Result<Vec<Summary>, ReportError> {
    let ReportInput { spec, .. } = input;
    let bootstrap = Bootstrap::seeded(spec.seed);
    let mut summaries =
        layout.groups.iter().map(|group| summary(input, group, bootstrap)).collect::<Result<Vec<Summary>, _>>()?;
    if let Some(selector) = &spec.baseline {
        for (index, baseline) in baselines(layout, selector)?.into_iter().enumerate() {
            let versus = baseline.filter(|&baseline| baseline != index).map(|baseline| {
                let (ours, theirs) = (&summaries[index].responses, &summaries[baseline].responses);
                Versus { baseline, comparison: difference(ours, theirs, spec.level, bootstrap) }
            });
            summaries[index].versus = versus;
        }
    }
    Ok(summaries)
}

fn summary(input: &ReportInput, group: &Group, bootstrap: Bootstrap) -> Result<Summary, ReportError> {
    let arms: Vec<&Arm> = group.arms.iter().map(|&index| &input.arms[index]).collect();
    let mut answers: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for arm in &arms {
        let mut seen = BTreeSet::new();
        for outcome in &arm.outcomes.rows {
            let question = || outcome.id.clone();
            if outcome.choices == 0 {
                return Err(ReportError::NoChoices { arm: label::arm(arm), question: question() });
            }
            if !seen.insert(outcome.id.as_str()) {
                let source = StatsError::Repeated { question: question() };
                return Err(ReportError::Stats { arm: label::arm(arm), source });
            }
            answers.entry(&outcome.id).or_default().push(outcome);
        }
    }
    let all = answers.len();
    answers.retain(|_, outcomes| outcomes.len() == arms.len());
    let outcomes = || answers.values().flatten();
    let rows = answers.iter().map(|(id, outcomes)| Response {
        question: (*id).to_owned(),
        chance: outcomes.iter().map(|outcome| 1.0 / outcome.choices as f64).sum::<f64>() / outcomes.len() as f64,
        right: outcomes.iter().map(|outcome| outcome.correct()).collect(),
    });
    let rows: Vec<Response> = rows.collect();
    let fail = |source| ReportError::Stats { arm: Layout::instance(group), source };
    let responses = Responses::new(rows).map_err(fail)?;
    let share = |part: f64| (outcomes().next().is_some()).then(|| part / outcomes().count() as f64);
    let parsed = share(outcomes().filter(|outcome| outcome.predicted.is_some()).count() as f64);
    let tokens = share(outcomes().map(|outcome| outcome.tokens as f64).sum());
    Ok(Summary {
        accuracy: accuracy(&responses, input.spec.level, bootstrap),
        above_chance: against_chance(&responses, input.spec.level, bootstrap),
        parsed,
        tokens,
        left_out: all - responses.questions(),
        versus: None,
        responses,
    })
}

/// Finds for each group the one that it is compared with: of those that match the selector and disagree on no axis
/// that both have, the one that shares most values.
pub(super) fn baselines(
    layout: &Layout,
    selector: &BTreeMap<String, String>,
) -> Result<Vec<Option<usize>>, ReportError> {
    let groups = &layout.groups;
    let matches = |group: &Group| {
        selector.iter().all(|(axis, wanted)| group.coords.get(axis).is_some_and(|found| same_value(found, wanted)))
    };
    let candidates: Vec<usize> = (0..groups.len()).filter(|&index| matches(&groups[index])).collect();
    if candidates.is_empty() {
        let selector: Vec<String> = selector.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
        let arms = groups.iter().map(Layout::instance).collect();
        return Err(ReportError::NoBaseline { selector: selector.join(","), arms });
    }
    let best = |group: &Group| {
        let open = |axis: &str| axis != ARM_AXIS && !selector.contains_key(axis);
        let agreement = |&candidate: &usize| {
            let other = &groups[candidate].coords;
            let shared = || group.coords.iter().filter_map(|(axis, value)| Some((axis, value, other.get(axis)?)));
            let differs = shared().any(|(axis, value, theirs)| open(axis) && value != theirs);
            (!differs).then(|| (candidate, shared().filter(|(_, value, theirs)| value == theirs).count()))
        };
        let compatible: Vec<(usize, usize)> = candidates.iter().filter_map(agreement).collect();
        let Some(most) = compatible.iter().map(|(_, shared)| *shared).max() else { return Ok(None) };
        let best: Vec<usize> =
            compatible.iter().filter(|(_, shared)| *shared == most).map(|(index, _)| *index).collect();
        match best[..] {
            [one] => Ok(Some(one)),
            _ => Err(ReportError::AmbiguousBaseline {
                arm: Layout::instance(group),
                candidates: best.iter().map(|&index| Layout::instance(&groups[index])).collect(),
            }),
        }
    };
    // A baseline is compared with nothing, also where it would match another one.
    (0..groups.len()).map(|index| if candidates.contains(&index) { Ok(None) } else { best(&groups[index]) }).collect()
}

fn same_value(found: &str, wanted: &str) -> bool {
    let number = label::number;
    found == wanted || number(found).zip(number(wanted)).is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
}
