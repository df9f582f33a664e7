//! The runs of a cache.

use super::Store;
use super::error::StoreError;
use super::run::{RunDir, RunId};

impl Store {
    /// Starts a run of an experiment, which from now on keeps its results from being collected.
    pub fn new_run(&self, experiment: &str) -> Result<RunDir, StoreError> {
        self.core.files.new_run(experiment)
    }

    /// Lists all runs of all users, the oldest first. Runs whose name is of a time to come, by a clock that was wrong, come
    /// before all others: nothing is known of their time, and they must not be the last for ever.
    pub fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        self.core.files.runs()
    }

    /// Opens a recorded run.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRun`] when it is not there or its `run.json` cannot be read.
    pub fn open_run(&self, id: &RunId) -> Result<RunDir, StoreError> {
        self.core.files.open_run(id)
    }

    /// Returns the last run of an experiment by this user; by anyone when this user has none.
    pub fn last_run(&self, experiment: &str) -> Result<Option<RunDir>, StoreError> {
        let mut others = None;
        for id in self.runs()?.iter().rev() {
            let Ok(run) = self.open_run(id) else { continue };
            if run.info().experiment != experiment {
                continue;
            }
            if run.info().user == self.core.files.user {
                return Ok(Some(run));
            }
            others.get_or_insert(run);
        }
        Ok(others)
    }
}
