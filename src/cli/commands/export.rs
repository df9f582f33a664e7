//! `retort export`: an instance's parts as files, under the names other tools expect; and what many instances gave, as one
//! table or as curves.

use std::path::Path;

use super::super::args::{Export, Global};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::reporter::counted;
use super::super::settings::load;
use crate::artifact::ArtifactKind;
use crate::session::{Current, Session};

/// Writes the files of one instance, or what many instances gave.
pub(super) fn export(global: &Global, args: &Export) -> Result<Exit, Failure> {
    let pipeline = load(global, &args.pipeline)?;
    if args.outcomes.is_none() && args.tensorboard.is_none() {
        let (Some(target), Some(directory)) = (&args.target, &args.directory) else {
            return Err(Failure::invalid("`retort export` needs an instance and a directory to write it to")
                .hint("or name what to write of all instances: `--outcomes FILE.csv`, `--tensorboard DIR`"));
        };
        let id = pipeline.only(target)?;
        let session = pipeline.look()?;
        let exported = session.export(id, &*session.current(id)?, args.step, directory)?;
        let (files, written) = (exported.files, exported.written);
        let files = counted(files, "file");
        print::data(&format!("{}: {files}, {written} of them new or changed\n", directory.display()));
        return Ok(Exit::Success);
    }
    let session = pipeline.look()?;
    if let Some(file) = &args.outcomes {
        write_outcomes(&session, args, file)?;
    }
    if let Some(directory) = &args.tensorboard {
        let current = current(&session, args, ArtifactKind::Checkpoint)?;
        session.write_curves(&current, directory)?;
        print::data(&format!("{}: curves of {} trainings\n", directory.display(), current.found.len()));
    }
    Ok(Exit::Success)
}

/// Finds the current results that are asked for; instances without one are named in a note.
fn current(session: &Session, args: &Export, kind: ArtifactKind) -> Result<Current, Failure> {
    let current = session.current_of(args.target.as_deref(), kind)?;
    if !current.stale.is_empty() {
        let (names, hint) = (current.stale_names(), Current::HINT);
        print::note(&format!("left out for want of a current result: {names}; {hint}"));
    }
    Ok(current)
}

/// Writes the outcome of every question of every instance as one table.
fn write_outcomes(session: &Session, args: &Export, file: &Path) -> Result<(), Failure> {
    let current = current(session, args, ArtifactKind::Scores)?;
    let outcomes = session.outcomes(&current)?;
    if file == Path::new("-") {
        print::raw(&outcomes.csv);
        return Ok(());
    }
    outcomes.write(file)?;
    let (rows, instances) = (outcomes.rows, current.found.len());
    let (rows, instances) = (counted(rows, "outcome"), counted(instances, "instance"));
    print::data(&format!("{}: {rows} of {instances}\n", file.display()));
    Ok(())
}
