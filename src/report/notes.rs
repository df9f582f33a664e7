//! The sentences below a table: what its numbers mean, and what was left out.

use std::collections::BTreeSet;

use super::against::words;
use super::layout::{Group, Layout};
use super::marks::Marks;
use super::said::{Counted, Said};
use super::summary::Summary;
use super::{ReportInput, label, standing};
use retort_artifact::{Outcome, TrainingLog, Vote};
use retort_stats::{Method, Test};
use retort_text::answer::Chance;

/// Says what the brackets are.
pub(super) fn interval(input: &ReportInput, summaries: &[Summary]) -> String {
    let level = label::level(input.spec.level);
    let uses = |method| summaries.iter().any(|summary| summary.accuracy.is_some_and(|found| found.method == method));
    let crossed = "Wilson's with the error over questions and trainings, by Student's t";
    match (uses(Method::Wilson), uses(Method::CrossedWilson)) {
        (true, true) => format!(
            "Brackets hold {level} intervals: Wilson's for one training, or where trainings never differ; else {crossed}."
        ),
        (_, true) => format!("Brackets hold {level} intervals: {crossed}."),
        _ => format!("Brackets hold {level} intervals (Wilson)."),
    }
}

/// Says everything that a reader of the table of arms needs to know.
pub(super) fn of_arms(input: &ReportInput, layout: &Layout, summaries: &[Summary], marks: &Marks) -> Vec<String> {
    let mut notes =
        vec!["An output without a readable answer counts as wrong; `parsed` is the fraction of the others.".to_owned()];
    let partly = summaries.iter().any(|summary| !summary.may_be_marked(input));
    if partly && summaries.iter().any(|summary| summary.of_readable.is_some()) {
        notes.push("`of readable` is the accuracy among outputs with a readable answer.".to_owned());
    }
    if summaries.iter().any(|summary| summary.lenient.is_some()) {
        notes.push(
            "`accuracy` reads answers strictly, as was asked for, and all else here is of that reading; `lenient accuracy` takes \
             them from free text."
                .to_owned(),
        );
    }
    // A table with columns stands above, and has said this.
    if input.spec.columns.is_empty() {
        notes.push(interval(input, summaries));
    }
    notes.extend(samples(input));
    notes.extend(chance(input, summaries));
    if !layout.fixed.is_empty() {
        let fixed: Vec<String> = layout.fixed.iter().map(|(axis, value)| format!("{axis} = {value}")).collect();
        notes.push(format!("The same for all arms: {}.", fixed.join(", ")));
    }
    if !input.spec.average.is_empty() {
        let mut sizes: Vec<usize> = layout.groups.iter().map(|group| group.arms.len()).collect();
        sizes.sort_unstable();
        let sizes = match (sizes[0], sizes[sizes.len() - 1]) {
            (least, most) if least == most => label::count(most),
            (least, most) => format!("{} to {}", label::count(least), label::count(most)),
        };
        let axes = input.spec.average.join(", ");
        notes.push(format!("Averaged over {axes}, replicates: {sizes}; n counts questions, not answers."));
    }
    if summaries.iter().all(|summary| summary.responses.replicates() == 1) {
        notes.push("Each arm was trained once: the intervals do not include variation between seeds.".to_owned());
    }
    notes.extend(baseline(input, layout, summaries));
    if input.spec.columns.is_empty() {
        notes.extend(self::marks(input, layout, marks));
    }
    notes.extend(unreadable(input, layout, summaries));
    notes.extend(left_out(layout, summaries));
    notes
}

/// Says what several samples of a question come to.
fn samples(input: &ReportInput) -> Vec<String> {
    let voted = |outcome: &Outcome| Some((outcome.vote?, outcome.samples.len()));
    let all: BTreeSet<(Vote, usize)> = input.arms.iter().flat_map(|arm| &arm.outcomes.rows).filter_map(voted).collect();
    let says = |(vote, samples): (Vote, usize)| match vote {
        Vote::Majority => format!("An answer is the one that most of {samples} samples give (self-consistency)."),
        Vote::Any => format!("A question counts as right where any of {samples} samples is (pass@{samples})."),
        Vote::Mean => format!("A question counts by the fraction of its {samples} samples that are right."),
    };
    all.into_iter().map(says).collect()
}

