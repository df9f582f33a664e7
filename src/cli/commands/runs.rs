//! `retort runs` and `retort replay`: what happened before.

use serde::Serialize;

use super::super::args::{Global, Replay};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::reporter::{self, duration};
use super::super::session::look;
use super::super::settings::Settings;
use super::run::reporter_options;
use crate::event::{What, read_log};
use crate::store::{RunDir, RunId, Store};

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
    let store = look(&Settings::global(global)?)?;
    let mut lines = Vec::new();
    for id in store.runs()? {
        let Ok(run) = store.open_run(&id) else { continue };
        let info = run.info();
        let started = i64::try_from(info.started_at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        // What was told after the end, such as a layer that took nothing, is no part of it.
        let is_end = |what: &What| matches!(what, What::RunFinished { .. });
        let ended = run.events().map(|lines| read_log((lines.join("\n") + "\n").as_bytes()).0).unwrap_or_default();
        let ended = ended.into_iter().map(|event| event.what).rfind(is_end);
        lines.push(Line {
            run: id.to_string(),
            experiment: info.experiment.clone(),
            by: format!("{}@{}", info.user, info.host),
            started: started.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            ended,
        });
    }
    if global.json {
        print::json(&lines);
    } else if lines.is_empty() {
        print::note("no run was recorded in this cache");
    } else {
        let row = |line: Line| {
            let ended = match line.ended {
                Some(What::RunFinished { tally, took_ms }) => format!(
                    "{} cached, {} ran, {} failed, {} stopped, {} skipped in {}",
                    tally.hits,
                    tally.ran,
                    tally.failed,
                    tally.stopped,
                    tally.skipped,
                    duration(took_ms)
                ),
                _ => "not ended, or killed".to_owned(),
            };
            vec![line.run, line.experiment, line.by, line.started, ended]
        };
        print::data(&print::table(
            &["run", "experiment", "by", "started (UTC)", "ended"],
            lines.into_iter().map(row).collect(),
        ));
    }
    Ok(Exit::Success)
}

/// Tells a run again through the same reporters.
pub(super) fn replay(global: &Global, args: &Replay) -> Result<Exit, Failure> {
    let store = look(&Settings::global(global)?)?;
    let run = find(&store, &args.run)?;
    let mut screen = reporter::make(reporter_options(global));
    let (events, damaged) = read_log((run.events()?.join("\n") + "\n").as_bytes());
    events.iter().for_each(|event| screen.report(event));
    if let Some(first) = damaged.first() {
        let lines = if damaged.len() == 1 { "1 line is".to_owned() } else { format!("{} lines are", damaged.len()) };
        print::note(&format!("the log of run `{}` is damaged: {lines} left out, the first at line {first}", run.id()));
    }
    Ok(Exit::Success)
}

/// Finds a run by its identifier, the beginning of it, `last`, or `last~N`.
pub(super) fn find(store: &Store, wanted: &str) -> Result<RunDir, Failure> {
    let runs = store.runs()?;
    Ok(store.open_run(choose(&runs, wanted, "the cache has")?)?)
}

/// Chooses one of some runs by its identifier, the beginning of it, `last`, or `last~N`; `place` says who has how many.
pub(super) fn choose<'r>(runs: &'r [RunId], wanted: &str, place: &str) -> Result<&'r RunId, Failure> {
    let back = match wanted.strip_prefix("last") {
        Some("") => Some(0),
        Some(rest) => rest.strip_prefix('~').and_then(|count| count.parse::<usize>().ok()),
        None => None,
    };
    let matching: Vec<&RunId> = match back {
        Some(back) => runs.iter().rev().nth(back).into_iter().collect(),
        None => runs.iter().filter(|id| id.as_str().starts_with(wanted)).collect(),
    };
    match matching[..] {
        [one] => Ok(one),
        [] => Err(Failure::invalid(format!("no run matches `{wanted}`: {place} {}", runs.len()))
            .hint("`retort runs` lists them")),
        _ => {
            Err(Failure::invalid(format!("`{wanted}` means {} runs", matching.len()))
                .hint("give more of the identifier"))
        }
    }
}
