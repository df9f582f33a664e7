//! What a person or a run asks of the remotes behind a cache.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::error::{StoreError, failed};
use super::files::Files;
use super::layout::Component;
use super::record::RecordSummary;
use super::remote::{Remote, Writes};
use super::run::{RunId, RunSummary};
use super::sharing::{Moved, Moving, Parcel, Selection, pull, push};
use super::{BlobRef, Store, rows};
use retort_fingerprint::{Digest, Fingerprint};

/// So many actions are looked for at a time.
const LOOKS: usize = 64;

impl Store {
    /// Tells whether a remote is so far away that many actions are best looked for at once.
    pub fn has_far_remotes(&self) -> bool {
        self.core.remotes.iter().any(Remote::is_far)
    }

    /// Finds the records that are used for many actions, no one twice, many at a time.
    ///
    /// That the remotes have none is remembered until somebody asks once more.
    pub fn find_many(&self, fingerprints: &[Fingerprint]) -> Result<Vec<Option<RecordSummary>>, StoreError> {
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        let found: Vec<OnceLock<RecordSummary>> = fingerprints.iter().map(|_| OnceLock::new()).collect();
        std::thread::scope(|scope| {
            for _ in 0..LOOKS.min(fingerprints.len()) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(fingerprint) = fingerprints.get(at) else { return };
                        match self.find(fingerprint) {
                            Ok(Some(record)) => {
                                // Each place is filled by one thread.
                                let _ = found[at].set(record);
                            }
                            Ok(None) => {
                                self.core
                                    .remotes
                                    .absent
                                    .lock()
                                    .unwrap_or_else(PoisonError::into_inner)
                                    .insert(*fingerprint);
                            }
                            Err(error) => {
                                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                                return;
                            }
                        }
                    }
                });
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(found.into_iter().map(OnceLock::into_inner).collect()),
        }
    }

    /// Brings the log of a run to the remotes that get results as soon as they are made.
    pub fn share_run(&self, run: &RunId) {
        if let Some(handle) = self.pusher.handle() {
            handle.run(run.clone());
        }
    }

    /// Waits until everything that was made has been brought to the remotes that get it, or could not be; rows are sealed.
    pub fn finish_sharing(&self) -> Result<(), StoreError> {
        let Some(handle) = self.pusher.handle() else { return Ok(()) };
        for (kind, rows) in &*self.rows.lock().unwrap_or_else(PoisonError::into_inner) {
            rows.finish()?;
            handle.rows(Component::of(kind));
        }
        handle.flush();
        Ok(())
    }

    /// Brings results to a remote, or to every remote that takes any.
    ///
    /// # Errors
    /// [`StoreError::NoRemote`], and [`StoreError::Remote`] when a remote cannot be reached.
    pub fn push(&self, to: Option<&str>, what: &Selection, moving: &Moving<'_>) -> Result<Vec<Moved>, StoreError> {
        let core = &*self.core;
        let remotes = core.remotes.named(to, |remote| remote.options().writes != Writes::Never, "takes results")?;
        let mut parcels = Vec::new();
        for fingerprint in &what.actions {
            // The one that is used, so that others see what we see.
            if let Some((id, ..)) = core.usable(fingerprint)?.first() {
                parcels.push(Parcel { fingerprint: *fingerprint, id: *id });
            }
        }
        let blobs: Vec<BlobRef> = what.blobs.iter().filter_map(|digest| core.files.blob(digest)).collect();
        let mut moved = Vec::new();
        for remote in remotes {
            remote.require()?;
            let mut done = push(core, remote, &parcels, &blobs, moving);
            what.runs.iter().for_each(|run| {
                remote.put_run(&core.files, run);
            });
            if what.rows {
                for kind in rows::kinds(&core.files).map_err(failed("list rows"))? {
                    done.packs += remote.put_rows(&core.files, &kind);
                }
            }
            moved.push(done);
        }
        Ok(moved)
    }

    /// Brings results here from a remote, or from each remote what those before it did not have.
    ///
    /// # Errors
    /// As [`Store::push`]; [`StoreError::Full`] when there is no room.
    pub fn pull(&self, from: Option<&str>, what: &Selection, moving: &Moving<'_>) -> Result<Vec<Moved>, StoreError> {
        let core = &*self.core;
        core.files.require_writable("pull results")?;
        let remotes = core.remotes.named(from, |_| true, "is declared")?;
        let mut moved = Vec::new();
        let mut left = what.clone();
        for remote in remotes {
            remote.require()?;
            moved.push(pull(core, remote, &mut left, moving)?);
        }
        let lacking = |fingerprint: &Fingerprint| format!("no remote has the result of {}", fingerprint.short());
        if let Some(last) = moved.last_mut() {
            last.refused.extend(left.actions.iter().map(lacking));
            last.refused.extend(left.blobs.iter().map(|digest| format!("no remote has blob {}", digest.short())));
        }
        Ok(moved)
    }

    /// Selects every result that is here.
    pub fn select_all(&self) -> Result<Selection, StoreError> {
        let actions = self.core.files.list_actions()?.into_iter().collect();
        Ok(Selection { actions, runs: self.runs()?, rows: true, ..Selection::default() })
    }

    /// Selects the results and blobs that are here and whose names begin so.
    pub fn select_named(&self, beginning: &str) -> Result<Selection, StoreError> {
        let backend = format!("in `{}`", self.root().display());
        let found = self.core.files.named(beginning).map_err(failed("look for names"))?;
        Selection::only(beginning, &backend, vec![found])
    }

    /// Selects the results and blobs of a remote, or of all of them, whose names begin so.
    pub fn select_named_in_remotes(&self, from: Option<&str>, beginning: &str) -> Result<Selection, StoreError> {
        let remotes = self.core.remotes.named(from, |_| true, "is declared")?;
        let found = remotes.iter().filter_map(|remote| remote.named(beginning)).collect();
        Selection::only(beginning, "in the remotes", found)
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

impl Files {
    fn blob(&self, digest: &Digest) -> Option<BlobRef> {
        self.blob_bytes(digest).map(|bytes| BlobRef { digest: *digest, bytes })
    }
}