/// Says what arrows and bold letters mean, and by which rule they stand there.
pub(super) fn marks(input: &ReportInput, layout: &Layout, marks: &Marks) -> Vec<String> {
    let mut notes = Vec::new();
    let level = significance(input);
    if marks.compared {
        notes.push(format!(
            "↑ and ↓ mark what lies above or below its baseline at {level} after Holm's correction for all comparisons \
             with a baseline in this report."
        ));
    }
    let rivals = standing::rivals(&input.spec, layout);
    let asked = !input.spec.best.is_empty();
    let found = marks.best.contains(&true);
    if marks.best.len() > 1 && (asked || found) {
        let bold = if found { "Bold (★) is an arm that is" } else { "Nothing is bold (★): no arm is" };
        let others = match (asked, &input.spec.columns[..]) {
            (true, _) => format!("each of the others that differ from it in {} alone", rivals.join(", ")),
            (false, columns) => format!("each other arm of its column ({})", columns.join(", ")),
        };
        notes.push(format!(
            "{bold} above chance and above {others}, by a paired test at {level}, corrected after Holm for their number."
        ));
    }
    notes
}

/// Says what the table of trainings counts, and which of them had to do without something.
pub(super) fn of_trainings(input: &ReportInput, layout: &Layout) -> Vec<String> {
    let mut notes = vec![
        "Losses are means over the target tokens of one step, each by its weight, in nats. `cut` counts examples cut to the \
         maximum length; dev accuracy is that of the weights that were kept."
            .to_owned(),
    ];
    let logs = || {
        let of = |group: &Group| Layout::instance(group);
        let logged = move |group| group_logs(input, group).map(move |log| (of(group), log));
        layout.groups.iter().flat_map(logged)
    };
    let mut mixed = Said::default();
    logs().for_each(|(name, log)| {
        if let Some(what) = mixture(log) {
            mixed.add(what, name);
        }
    });
    notes.extend(mixed.notes());
    let trained = logs().map(|(name, _)| name).collect::<BTreeSet<_>>().len();
    for (of, what) in DONE_WITHOUT {
        let mut counted = Counted::default();
        logs().for_each(|(name, log)| counted.add(of(log), name));
        notes.extend(counted.note(what, trained));
    }
    let mut never = Counted::default();
    logs().for_each(|(name, log)| never.add(evaluated_in_vain(log), name));
    notes.extend(never.note(
        "No dev question was answered right at any evaluation, so that the weights of the first are kept; evaluations",
        trained,
    ));
    notes
}

/// The logs of a group's trainings.
fn group_logs<'a>(input: &'a ReportInput, group: &'a Group) -> impl Iterator<Item = &'a TrainingLog> {
    group.arms.iter().filter_map(|&index| input.arms[index].log.as_ref())
}

/// Says what a training took of each of several datasets; `None` where there is one.
fn mixture(log: &TrainingLog) -> Option<String> {
    let taken = log.datasets.iter().enumerate().map(|(index, of)| {
        let (trained, questions) = (label::count(of.trained), label::count(of.questions));
        format!("{trained} of {questions} questions of dataset {}", index + 1)
    });
    let taken: Vec<String> = taken.collect();
    (!taken.is_empty()).then(|| format!("Trained on {}", taken.join(", ")))
}

/// A count of a training's log.
type Count = fn(&TrainingLog) -> usize;

/// What a training had to do without.
const DONE_WITHOUT: [(Count, &str); 5] = [
    (|log| log.without_rationale, "Questions without a rationale, left out"),
    (|log| log.label_alone, "Questions without a rationale, trained on their labels alone"),
    (|log| log.blank, "Examples with a blank rationale, trained on their labels alone"),
    (|log| log.strays, "Rationales that belong to no question of the train split, not read"),
    (|log| log.unscored, "Rationales without a score above 0, whose tokens weigh the same"),
];

/// Returns how many evaluations there were, where none of them found a right answer.
fn evaluated_in_vain(log: &TrainingLog) -> usize {
    let vain = log.evaluations.iter().all(|evaluation| evaluation.accuracy <= 0.0);
    if vain { log.evaluations.len() } else { 0 }
}

fn chance(input: &ReportInput, summaries: &[Summary]) -> Option<String> {
    let (mut choices, mut classes) = (Vec::new(), Vec::new());
    for arm in &input.arms {
        let guessed = Chance::of(&arm.outcomes.rows);
        for outcome in &arm.outcomes.rows {
            let kind = if outcome.answer.is_choice() { &mut choices } else { &mut classes };
            kind.extend(guessed.at(outcome));
        }
    }
    if choices.is_empty() && classes.is_empty() {
        let scored = summaries.iter().any(|summary| summary.accuracy.is_some());
        return scored.then(|| "Open answers cannot be guessed, so there is no chance to compare with.".to_owned());
    }
    let range = |chances: &[f64]| {
        let least = label::percent(chances.iter().copied().fold(f64::INFINITY, f64::min));
        let most = label::percent(chances.iter().copied().fold(0.0, f64::max));
        if least == most { format!("{most} %") } else { format!("{least} to {most} %") }
    };
    let told = [("one in the number of choices", &choices), ("the fraction of the commonest class", &classes)];
    let told = told.into_iter().filter(|(_, chances)| !chances.is_empty());
    let told: Vec<String> = told.map(|(what, chances)| format!("{what} ({})", range(chances))).collect();
    Some(format!(
        "Chance is {}; `above chance` is in percentage points, and clear when its whole interval lies above zero.",
        told.join(", or ")
    ))
}

