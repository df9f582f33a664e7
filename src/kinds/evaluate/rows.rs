//! What was asked before is not asked again; and how long each question took, beside the results.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::sequence::data;
use retort_fingerprint::{Fingerprint, RowKey, Term};
use retort_stage::{Context, StageError};
use retort_store::{Store, StoreError};

/// The name of the rows that say how long each question of an instance took.
const TIMES: &str = "evaluate-times";

/// A row and its part of the time since those before it ended, which it shares with those that end with it. Time is kept
/// beside results and never in them, so that equal answers are equal artifacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timed<T> {
    /// The row.
    pub(crate) row: T,
    /// Microseconds.
    pub(super) took_us: u64,
}

/// Takes answers, by the index of their question, that ended together.
pub(super) type Ended<'a, T> = dyn FnMut(Vec<(usize, T)>) -> Result<(), StageError> + 'a;

/// Has `ask` answer what was not asked before, of rows of one kind; answers are kept as soon as it hands them on.
pub(super) fn asked<T: Serialize + DeserializeOwned>(
    context: &Context<'_>,
    kind: &str,
    keys: &[RowKey],
    ask: impl FnOnce(&[usize], &mut Ended<'_, T>) -> Result<(), StageError>,
) -> Result<Vec<Timed<T>>, StageError> {
    let rows = context.rows(kind)?;
    let known = |key: &RowKey| -> Result<Option<Timed<T>>, StageError> {
        Ok(rows.get(key)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    };
    let mut found: Vec<Option<Timed<T>>> = keys.iter().map(known).collect::<Result<_, _>>()?;
    let open: Vec<usize> = (0..keys.len()).filter(|index| found[*index].is_none()).collect();
    let mut done = keys.len() - open.len();
    let begun = Instant::now();
    let mut since = begun;
    let mut ended = |answers: Vec<(usize, T)>| {
        let took_us = since.elapsed().as_micros() as u64 / (answers.len() as u64).max(1);
        since = Instant::now();
        done += answers.len();
        for (index, row) in answers {
            let timed = Timed { row, took_us };
            rows.put(keys[index], &serde_json::to_vec(&timed).map_err(data)?)?;
            found[index] = Some(timed);
        }
        context.progress(done as u64, keys.len() as u64, "questions");
        if context.stopping() { Err(StageError::Stopped) } else { Ok(()) }
    };
    let outcome = if context.stopping() { Err(StageError::Stopped) } else { ask(&open, &mut ended) };
    rows.flush()?;
    outcome?;
    if !open.is_empty() {
        context.measure("questions/s", done as u64, open.len() as f64 / begun.elapsed().as_secs_f64().max(1e-9));
    }
    Ok(found.into_iter().flatten().collect())
}

/// Keeps how long each question of the instance took, in microseconds.
pub(super) fn keep_times(context: &Context<'_>, times: &BTreeMap<&str, u64>) -> Result<(), StageError> {
    let rows = context.rows(TIMES)?;
    rows.put(times_key(&context.job.fingerprint), &serde_json::to_vec(times).map_err(data)?)?;
    Ok(())
}

/// Returns how long each question of an instance took, in microseconds: what was measured when it was answered, be it for
/// this instance or an earlier one. Empty where nothing is known.
pub fn times(store: &Store, fingerprint: &Fingerprint) -> Result<BTreeMap<String, u64>, StoreError> {
    let row = store.rows(TIMES)?.get(&times_key(fingerprint))?;
    Ok(row.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

fn times_key(fingerprint: &Fingerprint) -> RowKey {
    RowKey::of(&Term::record([("instance", Term::Text(fingerprint.hex()))]))
}
