//! The sentences below a table: what its numbers mean, and what was left out.

use std::collections::BTreeSet;

use super::against::words;
use super::layout::{Group, Layout};
use super::marks::Marks;
use super::summary::Summary;
use super::{ReportInput, label, standing};
use retort_artifact::{Answer, Outcome, TrainingLog, Vote};
use retort_stats::{Method, Test};

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
    let mut notes = vec![
        "An output that no label can be read from counts as wrong; `parsed` is the fraction of the others.".to_owned(),
    ];
    if summaries.iter().any(|summary| summary.lenient.is_some()) {
        notes.push(
            "`accuracy` reads answers strictly, as was asked for, and all else here is of that reading; `lenient accuracy` takes \
             them from free text."
                .to_owned(),
        );
    }
    notes.push(interval(input, summaries));
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
    notes.extend(self::marks(input, layout, marks));
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
    if marks.best.len() > 1 && !rivals.is_empty() {
        let found = match marks.best.iter().filter(|best| **best).count() {
            0 => "Nothing is bold (★): no arm is".to_owned(),
            _ => "Bold (★) is an arm that is".to_owned(),
        };
        notes.push(format!(
            "{found} above each of the others that differ from it in {} alone, by the same paired test at {level}, corrected \
             after Holm for their number.",
            rivals.join(", ")
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
    let mut mixed = Vec::new();
    for group in &layout.groups {
        let found = group.arms.iter().find_map(|&index| mixture(input.arms[index].log.as_ref()?));
        mixed.extend(found.map(|what| format!("`{}`: {what}.", Layout::instance(group))));
    }
    notes.extend(shortened(mixed));
    // What is the same for several arms is said once.
    let mut without: Vec<(String, Vec<String>)> = Vec::new();
    for group in &layout.groups {
        let said: BTreeSet<String> =
            group.arms.iter().filter_map(|&index| done_without(input.arms[index].log.as_ref()?)).collect();
        for what in said {
            let name = Layout::instance(group);
            match without.iter_mut().find(|(known, _)| *known == what) {
                Some((_, names)) => names.push(name),
                None => without.push((what, vec![name])),
            }
        }
    }
    let without = without.into_iter().map(|(what, names)| format!("{}: {what}.", listed(&names)));
    notes.extend(shortened(without.collect()));
    notes
}

/// Says what a training took of each of several datasets; `None` where there is one.
fn mixture(log: &TrainingLog) -> Option<String> {
    let taken = log.datasets.iter().enumerate().map(|(index, of)| {
        let (trained, questions) = (label::count(of.trained), label::count(of.questions));
        format!("{trained} of {questions} questions of dataset {}", index + 1)
    });
    let taken: Vec<String> = taken.collect();
    (!taken.is_empty()).then(|| format!("trained on {}", taken.join(", ")))
}

/// Says what a training had to do without.
fn done_without(log: &TrainingLog) -> Option<String> {
    let TrainingLog { without_rationale, label_alone, blank, strays, unscored, evaluations, .. } = log;
    let counted = [
        (without_rationale, "questions without a rationale were left out"),
        (label_alone, "questions without a rationale were trained on their labels alone"),
        (blank, "examples with a blank rationale were trained on their labels alone"),
        (strays, "rationales belong to no question of the train split and were not read"),
        (unscored, "rationales have no score above 0, so that their tokens weigh the same"),
    ];
    let mut said: Vec<String> = counted
        .into_iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, what)| format!("{} {what}", label::count(*count)))
        .collect();
    if !evaluations.is_empty() && evaluations.iter().all(|evaluation| evaluation.accuracy <= 0.0) {
        said.push(format!(
            "no dev question was answered right at any of {} evaluations, so that the weights kept are those of the first",
            label::count(evaluations.len())
        ));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

fn chance(input: &ReportInput, summaries: &[Summary]) -> Option<String> {
    let answers = || input.arms.iter().flat_map(|arm| &arm.outcomes.rows).map(|outcome| &outcome.answer);
    let classes = answers().any(|answer| matches!(answer, Answer::Class(_)));
    let fractions: Vec<f64> = summaries.iter().filter_map(|summary| summary.responses.chance()).collect();
    if fractions.is_empty() && summaries.iter().any(|summary| summary.accuracy.is_some()) {
        return Some("Open answers cannot be guessed, so there is no chance to compare with.".to_owned());
    }
    let low = fractions.iter().copied().min_by(f64::total_cmp)?;
    let high = fractions.iter().copied().max_by(f64::total_cmp)?;
    let (low, high) = (label::percent(low), label::percent(high));
    let is = if low == high { format!("{low} %") } else { format!("between {low} % and {high} %") };
    let choices = answers().any(Answer::is_choice);
    let what = match (classes, choices) {
        (true, true) => "the fraction of the commonest class, and one in the number of choices where there are some",
        (true, false) => "the fraction of the commonest class",
        _ => "one in the number of choices",
    };
    Some(format!(
        "Chance is {what}, on average {is}; `above chance` is in percentage points, and clear when \
         its whole interval lies above zero."
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
    notes.extend(shortened(unpaired(layout, summaries)));
    notes
}

/// Says which arms were scored on other questions than their baseline.
fn unpaired(layout: &Layout, summaries: &[Summary]) -> Vec<String> {
    let mut notes = Vec::new();
    for (group, summary) in layout.groups.iter().zip(summaries) {
        let Some(versus) = summary.versus else { continue };
        let theirs = Layout::instance(&layout.groups[versus.baseline]);
        let ours = Layout::instance(group);
        match versus.found.map(|found| found.comparison) {
            Some(found) if found.unpaired > 0 => notes.push(format!(
                "`{ours}` and its baseline `{theirs}` were scored on different questions: compared on the {} they share, {} left out.",
                label::count(found.questions),
                label::count(found.unpaired)
            )),
            None if summary.responses.questions() > 0 => {
                notes.push(format!("`{ours}` and its baseline `{theirs}` share no question, so that they are not compared."));
            }
            _ => {}
        }
    }
    notes
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
        "{} {is} not assessable: a label can be read from {fraction} of {its} outputs, and a verdict needs {} % (`readable`). {carries}",
        listed(&names),
        label::percent(input.spec.readable).trim_end_matches(".0")
    ))
}

fn left_out(layout: &Layout, summaries: &[Summary]) -> Vec<String> {
    let pairs = layout.groups.iter().zip(summaries).filter(|(_, summary)| summary.left_out > 0);
    let note = |(group, summary): (_, &Summary)| {
        format!(
            "The replicates of `{}` were scored on different questions: averaged on the {} they share, {} left out.",
            Layout::instance(group),
            label::count(summary.responses.questions()),
            label::count(summary.left_out)
        )
    };
    shortened(pairs.map(note).collect())
}

/// Lists arms; the only one of a report may have no name.
fn listed(names: &[String]) -> String {
    if names == [""] { "The only arm".to_owned() } else { label::list(names) }
}

/// Keeps the first sentences of many that say the same of different arms, and says how many more there are.
pub(super) fn shortened(mut notes: Vec<String>) -> Vec<String> {
    const SHOWN: usize = 6;
    let more = notes.len().saturating_sub(SHOWN);
    notes.truncate(SHOWN);
    if more > 0 {
        notes.push(format!("The same holds for {} more.", label::count(more)));
    }
    notes
}

/// Writes the level of significance, such as `5 %`.
pub(super) fn significance(input: &ReportInput) -> String {
    let level = label::percent(1.0 - input.spec.level.fraction());
    format!("{} %", level.trim_end_matches(".0"))
}