fn baseline(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Vec<String> {
    let Some(selector) = &input.spec.baseline else { return Vec::new() };
    let compared: Vec<_> = summaries.iter().filter_map(|summary| summary.versus?.found).collect();
    let selector: Vec<String> = selector.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
    let tests: BTreeSet<Test> = compared.iter().map(|found| found.test).collect();
    let tests: Vec<&str> = tests.into_iter().map(words).collect();
    let mut notes = vec![format!(
        "`vs baseline` is the difference in percentage points to the baseline `{}`, paired by question, with its interval{}.",
        selector.join(","),
        if tests.is_empty() { String::new() } else { format!("; p is from {}", tests.join(" or ")) },
    )];
    if compared.len() > 1 {
        notes.push(format!("`p, Holm` is corrected for the {} comparisons.", compared.len()));
    }
    notes.extend(unpaired(layout, summaries));
    notes
}

/// Says which arms were scored on other questions than their baseline.
fn unpaired(layout: &Layout, summaries: &[Summary]) -> Vec<String> {
    let mut said = Said::default();
    for (group, summary) in layout.groups.iter().zip(summaries) {
        let Some(versus) = summary.versus else { continue };
        let theirs = Layout::instance(&layout.groups[versus.baseline]);
        let what = match versus.found.map(|found| found.comparison) {
            Some(found) if found.unpaired > 0 => format!(
                "Scored on other questions than the baseline `{theirs}`, and compared on the {} that both have, {} left out",
                label::count(found.questions),
                label::count(found.unpaired)
            ),
            None if summary.responses.questions() > 0 => {
                format!("Without a question that the baseline `{theirs}` has, and not compared")
            }
            _ => continue,
        };
        said.add(what, Layout::instance(group));
    }
    said.notes()
}

/// Says which arms nothing is marked about, since hardly a label can be read from what they wrote.
fn unreadable(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Option<String> {
    let silent: Vec<(&Group, f64)> = layout
        .groups
        .iter()
        .zip(summaries)
        .filter(|(_, summary)| !summary.is_readable(input))
        .map(|(group, summary)| (group, summary.parsed.unwrap_or(0.0)))
        .collect();
    let fractions = || silent.iter().map(|(_, parsed)| *parsed);
    let (Some(least), Some(most)) = (fractions().min_by(f64::total_cmp), fractions().max_by(f64::total_cmp)) else {
        return None;
    };
    let (least, most) = (label::percent(least), label::percent(most));
    let fraction = if least == most { format!("{most} %") } else { format!("{least} to {most} %") };
    let (is, its, carries) = if silent.len() == 1 {
        ("is", "its", "It carries no mark, and nothing is marked for being better than it.")
    } else {
        ("are", "their", "They carry no mark, and nothing is marked for being better than they are.")
    };
    let names: Vec<String> = silent.iter().map(|(group, _)| Layout::instance(group)).collect();
    Some(format!(
        "{} {is} not assessable: an answer can be read from {fraction} of {its} outputs, and a verdict needs {} % (`readable`). {carries}",
        listed(&names),
        label::percent(input.spec.readable).trim_end_matches(".0")
    ))
}

fn left_out(layout: &Layout, summaries: &[Summary]) -> Vec<String> {
    let mut said = Said::default();
    for (group, summary) in layout.groups.iter().zip(summaries).filter(|(_, summary)| summary.left_out > 0) {
        let what = format!(
            "Replicates scored on different questions, averaged on the {} that all have, {} left out",
            label::count(summary.responses.questions()),
            label::count(summary.left_out)
        );
        said.add(what, Layout::instance(group));
    }
    said.notes()
}

/// Lists arms; the only one of a report may have no name.
fn listed(names: &[String]) -> String {
    if names == [""] { "The only arm".to_owned() } else { label::list(names) }
}

/// Writes the level of significance, such as `5 %`.
pub(super) fn significance(input: &ReportInput) -> String {
    let level = label::percent(1.0 - input.spec.level.fraction());
    format!("{} %", level.trim_end_matches(".0"))
}
