//! Which action an instance had before, for `explain`: read from the runs' own logs.
//!
//! The logs are files that every run writes anyway, so they are not copied into the index: a run in which nothing
//! changed would spend longer on a thousand insertions than on everything else.

use std::collections::BTreeMap;

use super::Store;
use super::error::StoreError;
use super::run::{InstanceEntry, RunDir, RunId};

/// What is known of one experiment's earlier runs; older runs are read only when newer ones do not know an instance.
pub struct History<'a> {
    store: &'a Store,
    experiment: String,
    /// The runs not yet looked at, the newest last.
    unread: Vec<RunId>,
    known: BTreeMap<String, (RunId, InstanceEntry)>,
    runs_left: usize,
}

/// An instance that the last so many runs of its experiment did not have counts as new.
const RUNS_MAX: usize = 200;

impl Store {
    /// Returns the history of an experiment as this user ran it, without the run named in `except`.
    pub fn history(&self, experiment: &str, except: Option<&RunId>) -> Result<History<'_>, StoreError> {
        let mut unread = self.runs()?;
        unread.retain(|id| Some(id) != except);
        Ok(History {
            store: self,
            experiment: experiment.to_owned(),
            unread,
            known: BTreeMap::new(),
            runs_left: RUNS_MAX,
        })
    }
}

impl History<'_> {
    /// Returns an instance's last entry and the run that wrote it; `None` when it is new.
    pub fn last(&mut self, instance: &str) -> Result<Option<(RunId, InstanceEntry)>, StoreError> {
        while !self.known.contains_key(instance) && self.runs_left > 0 {
            let Some(id) = self.unread.pop() else { break };
            // A run whose description cannot be read says nothing.
            let Ok(run) = self.store.open_run(&id) else { continue };
            if run.info().experiment == self.experiment && run.info().user == self.store.core.files.user {
                self.learn(&run)?;
                self.runs_left -= 1;
            }
        }
        Ok(self.known.get(instance).cloned())
    }

    fn learn(&mut self, run: &RunDir) -> Result<(), StoreError> {
        // Within a run the last entry counts, between runs the newest run, which was read first.
        for entry in run.instances()?.into_iter().rev() {
            self.known.entry(entry.name.clone()).or_insert_with(|| (run.id().clone(), entry));
        }
        Ok(())
    }
}
