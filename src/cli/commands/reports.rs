//! The reports of an experiment: printed as tables, written as files. Used by `retort run` and `retort report`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::args::{Global, Progress, ReportArgs};
use super::super::exit::{Exit, Failure};
use super::super::outlet::{self, Contents};
use super::super::pictures;
use super::super::print;
use super::super::provenance;
use super::super::reporter::duration;
use super::super::session::{Devices, Session};
use crate::artifact::{ArtifactKind, ReportFiles};
use crate::fingerprint::Digest;
use crate::plan::{Found, Verdict};
use crate::report::{Align, Cell, Provenance, Report, Table};
use crate::spec::InstanceId;
use crate::store::{Store, StoreError};

/// The most bytes of a provenance that is read back.
const PROVENANCE_BYTES_MAX: u64 = 16 << 20;

/// Prints and writes the reports that the cache holds.
pub(super) fn report(global: &Global, args: &ReportArgs) -> Result<Exit, Failure> {
    let session = Session::load(global, &args.selection.pipeline)?;
    let wanted = session.wanted(&args.selection.targets)?;
    let store = session.look()?;
    let ground = session.ground(&wanted, &store, &Devices::new(&session.settings, global))?;
    let plan = session.plan(&wanted, &ground, &store)?;
    let results: Vec<Option<Arc<Found>>> = plan
        .verdicts
        .iter()
        .map(|verdict| match verdict {
            Verdict::Hit(found) | Verdict::Doubtful(found, _) => Some(Arc::clone(found)),
            _ => None,
        })
        .collect();
    let reports = reports(&session, &wanted);
    let stale: Vec<String> =
        reports.iter().filter(|id| results[id.index()].is_none()).map(|id| session.name(*id)).collect();
    if reports.is_empty() {
        return Err(Failure::invalid("the pipeline declares no report").hint("add a stage of kind `report`"));
    }
    if !stale.is_empty() {
        let message = format!("the cache has no current result for {}", stale.join(", "));
        return Err(Failure::unusable(message).hint("`retort run` makes it; `retort explain` says why it is stale"));
    }
    tell(global, &session, &wanted, &results, &store, Some(&args.out), &mut |_, _| Ok(None))?;
    Ok(Exit::Success)
}

/// How often a report is read whose files were lost since they were found.
const READS: usize = 3;

/// Makes a report again whose files were lost since it was found, and returns the results anew; `None` where nothing can be made.
pub(super) type Again<'a> = dyn FnMut(InstanceId, &StoreError) -> Result<Option<Vec<Option<Arc<Found>>>>, Failure> + 'a;

/// Reads the files of a report. Between its being found and its being read others may have collected it, or the layer that has it
/// may have failed.
fn read(
    id: InstanceId,
    results: &mut Vec<Option<Arc<Found>>>,
    store: &Store,
    again: &mut Again<'_>,
) -> Result<Option<ReportFiles>, Failure> {
    for left in (0..READS).rev() {
        let Some(found) = &results[id.index()] else { return Ok(None) };
        let part = |(name, digest): (&String, &Digest)| Ok((name.clone(), store.read(digest)?));
        match found.parts.iter().map(part).collect::<Result<_, StoreError>>() {
            Ok(files) => return Ok(Some(ReportFiles { files })),
            Err(error) if error.is_lost_blob() && left > 0 => match again(id, &error)? {
                Some(newer) => *results = newer,
                None => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Prints the tables of every report that has a result, and writes its files below `out/<experiment>`.
pub(super) fn tell(
    global: &Global,
    session: &Session,
    wanted: &[bool],
    results: &[Option<Arc<Found>>],
    store: &Store,
    out: Option<&Path>,
    again: &mut Again<'_>,
) -> Result<(), Failure> {
    let mut results = results.to_vec();
    let mut places = Vec::new();
    let mut answers = Vec::new();
    let mut failed = Vec::new();
    for id in reports(session, wanted) {
        let Some(files) = read(id, &mut results, store, again)? else { continue };
        let name = session.name(id);
        let tables = Report::tables_in(&files).map_err(Failure::unusable)?;
        if global.json {
            answers.push(serde_json::json!({ "report": name, "tables": tables }));
        } else if !global.quiet && !matches!(global.progress, Progress::Json) {
            print::data(&tables.iter().map(text).collect::<Vec<_>>().join("\n"));
        }
        if let Some(out) = out {
            let folder = out.join(plain(&session.experiment.name)).join(plain(&name));
            let earlier = outlet::read_plain(&folder.join(Provenance::FILE), PROVENANCE_BYTES_MAX).ok().flatten();
            let earlier = earlier.and_then(|bytes| Provenance::read(&bytes));
            // Earlier versions kept no record of what they wrote, and a record may be lost: such folders are known by the
            // provenance in them.
            let adopts = earlier.is_some() && !outlet::is_recorded(&folder);
            let provenance = provenance::gather(session, id, &results, store, earlier)?;
            let files = pictures::beside(provenance.added_to(&files, duration).files, &folder);
            let contents = Contents { kept: pictures::names(&files), adopts, ..Contents::of(&files) };
            match outlet::write(out, &folder, &contents) {
                Ok(_) => places.push(folder),
                Err(failure) => failed.push(failure),
            }
        }
    }
    if global.json && !answers.is_empty() {
        print::json(&answers);
    }
    for folder in &places {
        if !global.quiet {
            print::note(&format!("the report is in {}", page(folder).display()));
        }
    }
    // The others were written all the same.
    failed.into_iter().next().map_or(Ok(()), Err)
}

fn reports(session: &Session, wanted: &[bool]) -> Vec<InstanceId> {
    let all = (0..session.graph.len()).map(InstanceId::at);
    let is_report = |id: &InstanceId| {
        let kind = session.experiment.instances[id.index()].bound.kind();
        kind.output == ArtifactKind::Report && wanted[id.index()]
    };
    all.filter(is_report).collect()
}

fn page(folder: &Path) -> PathBuf {
    folder.join("report.html")
}

/// Makes a name fit for a folder: what is not a letter, digit, `.`, `_`, `=`, `,` or `-` becomes `_`.
pub(super) fn plain(name: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || "._=,-".contains(c);
    let plain: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if plain.trim_matches('.').is_empty() { "_".repeat(plain.len().max(1)) } else { plain }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_never_leaves_its_folder() {
        assert_eq!(plain("tuned[run=0]"), "tuned_run=0_");
        assert_eq!(plain(".."), "__");
        assert_eq!(plain("a/../b"), "a_.._b");
        assert_eq!(plain(""), "_");
    }
}
