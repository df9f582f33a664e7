//! What a person should know of results that are taken from the cache, such as answers that were given elsewhere.

use retort_plan::Verdict;

use super::{Planned, Session, SessionError};

impl Session {
    /// Lists what a person should know of each result that is taken from the cache, as its kind says.
    pub fn caveats(&self, planned: &Planned) -> Result<Vec<String>, SessionError> {
        let mut told = Vec::new();
        for (id, verdict) in planned.verdicts() {
            let bound = &self.pipeline.experiment.instance(id).bound;
            let Verdict::Hit(found) = verdict else { continue };
            if !bound.asks() {
                continue;
            }
            let Some((_, record)) = self.store.record(&found.fingerprint)? else { continue };
            told.extend(bound.caveat(&record.notes).map(|caveat| format!("`{}`: {caveat}", self.name(id))));
        }
        Ok(told)
    }
}
