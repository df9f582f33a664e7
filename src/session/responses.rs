//! Which questions were answered right, as statistics take it.

use retort_artifact::{Outcome, Scores, Strictness};
use retort_stats::{Response, Responses, StatsError};
use retort_text::answer::Chance;

/// Which questions were answered right, by one of the readings; `None` where some have no such reading.
pub(crate) fn responses(scores: &Scores, strictness: Strictness) -> Result<Option<Responses>, StatsError> {
    let chance = Chance::of(&scores.rows);
    let row = |outcome: &Outcome| {
        let right = outcome.rights(strictness)?;
        Some(Response { question: outcome.id.clone(), chance: chance.at(outcome), right })
    };
    let Some(rows) = scores.rows.iter().map(row).collect::<Option<Vec<Response>>>() else { return Ok(None) };
    let samples = rows.first().map_or(1, |row| row.right.len());
    Responses::sampled(rows, samples).map(Some)
}
