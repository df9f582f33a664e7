//! The reports of an experiment: printed as tables, written as files. Used by `retort run` and `retort report`.

use std::path::Path;

use super::super::args::{Global, Progress, ReportArgs};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::settings::load;
use super::super::tables;
use crate::artifact::ReportFiles;
use crate::session::{Demand, MadeReport, Results, Session};

/// Prints and writes the reports that the cache holds.
pub(super) fn report(global: &Global, args: &ReportArgs) -> Result<Exit, Failure> {
    let pipeline = load(global, &args.selection.pipeline)?;
    let selection = pipeline.select(&args.selection.targets)?.unnamed();
    let session = pipeline.look()?;
    let planned = session.plan(selection.clone(), Demand::All)?;
    let (reports, results) = (session.report_ids(&selection), planned.results());
    let stale: Vec<String> =
        reports.iter().filter(|id| results.get(**id).is_none()).map(|id| session.name(*id)).collect();
    if reports.is_empty() {
        return Err(Failure::invalid("the pipeline declares no report").hint("add a stage of kind `report`"));
    }
    if !stale.is_empty() {
        let message = format!("the cache has no current result for {}", stale.join(", "));
        return Err(Failure::unusable(message).hint("`retort run` makes it; `retort explain` says why it is stale"));
    }
    let made = reports.iter().filter_map(|id| session.report(*id, &results).transpose());
    tell(global, &session, &made.collect::<Result<Vec<_>, _>>()?, &results, &args.out)?;
    Ok(Exit::Success)
}

/// Prints the tables of reports, and writes their files below `out/<experiment>`.
pub(super) fn tell(
    global: &Global,
    session: &Session,
    reports: &[MadeReport],
    results: &Results,
    out: &Path,
) -> Result<(), Failure> {
    let mut places = Vec::new();
    let mut answers = Vec::new();
    let mut failed = Vec::new();
    for report in reports {
        if global.json {
            answers
                .push(serde_json::json!({ "report": report.name, "opening": report.opening, "tables": report.tables }));
        } else if !global.quiet && !matches!(global.progress, Progress::Json) {
            print::data(&page(report, print::columns()));
        }
        match session.write_report(report, results, out) {
            Ok(folder) => places.push(folder),
            Err(error) => failed.push(error),
        }
    }
    if global.json && !answers.is_empty() {
        print::json(&answers);
    }
    for folder in &places {
        if !global.quiet {
            print::note(&format!("the report is in {}", folder.join(ReportFiles::PAGE).display()));
        }
    }
    // The others were written all the same.
    failed.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
}

/// Writes a report for a terminal of so many columns, or of any width.
pub(super) fn page(report: &MadeReport, columns: Option<usize>) -> String {
    let opening = std::iter::once(tables::opening(&report.opening, columns));
    let tables = report.tables.iter().map(|table| tables::table(table, columns));
    opening.chain(tables).collect::<Vec<_>>().join("\n")
}
