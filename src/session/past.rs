//! What was run before: the runs that a cache has recorded, and what happened in them.

use retort_event::{Event, Tally, What, read_log};
use retort_store::{RunDir, RunId, RunInfo, Store};

use super::SessionError;

/// A run that a cache has recorded.
#[derive(Debug, Clone)]
pub struct PastRun {
    /// Its identifier.
    pub id: RunId,
    /// Whose it was, of which experiment, and when.
    pub info: RunInfo,
    /// How it ended and how long it took, in milliseconds; `None` where it has not ended, or was killed.
    pub ended: Option<(Tally, u64)>,
}

/// Lists the runs that a cache has recorded, the latest last.
///
/// # Errors
/// [`SessionError::Store`] where the runs cannot be listed. A run whose log is damaged is listed as far as it can be read.
pub fn past_runs(store: &Store) -> Result<Vec<PastRun>, SessionError> {
    let mut runs = Vec::new();
    for id in store.runs()? {
        let Ok(run) = store.open_run(&id) else { continue };
        // What was told after the end, such as a remote that took nothing, is no part of it.
        let events = past_events(&run).map(|(events, _)| events).unwrap_or_default();
        let ended = events.into_iter().rev().find_map(|event| match event.what {
            What::RunFinished { tally, took_ms } => Some((tally, took_ms)),
            _ => None,
        });
        runs.push(PastRun { id, info: run.info().clone(), ended });
    }
    Ok(runs)
}

/// Returns what happened in a run, event by event, and the numbers of the log's lines that are damaged and left out.
///
/// # Errors
/// [`SessionError::Store`] where the run's log cannot be read.
pub fn past_events(run: &RunDir) -> Result<(Vec<Event>, Vec<usize>), SessionError> {
    let text = run.events()?.join("\n") + "\n";
    Ok(read_log(text.as_bytes()))
}

/// Finds a run by its identifier, the beginning of it, `last`, or `last~N`.
///
/// # Errors
/// [`SessionError::Invalid`] where none or several are meant.
pub fn find_run(store: &Store, wanted: &str) -> Result<RunDir, SessionError> {
    let runs = store.runs()?;
    Ok(store.open_run(choose_run(&runs, wanted, "the cache has")?)?)
}

/// Chooses one of some runs by its identifier, the beginning of it, `last`, or `last~N`; `place` says who has how many.
///
/// # Errors
/// [`SessionError::Invalid`] where none or several are meant.
pub fn choose_run<'r>(runs: &'r [RunId], wanted: &str, place: &str) -> Result<&'r RunId, SessionError> {
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
        [] => Err(SessionError::invalid(format!("no run matches `{wanted}`: {place} {}", runs.len()))
            .with_hint("`retort runs` lists them")),
        _ => Err(SessionError::invalid(format!("`{wanted}` means {} runs", matching.len()))
            .with_hint("give more of the identifier")),
    }
}
