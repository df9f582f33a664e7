//! From input to a report: the one way through the room.

use std::collections::BTreeSet;

use super::differences::Differences;
use super::hypotheses::Judged;
use super::layout::Layout;
use super::marks::Marks;
use super::summary::{Summary, Verdict, summarise};
use super::{
    Report, ReportError, ReportInput, Section, Table, agreements, beside, chart, confusion, csv, foresight, html,
    hypotheses, label, latex, markdown, pivot, record, reliability, tabulate, targets, teachers,
};
use retort_artifact::{Outcome, ReportFiles};

/// Makes a report; equal input gives equal bytes.
///
/// # Errors
/// Without arms and agreements; when the specification names an axis that no arm has, or one axis twice; when the baseline
/// or a hypothesis matches no arm or several alike; when two arms are the same, or an arm answers a question twice or one that
/// has no choices; when values to stand beside cannot be used.
pub fn report(input: &ReportInput) -> Result<Report, ReportError> {
    report_with(input, &[])
}

/// Makes a report with further sections, after everything of its own.
///
/// # Errors
/// As [`report`]; without arms and agreements the further sections are enough.
pub fn report_with(input: &ReportInput, further: &[Section]) -> Result<Report, ReportError> {
    let mut files = ReportFiles::default();
    let mut add = |name: &str, text: String| {
        files.files.insert(name.to_owned(), text.into_bytes());
    };
    let (mut lead, mut sections, mut differences) = (String::new(), Vec::new(), None);
    if input.arms.is_empty() {
        nothing_scored(input, further)?;
    } else {
        let layout = Layout::of(input)?;
        let summaries = summarise(input, &layout)?;
        let marks = Marks::of(input, &layout, &summaries);
        let judged = hypotheses::judge(input, &layout, &summaries)?;
        let beside = beside::table(input, &layout, &summaries)?;
        lead = scored(input, &layout, &summaries, &judged);
        add("report.csv", csv::summary_csv(input, &layout, &summaries, &marks));
        add("questions.csv", csv::questions_csv(input));
        if let Some(csv) = hypotheses::csv(&layout, &judged) {
            add("hypotheses.csv", csv);
        }
        let beside = beside.map(|(table, csv)| {
            add("beside.csv", csv);
            table
        });

        let own = |table: Table| Section::of(table);
        sections.extend(chart::accuracies(input, &layout, &summaries).map(|figure| Section::drawn(vec![figure])));
        sections.extend(pivot::tables(input, &layout, &summaries, &marks).into_iter().map(own));
        sections.push(own(tabulate::by_arm(input, &layout, &summaries, &marks)));
        sections.extend(hypotheses::tables(input, &judged).into_iter().map(own));
        sections.extend(confusion::table(input, &layout).map(own));
        sections.extend(beside.map(own));
        if let Some((section, csv)) = reliability::section(input, &layout)? {
            add("calibration.csv", csv);
            sections.push(section);
        }
        let trainings = tabulate::trainings(input, &layout);
        let curves = chart::trainings(input, &layout);
        sections.extend(trainings.map(own));
        sections.extend(targets::table(input, &layout).map(own));
        sections.extend((!curves.is_empty()).then(|| Section::drawn(curves)));
        differences = Differences::of(input, &layout, &summaries);
    }
    sections.extend(agreements::table(input).map(Section::of));
    if let Some(csv) = agreements::csv(input) {
        add("agreement.csv", csv);
    }
    sections.extend(teachers::table(input).map(Section::of));
    sections.extend(further.iter().cloned());
    if lead.is_empty() {
        lead = unscored(input, further);
    }
    number(&mut sections);

    add("report.md", markdown::markdown(input, &lead, &sections));
    add("report.tex", latex::latex(input, &sections));
    add("report.html", html::page(input, &lead, &sections, differences.as_ref()));
    for figure in sections.iter().flat_map(|section| &section.figures) {
        add(&figure.file, figure.svg.clone());
    }
    files.files.extend(sections.iter().flat_map(|section| section.files.clone()));
    let tables: Vec<Table> = sections.into_iter().flat_map(|section| section.tables).collect();
    files.files.insert(record::FILE.to_owned(), record::encode(input, &tables));
    Ok(Report { tables, files })
}

/// Names the files of figures that have no name of their own.
fn number(sections: &mut [Section]) {
    let unnamed = sections.iter_mut().flat_map(|section| &mut section.figures).filter(|figure| figure.file.is_empty());
    for (index, figure) in unnamed.enumerate() {
        figure.file = format!("figure-{}.svg", index + 1);
    }
}

/// Checks that a report without arms has something else to show, and asks for nothing about arms.
fn nothing_scored(input: &ReportInput, further: &[Section]) -> Result<(), ReportError> {
    if input.agreements.is_empty() && input.teachers.is_empty() && further.is_empty() {
        return Err(ReportError::NoArms);
    }
    foresight::nothing_scored(&input.spec).map_or(Ok(()), Err)
}

/// Says in a sentence or two how much was scored, how it compares with chance, and what became of the hypotheses.
fn scored(input: &ReportInput, layout: &Layout, summaries: &[Summary], judged: &[Judged<'_>]) -> String {
    let arms = layout.groups.len();
    let counts = || summaries.iter().map(|summary| summary.responses.questions());
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let questions =
        if least == most { label::count(most) } else { format!("{} to {}", label::count(least), label::count(most)) };
    // Arms of several datasets have other questions; what has the same identifier there has another answer.
    let different = |outcome: &Outcome| (outcome.id.clone(), outcome.answer.to_string(), outcome.choices);
    let all: BTreeSet<_> = input.arms.iter().flat_map(|arm| &arm.outcomes.rows).map(different).collect();
    let each = if all.len() > most { format!(" each, {} in all", label::count(all.len())) } else { String::new() };
    let clear = |summary: &&Summary| summary.is_readable(input) && summary.verdict().is_some_and(Verdict::is_above);
    let above = summaries.iter().filter(clear).count();
    let scored = input.arms.len();
    let replicates =
        if scored > arms { format!(", averaged from {} scored runs", label::count(scored)) } else { String::new() };
    let hypotheses = hypotheses::lead(judged).map_or_else(String::new, |hypotheses| format!(" {hypotheses}"));
    format!(
        "{} arm{} on {questions} question{}{each}{replicates}; {} of them clearly above chance.{hypotheses}",
        label::count(arms),
        plural(arms),
        plural(most),
        label::count(above)
    )
}

/// Says what a report without arms is about.
fn unscored(input: &ReportInput, further: &[Section]) -> String {
    let agreements = input.agreements.len();
    let mut parts = Vec::new();
    if agreements > 0 {
        parts.push(format!("{} agreement{} of selected words", label::count(agreements), plural(agreements)));
    }
    let asked = input.teachers.len();
    if asked > 0 {
        parts.push(format!("{} teacher{} put to the vote", label::count(asked), plural(asked)));
    }
    let figures: usize = further.iter().map(|section| section.figures.len()).sum();
    if figures > 0 {
        parts.push(format!("{} figure{}", label::count(figures), plural(figures)));
    }
    format!("{}; nothing was scored.", parts.join(", "))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
