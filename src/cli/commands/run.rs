//! `retort run`: what is stale, run; then the reports, printed.

use super::super::args::{Global, Progress, Run};
use super::super::colour::colour;
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::reporter::{self, Format, ReporterOptions};
use super::super::settings::load;
use super::super::signals::stop_on_signals;
use super::reports;
use crate::session::RunOptions;

/// Runs what is stale.
pub(super) fn run(global: &Global, args: &Run) -> Result<Exit, Failure> {
    let pipeline = load(global, &args.selection.pipeline)?;
    let selection = pipeline.select(&args.selection.targets)?;
    let session = pipeline.open()?;
    let mut screen = reporter::make(reporter_options(global));
    let prepared = session.prepare(selection, args.offline, &mut *screen)?;
    let stop = stop_on_signals()?;
    let options = RunOptions { jobs: args.jobs, offline: args.offline, stop: Some(stop) };
    let run = session.run_prepared(prepared, &options, &mut *screen)?;
    reports::tell(global, &session, &run.reports, &run.results, &args.out)?;
    Ok(match run.tally {
        tally if tally.failed > 0 => Exit::StageFailed,
        _ if run.stopped => Exit::Interrupted,
        _ => Exit::Success,
    })
}

/// Says how a run is told, from the flags and the terminal.
pub(super) fn reporter_options(global: &Global) -> ReporterOptions {
    let format = match global.progress {
        Progress::Auto => Format::Auto,
        Progress::Bars => Format::Terminal,
        Progress::Plain => Format::Plain,
        Progress::Json => Format::Json,
    };
    ReporterOptions {
        format,
        quiet: global.quiet,
        terminal: print::talks_to_terminal(),
        colour: colour(),
        verbose: global.verbose,
    }
}
