//! What a model took before, kept among the rows so that estimates have something to go by.

use serde::{Deserialize, Serialize};

use retort_fingerprint::{RowKey, Term};
use retort_stage::{Context, StageError};

const KIND: &str = "elicit-history";

/// What asking a model came to in one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Took {
    /// Answers that said how many tokens they took.
    pub(super) calls: u64,
    /// Bytes of what was asked.
    pub(super) prompt_bytes: u64,
    /// Tokens of that.
    pub(super) prompt_tokens: u64,
    /// Tokens of the answers.
    pub(super) answer_tokens: u64,
    /// How long all of it took.
    pub(super) wall_ms: u64,
}

impl Took {
    /// Finds what a model took before. Where several runs left something, any of them is as good.
    pub(super) fn find(context: &Context<'_>, model: &Term) -> Result<Option<Self>, StageError> {
        let found = context.rows(KIND)?.get(&RowKey::of(model))?;
        let took: Option<Self> = found.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(took.filter(|took| took.calls > 0 && took.prompt_bytes > 0))
    }

    /// Keeps it, where it says anything.
    pub(super) fn keep(self, context: &Context<'_>, model: &Term) -> Result<(), StageError> {
        if self.calls > 0 && self.prompt_tokens > 0 {
            let bytes = serde_json::to_vec(&self).expect("numbers are JSON");
            context.rows(KIND)?.put(RowKey::of(model), &bytes)?;
        }
        Ok(())
    }
}
