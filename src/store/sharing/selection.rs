//! Which results are to be moved: those of runs, of stages, or those with a name.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::remote::Remote;
use crate::remote::backend::{Backend, Named};
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

    /// Takes the one thing that was found; the same in several places is one thing.
    pub(crate) fn only(beginning: &str, place: &str, found: Vec<Named>) -> Result<Self, StoreError> {
        let unnamed = || StoreError::Unnamed { name: beginning.to_owned(), place: place.to_owned() };
        if beginning.len() < NAME_DIGITS_MIN {
            return Err(unnamed());
        }
        let mut selection = Self::default();
        for (actions, blobs) in found {
            selection.actions.extend(actions);
            selection.blobs.extend(blobs);
        }
        if selection.actions.is_empty() && selection.blobs.is_empty() { Err(unnamed()) } else { Ok(selection) }
    }
}

impl Remote {
    pub(crate) fn runs(&self) -> Option<Vec<RunId>> {
        self.ask("list runs", |backend| backend.runs())
    }

    pub(crate) fn run(&self, id: &RunId) -> Option<RunSummary> {
        let id = id.clone();
        let read =
            move |place: &dyn Backend| RunSummary::read(&id, |name, bytes_max| place.run_file(&id, name, bytes_max));
        self.ask("read the log of a run", read).flatten()
    }
}
