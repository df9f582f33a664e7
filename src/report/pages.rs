//! From input to a report: the one way through the room.

use super::differences::Differences;
use super::layout::Layout;
use super::marks::Marks;
use super::summary::summarise;
use super::{
    Opening, Report, ReportError, ReportInput, Section, Table, agreements, beside, chart, confusion, csv, foresight,
    html, hypotheses, latex, markdown, opening, pivot, record, reliability, tabulate, targets, teachers,
};
use retort_artifact::ReportFiles;

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
    let (mut opening, mut sections, mut differences) = (None, Vec::new(), None);
    if input.arms.is_empty() {
        nothing_scored(input, further)?;
    } else {
        let layout = Layout::of(input)?;
        let summaries = summarise(input, &layout)?;
        let marks = Marks::of(input, &layout, &summaries);
        let judged = hypotheses::judge(input, &layout, &summaries)?;
        let beside = beside::table(input, &layout, &summaries)?;
        opening = Some(opening::scored(input, &layout, &summaries, &marks, &judged));
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
    let opening: Opening = opening.unwrap_or_else(|| opening::unscored(input, further));
    for section in &mut sections {
        section.tables = std::mem::take(&mut section.tables).into_iter().map(Table::without_blanks).collect();
    }
    number(&mut sections);

    add("report.md", markdown::markdown(input, &opening, &sections));
    add("report.tex", latex::latex(input, &sections));
    add("report.html", html::page(input, &opening, &sections, differences.as_ref()));
    for figure in sections.iter().flat_map(|section| &section.figures) {
        add(&figure.file, figure.svg.clone());
    }
    files.files.extend(sections.iter().flat_map(|section| section.files.clone()));
    let tables: Vec<Table> = sections.into_iter().flat_map(|section| section.tables).collect();
    files.files.insert(record::FILE.to_owned(), record::encode(input, &opening, &tables));
    Ok(Report { opening, tables, files })
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
