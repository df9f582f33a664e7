//! The reports of an experiment: printed as tables, written as files. Used by `retort run` and `retort report`.

use std::path::Path;

use super::super::args::{Global, Progress, ReportArgs};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::settings::load;
use crate::artifact::ReportFiles;
use crate::report::{Align, Cell, Table};
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
            answers.push(serde_json::json!({ "report": report.name, "tables": report.tables }));
        } else if !global.quiet && !matches!(global.progress, Progress::Json) {
            print::data(&report.tables.iter().map(text).collect::<Vec<_>>().join("\n"));
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

/// Writes a table for a terminal.
fn text(table: &Table) -> String {
    let mut shown = comfy_table::Table::new();
    shown.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    shown.set_header(table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>());
    for row in &table.rows {
        shown.add_row(row.iter().map(written).collect::<Vec<_>>());
    }
    for (index, column) in table.columns.iter().enumerate() {
        if let Some(shown) = shown.column_mut(index).filter(|_| column.align == Align::Right) {
            shown.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    let notes: String = table.notes.iter().map(|note| format!("{note}\n")).collect();
    format!("{}\n{shown}\n{notes}", table.title)
}

/// Writes a cell for a terminal: what stands below in smaller letters is a line of its own.
fn written(cell: &Cell) -> String {
    let plain = Cell { small: String::new(), ..cell.clone() }.plain();
    if cell.small.is_empty() { plain } else { format!("{plain}\n{}", cell.small) }
}
