//! The statistics of each group of replicates, and of each against its baseline.

use std::collections::{BTreeMap, BTreeSet};

use super::against::{Against, against};
use super::counterpart::{counterpart, matching};
use super::layout::{Group, Layout};
use super::{Arm, ReportError, ReportInput, Side, label};
use retort_artifact::{Outcome, Strictness};
use retort_stats::{Estimate, Interval, Response, Responses, StatsError, accuracy, holm};
use retort_text::answer::Chance;

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
    pub(super) found: Option<Against>,
    /// Its p value, corrected for the number of comparisons with a baseline; `None` as well.
    pub(super) corrected: Option<f64>,
}

impl Versus {
    /// Says on which side of its baseline the group clearly lies, at a level of significance.
    pub(super) fn side(&self, alpha: f64) -> Option<Side> {
        let (found, p) = (self.found?, self.corrected?);
        let side = if found.difference.value > 0.0 { Side::Above } else { Side::Below };
        (p <= alpha).then_some(side)
    }
}

/// One group in numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    /// The answers on the questions that every replicate has.
    pub(super) responses: Responses,
    /// The accuracy; `None` without questions, as are the following.
    pub(super) accuracy: Option<Estimate>,
    /// The accuracy of the lenient reading; `None` where some answers have none.
    pub(super) lenient: Option<Estimate>,
    /// Accuracy minus chance.
    pub(super) above_chance: Option<Estimate>,
    /// The fraction of outputs, over all replicates, that a label could be read from.
    pub(super) parsed: Option<f64>,
    /// Tokens generated for a question, on average.
    pub(super) tokens: Option<f64>,
    /// Questions that only some replicates answered, and which are left out.
    pub(super) left_out: usize,
    /// The comparison with the baseline, when one is declared and this is not it.
    pub(super) versus: Option<Versus>,
}

impl Summary {
    /// Says whether a label can be read from enough of the outputs for a verdict.
    pub(super) fn is_readable(&self, input: &ReportInput) -> bool {
        self.parsed.is_none_or(|parsed| parsed >= input.spec.readable)
    }

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
    let mut summaries = layout.groups.iter().map(|group| summary(input, group)).collect::<Result<Vec<Summary>, _>>()?;
    if let Some(selector) = &spec.baseline {
        for (index, baseline) in baselines(layout, selector)?.into_iter().enumerate() {
            let versus = baseline.map(|baseline| {
                let found = against(input, &summaries[index].responses, &summaries[baseline].responses);
                Versus { baseline, found, corrected: None }
            });
            summaries[index].versus = versus;
        }
        correct(&mut summaries);
    }
    Ok(summaries)
}

/// Moves an accuracy by what guessing gives, which is known rather than estimated.
fn above(accuracy: &Estimate, chance: f64) -> Estimate {
    let Estimate { value, interval: Interval { low, high }, method } = *accuracy;
    Estimate { value: value - chance, interval: Interval { low: low - chance, high: high - chance }, method }
}

/// Corrects the p values of all comparisons with a baseline for their number.
fn correct(summaries: &mut [Summary]) {
    let mut compared: Vec<&mut Versus> = summaries.iter_mut().filter_map(|summary| summary.versus.as_mut()).collect();
    compared.retain(|versus| versus.found.is_some());
    let p_values: Vec<f64> = compared.iter().filter_map(|versus| Some(versus.found?.p)).collect();
    let corrected = holm(&p_values).expect("tests give probabilities");
    for (versus, corrected) in compared.into_iter().zip(corrected) {
        versus.corrected = Some(corrected);
    }
}

/// Finds for each group the one that it is compared with; a baseline is compared with nothing, also where it would match
/// another one.
pub(super) fn baselines(
    layout: &Layout,
    selector: &BTreeMap<String, String>,
) -> Result<Vec<Option<usize>>, ReportError> {
    let candidates = matching(layout, selector, "baseline")?;
    let open = |axis: &str| selector.contains_key(axis);
    let of = |index: usize| {
        if candidates.contains(&index) { Ok(None) } else { counterpart(layout, index, &candidates, &open, "baseline") }
    };
    (0..layout.groups.len()).map(of).collect()
}

fn summary(input: &ReportInput, group: &Group) -> Result<Summary, ReportError> {
    let arms: Vec<&Arm> = group.arms.iter().map(|&index| &input.arms[index]).collect();
    let guessed = Chance::of(arms.iter().flat_map(|arm| &arm.outcomes.rows));
    let mut answers: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for arm in &arms {
        let mut seen = BTreeSet::new();
        for outcome in &arm.outcomes.rows {
            let question = || outcome.id.clone();
            if outcome.choices == 0 && outcome.answer.is_choice() {
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
    let samples =
        outcomes().next().and_then(|outcome| outcome.rights(Strictness::Strict)).map_or(1, |rights| rights.len());
    let of = |strictness: Strictness| -> Option<Result<Responses, StatsError>> {
        let row = |(id, outcomes): (&&str, &Vec<&Outcome>)| {
            let rights: Vec<Vec<bool>> =
                outcomes.iter().map(|outcome| outcome.rights(strictness)).collect::<Option<_>>()?;
            let chance = outcomes.iter().map(|outcome| guessed.at(outcome)).sum::<Option<f64>>();
            Some(Response {
                question: (*id).to_owned(),
                chance: chance.map(|sum| sum / outcomes.len() as f64),
                right: rights.concat(),
            })
        };
        Some(Responses::sampled(answers.iter().map(row).collect::<Option<_>>()?, samples))
    };
    let fail = |source| ReportError::Stats { arm: Layout::instance(group), source };
    let responses = of(Strictness::Strict).unwrap_or_else(|| Responses::new(Vec::new())).map_err(fail)?;
    let lenient = of(Strictness::Lenient).transpose().map_err(fail)?;
    let fraction = |part: f64| (outcomes().next().is_some()).then(|| part / outcomes().count() as f64);
    let (written, read) = outcomes().map(|outcome| outcome.read()).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    let parsed = (written > 0).then(|| read as f64 / written as f64);
    let tokens = fraction(outcomes().map(|outcome| outcome.tokens as f64).sum());
    let accuracy = accuracy(&responses, input.spec.level);
    Ok(Summary {
        accuracy,
        lenient: lenient.and_then(|lenient| retort_stats::accuracy(&lenient, input.spec.level)),
        above_chance: accuracy.zip(responses.chance()).map(|(accuracy, chance)| above(&accuracy, chance)),
        parsed,
        tokens,
        left_out: all - responses.questions(),
        versus: None,
        responses,
    })
}
