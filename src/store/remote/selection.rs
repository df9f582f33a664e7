//! Which results are to be moved: those of runs, of stages, or those with a name.

use std::collections::BTreeSet;

use super::Remote;
use super::backend::Backend;
use crate::Store;
use crate::error::StoreError;
use crate::run::{InstanceEntry, RunId, RunSummary};
use retort_fingerprint::{Digest, Fingerprint};

/// Results to be moved between the cache and its remotes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Actions whose results are meant.
    pub actions: BTreeSet<Fingerprint>,
    /// Further blobs.
    pub blobs: BTreeSet<Digest>,
    /// Runs whose logs are meant as well.
    pub runs: Vec<RunId>,
    /// Whether the results of single rows are meant as well.
    pub rows: bool,
}

/// The beginning of a name must have so many digits.
const NAME_DIGITS_MIN: usize = 6;

impl Selection {
    /// Adds what a run needed and made: all of it, or the instances of one stage, or one instance.
    pub fn add_run(&mut self, run: &RunSummary, stage: Option<&str>) -> usize {
        let fits = |entry: &&InstanceEntry| stage.is_none_or(|stage| entry.stage == stage || entry.name == stage);
        let before = self.actions.len();
        self.actions.extend(run.instances.iter().filter(fits).map(|entry| entry.fingerprint));
        if stage.is_none() {
            self.runs.push(run.id.clone());
        }
        self.actions.len() - before
    }
}

impl Store {
    /// Selects every result that is here.
    pub fn select_all(&self) -> Result<Selection, StoreError> {
        let actions = self.core.files.list_actions()?.into_iter().collect();
        Ok(Selection { actions, runs: self.runs()?, rows: true, ..Selection::default() })
    }

    /// Selects the results and blobs that are here and whose names begin so.
    pub fn select_named(&self, beginning: &str) -> Result<Selection, StoreError> {
        let backend = format!("in `{}`", self.root().display());
        let found = self.core.files.named(beginning).map_err(crate::error::failed("look for names"))?;
        only(beginning, &backend, vec![found])
    }

    /// Selects the results and blobs of a remote, or of all of them, whose names begin so.
    pub fn select_named_in_remotes(&self, from: Option<&str>, beginning: &str) -> Result<Selection, StoreError> {
        let remotes = self.core.remotes.named(from, |_| true, "is declared")?;
        let found = remotes.iter().filter_map(|remote| remote.named(beginning)).collect();
        only(beginning, "in the remotes", found)
    }

    /// Lists the runs whose logs a remote, or any remote, has, the oldest first.
    pub fn runs_in_remotes(&self, from: Option<&str>) -> Result<Vec<RunId>, StoreError> {
        let remotes = self.core.remotes.named(from, |_| true, "is declared")?;
        let mut runs = BTreeSet::new();
        for remote in remotes {
            remote.require()?;
            runs.extend(remote.runs().unwrap_or_default());
        }
        Ok(runs.into_iter().collect())
    }

    /// Reads the log of a run in the first remote that has it.
    pub fn read_run_in_remotes(&self, from: Option<&str>, id: &RunId) -> Result<RunSummary, StoreError> {
        let remotes = self.core.remotes.named(from, |_| true, "is declared")?;
        let read = remotes.into_iter().find_map(|remote| remote.run(id));
        read.ok_or_else(|| StoreError::NoSuchRun { run: id.to_string() })
    }
}

impl Remote {
    fn runs(&self) -> Option<Vec<RunId>> {
        self.ask("list runs", |backend| backend.runs())
    }

    fn run(&self, id: &RunId) -> Option<RunSummary> {
        let id = id.clone();
        let read =
            move |place: &dyn Backend| RunSummary::read(&id, |name, bytes_max| place.run_file(&id, name, bytes_max));
        self.ask("read the log of a run", read).flatten()
    }
}

/// Takes the one thing that was found; the same in several places is one thing.
fn only(beginning: &str, place: &str, found: Vec<(Vec<Fingerprint>, Vec<Digest>)>) -> Result<Selection, StoreError> {
    let unnamed = || StoreError::Unnamed { name: beginning.to_owned(), place: place.to_owned() };
    if beginning.len() < NAME_DIGITS_MIN {
        return Err(unnamed());
    }
    let mut selection = Selection::default();
    for (actions, blobs) in found {
        selection.actions.extend(actions);
        selection.blobs.extend(blobs);
    }
    if selection.actions.is_empty() && selection.blobs.is_empty() { Err(unnamed()) } else { Ok(selection) }
}
