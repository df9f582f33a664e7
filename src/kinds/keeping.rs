//! Which saved state a training goes on from, and whether the weights of each evaluation are kept that are to be.
//!
//! What is asked to be kept enters no key, so a training may be begun with one `keep` and ended with another. A result that
//! is to have the weights of every evaluation has all of them, or there is none yet.

use super::train_words::Keep;
use retort_artifact::Checkpoint;
use retort_model::FitLog;
use retort_stage::{Context, StageError};
use retort_store::{PartialDir, ProvenFile};

/// The name of the saved state of training.
pub(super) const STATE: &str = "training";

/// The name of what says whether the weights of each evaluation have been kept since training began.
const KEEPING: &str = "keeping";
const YES: &[u8] = b"yes";
const NO: &[u8] = b"no";

/// Returns the saved state to go on from, if there is one. With `keep: full` it is of no use where the weights of earlier
/// evaluations were not kept: the result would lack them for good.
pub(super) fn saved(context: &Context<'_>, keep: Keep) -> Result<Option<ProvenFile>, StageError> {
    let partial = context.partial();
    let saved = partial.open(STATE)?;
    let keeping = partial.load(KEEPING)?;
    if keep != Keep::Full {
        partial.forget_parts()?;
        if keeping.is_some_and(|keeping| keeping != NO) {
            partial.save(KEEPING, |out| out.write_all(NO))?;
        }
        return Ok(saved);
    }
    if saved.is_some() && keeping.as_deref() == Some(YES) {
        return Ok(saved);
    }
    if saved.is_some() {
        context.warn("`keep: full` begins anew: the training to go on from kept no weights of its evaluations");
    }
    partial.forget_parts()?;
    partial.save(KEEPING, |out| out.write_all(YES))?;
    Ok(None)
}

/// Says whether the weights of every evaluation of a training are kept.
pub(super) fn has_all(partial: &PartialDir, log: &FitLog) -> Result<bool, StageError> {
    let kept = partial.kept_parts()?;
    Ok(log.evaluations.iter().all(|evaluation| kept.contains_key(&Checkpoint::step_part(evaluation.step))))
}
