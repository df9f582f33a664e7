//! `retort runs` and `retort replay`: what happened before.

use serde::Serialize;

use super::super::args::{Global, Replay};
use super::super::exit::{Exit, Failure};
use super::super::grid::Lane;
use super::super::print;
use super::super::reporter::{self, amount};
use super::super::settings::workspace;
use super::run::reporter_options;
use crate::event::{Tally, What};
use crate::session::{PastRun, duration, find_run, past_events, past_runs};

#[derive(Debug, Serialize)]
struct Line {
    run: String,
    experiment: String,
    by: String,
    started: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<What>,
}

/// Lists the runs in the cache, the latest last.
pub(super) fn list(global: &Global) -> Result<Exit, Failure> {
    let store = workspace(global)?.look()?;
    let line = |run: PastRun| {
        let info = run.info;
        let started = i64::try_from(info.started_at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        Line {
            run: run.id.to_string(),
            experiment: info.experiment,
            by: format!("{}@{}", info.user, info.host),
            started: started.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            ended: run.ended.map(|(tally, took_ms)| What::RunFinished { tally, took_ms }),
        }
    };
    let lines: Vec<Line> = past_runs(&store)?.into_iter().map(line).collect();
    if global.json {
        print::json(&lines);
    } else if lines.is_empty() {
        print::note("no run was recorded in this cache");
    } else {
        let row = |line: Line| {
            let ended = match line.ended {
                Some(What::RunFinished { tally, took_ms }) => {
                    let Tally { hits, ran, failed, stopped, skipped } = tally;
                    let counts = [
                        (hits, "cached"),
                        (ran, "ran"),
                        (failed, "failed"),
                        (stopped, "stopped"),
                        (skipped, "skipped"),
                    ];
                    let counts: Vec<String> = counts
                        .iter()
                        .filter(|(count, _)| *count > 0)
                        .map(|(count, what)| amount(*count, what))
                        .collect();
                    format!("{} in {}", counts.join(", "), duration(took_ms))
                }
                _ => "not finished".to_owned(),
            };
            vec![line.run, line.experiment, line.by, line.started, ended]
        };
        let lanes = vec![
            Lane::words("run"),
            Lane::name("experiment").spare(1),
            Lane::words("by").spare(2),
            Lane::words("started (UTC)").spare(3),
            Lane::prose("ended"),
        ];
        print::data(&print::grid(lanes, lines.into_iter().map(row).collect()));
    }
    Ok(Exit::Success)
}

/// Tells a run again through the same reporters.
pub(super) fn replay(global: &Global, args: &Replay) -> Result<Exit, Failure> {
    let store = workspace(global)?.look()?;
    let run = find_run(&store, &args.run)?;
    let mut screen = reporter::make(reporter_options(global));
    let (events, damaged) = past_events(&run)?;
    events.iter().for_each(|event| screen.report(event));
    if let Some(first) = damaged.first() {
        let lines = if damaged.len() == 1 { "1 line is".to_owned() } else { format!("{} lines are", damaged.len()) };
        print::note(&format!("the log of run `{}` is damaged: {lines} left out, the first at line {first}", run.id()));
    }
    Ok(Exit::Success)
}
