//! What a report says before its tables: how much was scored, what came of it, and what to beware of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::hypotheses::{self, Judged};
use super::layout::{Group, Layout};
use super::marks::Marks;
use super::summary::{Summary, Verdict};
use super::{Arm, ReportInput, Section, Side, label, notes};

/// How many findings are told; the tables have all.
const FINDINGS: usize = 12;

/// What stands before the tables of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The heading.
    pub title: String,
    /// How much was scored, in a sentence or two.
    pub lead: String,
    /// What came of it, a sentence each: the verdict of each hypothesis, or what differs from its baseline.
    pub findings: Vec<String>,
    /// What a reader should beware of.
    pub warnings: Vec<String>,
}

/// Opens a report on arms.
pub(super) fn scored(
    input: &ReportInput,
    layout: &Layout,
    summaries: &[Summary],
    marks: &Marks,
    judged: &[Judged<'_>],
) -> Opening {
    Opening {
        title: input.title.clone(),
        lead: lead(input, layout, summaries, judged),
        findings: findings(input, layout, summaries, marks, judged),
        warnings: unread(input, layout, summaries).into_iter().collect(),
    }
}

/// Says how much was scored, how it compares with chance, and what became of the hypotheses.
fn lead(input: &ReportInput, layout: &Layout, summaries: &[Summary], judged: &[Judged<'_>]) -> String {
    let arms = layout.groups.len();
    let counts = || summaries.iter().map(|summary| summary.responses.questions());
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let questions =
        if least == most { label::count(most) } else { format!("{} to {}", label::count(least), label::count(most)) };
    let all = distinct(&input.arms);
    let each = if all > most { format!(" each, {} in all", label::count(all)) } else { String::new() };
    let clear = |summary: &&Summary| summary.is_readable(input) && summary.verdict().is_some_and(Verdict::is_above);
    let above = summaries.iter().filter(clear).count();
    let scored = input.arms.len();
    let replicates =
        if scored > arms { format!(", averaged from {} scored runs", label::count(scored)) } else { String::new() };
    let hypotheses = hypotheses::lead(judged).map_or_else(String::new, |hypotheses| format!(" {hypotheses}"));
    let guessed = summaries.iter().any(|summary| summary.above_chance.is_some());
    let above = match (guessed, arms) {
        (false, _) => String::new(),
        (true, 1) => format!("; {} clearly above chance", if above == 1 { "it is" } else { "it is not" }),
        (true, _) => format!("; {} of them clearly above chance", label::count(above)),
    };
    format!(
        "{} arm{} on {questions} question{}{each}{replicates}{above}.{hypotheses}",
        label::count(arms),
        plural(arms),
        plural(most)
    )
}

/// Counts the questions that were asked. Arms of different datasets may use the same identifiers: where two arms have different
/// answers to a question of one identifier, all their questions are different ones.
fn distinct(arms: &[Arm]) -> usize {
    type Known<'a> = BTreeMap<&'a str, (String, usize)>;
    let mut sets: Vec<(Option<usize>, Known<'_>)> = Vec::new();
    for arm in arms {
        let rows = || arm.outcomes.rows.iter().map(|row| (row.id.as_str(), (row.answer.to_string(), row.choices)));
        let fits = |(asked, known): &(Option<usize>, Known<'_>)| {
            let same = asked.is_none() || arm.questions.is_none() || *asked == arm.questions;
            same && rows().all(|(id, answer)| known.get(id).is_none_or(|found| *found == answer))
        };
        match sets.iter().position(fits) {
            Some(at) => {
                sets[at].0 = sets[at].0.or(arm.questions);
                sets[at].1.extend(rows());
            }
            None => sets.push((arm.questions, rows().collect())),
        }
    }
    sets.iter().map(|(_, known)| known.len()).sum()
}

/// Tells the verdicts of hypotheses, or else which arms differ clearly from their baseline.
fn findings(
    input: &ReportInput,
    layout: &Layout,
    summaries: &[Summary],
    marks: &Marks,
    judged: &[Judged<'_>],
) -> Vec<String> {
    if !judged.is_empty() {
        return cut(hypotheses::findings(judged));
    }
    if !marks.compared {
        return Vec::new();
    }
    let name = |group: &Group| Layout::label(group, &layout.labels);
    let finding = |(index, summary): (usize, &Summary)| {
        let (side, versus) = (marks.side[index]?, summary.versus?);
        let found = versus.found?;
        let by = label::percent(found.difference.value.abs());
        let where_ = match side {
            Side::Above => "above",
            Side::Below => "below",
        };
        let (low, high) = (found.difference.interval.low, found.difference.interval.high);
        Some(format!(
            "`{}` is {by} points {where_} its baseline `{}`: difference [{}, {}], p {} after Holm's correction.",
            name(&layout.groups[index]),
            name(&layout.groups[versus.baseline]),
            label::points(low),
            label::points(high),
            label::p_is(versus.corrected.unwrap_or(found.p)),
        ))
    };
    let found: Vec<String> = summaries.iter().enumerate().filter_map(finding).collect();
    if !found.is_empty() {
        return cut(found);
    }
    let told = |summary: &&Summary| {
        let versus = summary.versus.filter(|versus| versus.found.is_some());
        versus.is_some_and(|versus| summary.may_be_marked(input) && summaries[versus.baseline].may_be_marked(input))
    };
    let compared =
        summaries.iter().filter(|summary| summary.versus.is_some_and(|versus| versus.found.is_some())).count();
    vec![match (summaries.iter().filter(told).count(), notes::significance(input)) {
        (0, _) => "No arm can be compared with its baseline: too few outputs have a readable answer.".to_owned(),
        (all, level) if all == compared => {
            format!("No arm differs clearly from its baseline, at {level} after Holm's correction.")
        }
        (some, level) => format!(
            "No arm differs clearly from its baseline, at {level} after Holm's correction; {} of {} were compared, the others \
             have too few readable answers.",
            label::count(some),
            label::count(compared)
        ),
    }]
}

fn cut(mut findings: Vec<String>) -> Vec<String> {
    let more = findings.len().saturating_sub(FINDINGS);
    findings.truncate(FINDINGS);
    if more > 0 {
        findings.push(format!("{} more are in the tables.", label::count(more)));
    }
    findings
}

/// Warns of arms of whose outputs so many have no readable answer that their accuracies may tell of that alone.
fn unread(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Option<String> {
    let silent = layout.groups.iter().zip(summaries).filter(|(_, summary)| !summary.may_be_marked(input));
    let told = silent.map(|(group, summary)| {
        let without = label::percent(1.0 - summary.parsed.unwrap_or(0.0));
        let name = Layout::label(group, &layout.labels);
        if name.is_empty() { format!("{without} %") } else { format!("`{name}` ({without} %)") }
    });
    let mut told: Vec<String> = told.collect();
    if told.len() == summaries.len() && told.len() > 1 {
        let fractions = || summaries.iter().map(|summary| 1.0 - summary.parsed.unwrap_or(0.0));
        let least = label::percent(fractions().fold(1.0, f64::min));
        let most = label::percent(fractions().fold(0.0, f64::max));
        let range = if least == most { most } else { format!("{least} to {most}") };
        told = vec![format!("those of all {} arms ({range} %)", label::count(summaries.len()))];
    }
    let more = told.len().saturating_sub(FINDINGS);
    let shown = told.iter().take(FINDINGS).cloned().collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {} more", label::count(more)) } else { String::new() };
    (!told.is_empty()).then(|| {
        let some = summaries.iter().any(|summary| summary.of_readable.is_some());
        let beside = if some { " The column `of readable %` has the accuracy among the other outputs." } else { "" };
        format!(
            "Outputs without a readable answer, which count as wrong: {shown}{more}. Differences to these arms may come from that \
             alone and are not marked. Outputs that end before the answer are the usual cause: raise `max_new`, or train \
             longer.{beside}"
        )
    })
}

/// Opens a report without arms.
pub(super) fn unscored(input: &ReportInput, further: &[Section]) -> Opening {
    let agreements = input.agreements.len();
    let mut parts = Vec::new();
    if agreements > 0 {
        parts.push(format!("{} agreement{} of selected words", label::count(agreements), plural(agreements)));
    }
    let asked = input.teachers.len();
    if asked > 0 {
        let votes =
            if asked == 1 { "teacher, by the votes of its answers" } else { "teachers, by the votes of their answers" };
        parts.push(format!("{} {votes}", label::count(asked)));
    }
    let figures: usize = further.iter().map(|section| section.figures.len()).sum();
    if figures > 0 {
        parts.push(format!("{} figure{}", label::count(figures), plural(figures)));
    }
    let lead = format!("{}; nothing was scored.", parts.join(", "));
    Opening { title: input.title.clone(), lead, ..Opening::default() }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
