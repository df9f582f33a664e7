//! From input to a report: the one way through the room.

use super::chart::drawings;
use super::differences::Differences;
use super::layout::Layout;
use super::summary::{Summary, Verdict, summarise};
use super::{Report, ReportError, ReportInput, Section, agreements, csv, html, label, markdown, record, tabulate};
use crate::artifact::ReportFiles;

/// Makes a report; equal input gives equal bytes.
///
/// # Errors
/// Without arms; when the specification names an axis that no arm has, or one axis twice; when the baseline matches no
/// arm or several alike; when two arms are the same, or an arm answers a question twice or one that has no choices.
pub fn report(input: &ReportInput) -> Result<Report, ReportError> {
    report_with(input, &[])
}

/// Makes a report with further sections.
///
/// # Errors
/// As [`report`].
pub fn report_with(input: &ReportInput, sections: &[Section]) -> Result<Report, ReportError> {
    let layout = Layout::of(input)?;
    let summaries = summarise(input, &layout)?;
    let mut tables = tabulate::tables(input, &layout, &summaries);
    tables.extend(agreements::table(input));
    tables.extend(sections.iter().flat_map(|section| section.tables.iter().cloned()));
    let drawings = drawings(input, &layout, &summaries);
    let lead = lead(input, &layout, &summaries);
    let named = |index: usize| format!("figure-{}.svg", index + 1);
    let mut figures: Vec<(String, String)> =
        drawings.iter().enumerate().map(|(index, drawing)| (drawing.caption.clone(), named(index))).collect();
    let of_sections = || sections.iter().flat_map(|section| &section.figures);
    figures.extend(of_sections().map(|figure| (figure.caption.clone(), figure.file.clone())));
    let differences = Differences::of(input, &layout, &summaries);

    let mut files = ReportFiles::default();
    let mut add = |name: &str, bytes: Vec<u8>| files.files.insert(name.to_owned(), bytes);
    add("report.md", markdown::markdown(input, &lead, &tables, &figures).into_bytes());
    add("report.csv", csv::summary_csv(input, &layout, &summaries).into_bytes());
    add("questions.csv", csv::questions_csv(input).into_bytes());
    add("report.html", html::page(input, &lead, &tables, &drawings, sections, differences.as_ref()).into_bytes());
    add(record::FILE, record::encode(input, &tables));
    if let Some(csv) = agreements::csv(input) {
        add("agreement.csv", csv.into_bytes());
    }
    for (index, drawing) in drawings.into_iter().enumerate() {
        add(&named(index), drawing.svg.into_bytes());
    }
    for figure in of_sections() {
        add(&figure.file, figure.svg.clone().into_bytes());
    }
    for (name, bytes) in sections.iter().flat_map(|section| &section.files) {
        add(name, bytes.clone());
    }
    Ok(Report { tables, files })
}

/// Says in a sentence or two how much was scored, and how it compares with chance.
fn lead(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> String {
    let arms = layout.groups.len();
    let counts = || summaries.iter().map(|summary| summary.responses.questions());
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let questions =
        if least == most { label::count(most) } else { format!("{} to {}", label::count(least), label::count(most)) };
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let above = summaries.iter().filter(|summary| summary.verdict().is_some_and(Verdict::is_above)).count();
    let scored = input.arms.len();
    let replicates =
        if scored > arms { format!(", averaged from {} scored runs", label::count(scored)) } else { String::new() };
    format!(
        "{} arm{} on {questions} question{}{replicates}; {} of them clearly above chance.",
        label::count(arms),
        plural(arms),
        plural(most),
        label::count(above)
    )
}
