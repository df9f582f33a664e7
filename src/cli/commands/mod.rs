//! One file per command, or per small family of commands.

mod audit;
mod cache;
mod check;
mod diff;
mod explain;
mod export;
mod graph;
mod init;
mod key;
mod languages;
mod plan;
mod reports;
mod run;
mod runs;
mod show;

use super::args::{Args, Command};
use super::exit::{Exit, Failure};

/// Runs the command that was asked for.
pub(super) fn dispatch(args: &Args) -> Result<Exit, Failure> {
    let global = &args.global;
    match &args.command {
        Command::Run(run) => run::run(global, run),
        Command::Plan(selection) => plan::plan(global, selection),
        Command::Explain(selection) => explain::explain(global, selection),
        Command::Graph(graph) => graph::graph(global, graph),
        Command::Show(show) => show::show(global, show),
        Command::Diff(diff) => diff::diff(global, diff),
        Command::Runs => runs::list(global),
        Command::Replay(replay) => runs::replay(global, replay),
        Command::Report(report) => reports::report(global, report),
        Command::Export(export) => export::export(global, export),
        Command::Check(check) => check::check(global, check),
        Command::Audit(audit) => audit::audit(global, audit),
        Command::Init { directory, data: None } => init::init(directory),
        Command::Init { directory, data: Some(file) } => init::of_table(directory, file),
        Command::Schema => Ok(languages::schema()),
        Command::Completions { shell } => Ok(languages::completions(*shell)),
        Command::Man { directory } => languages::man(directory),
        Command::Cache(cache) => cache::cache(global, cache),
    }
}
