//! Blobs that are not kept, on purpose: their records stay, so that what was made of them is a hit, and whoever needs the
//! bytes makes them again.
//!
//! A mark in the blob's name tells what was evicted from what was lost. It says nothing of bytes that are there.

use std::collections::BTreeSet;

use super::cache::Core;
use super::error::{StoreError, failed};
use super::files::Files;
use super::holding::{Doomed, Hold};
use super::index::Table;
use super::layout::Area;
use super::run::RunId;
use super::{Store, disk, partial};
use retort_fingerprint::{Digest, Fingerprint};

impl Store {
    /// Keeps blobs from being evicted by this process for as long as what is returned lives, whether they are here already or
    /// are about to be published.
    pub fn hold(&self, digests: impl IntoIterator<Item = Digest>) -> Hold {
        self.core.holds.hold(digests)
    }

    /// Removes a blob that can be made again, and returns its size; 0 where it is not here, or stays because something
    /// [holds](Self::hold) it or unfinished work keeps it as a part of its result.
    ///
    /// Remotes that get results as soon as they are made have got this one before it goes.
    pub fn evict(&self, digest: &Digest) -> Result<u64, StoreError> {
        self.core.files.require_writable("evict a blob")?;
        let Some(bytes) = self.core.files.blob_bytes(digest) else { return Ok(0) };
        let Some(doomed) = self.core.holds.doom(digest) else { return Ok(0) };
        // Looked at after it was doomed: a part that is kept from now on is held meanwhile, which cancels this.
        if self.core.files.is_kept_on_the_way(digest)? {
            return Ok(0);
        }
        match self.pusher.handle() {
            Some(handle) => {
                handle.evict(doomed);
                Ok(bytes)
            }
            None => Ok(if self.core.evict(&doomed).map_err(failed("evict a blob"))? { bytes } else { 0 }),
        }
    }

    /// Tells whether a blob that is not here is not kept on purpose, here or where its record came from.
    pub fn is_evicted(&self, digest: &Digest) -> bool {
        self.core.is_evicted(digest)
    }

    /// Returns the actions that somebody else goes by: those of every run but this user's own of the same experiment, of
    /// which only those at work count.
    pub fn needed_by_others(&self, own: &RunId) -> Result<BTreeSet<Fingerprint>, StoreError> {
        let mine = self.open_run(own)?;
        let mut needed = BTreeSet::new();
        for id in self.runs()? {
            let Ok(run) = self.open_run(&id) else { continue };
            let (one, other) = (mine.info(), run.info());
            let alike = one.user == other.user && one.experiment == other.experiment;
            if id != *own && (!alike || run.is_at_work(&self.core.files.host, self.now_ms())) {
                needed.extend(run.instances()?.into_iter().map(|entry| entry.fingerprint));
            }
        }
        Ok(needed)
    }
}

impl Files {
    /// Tells whether a blob that is not here is not kept on purpose.
    pub(super) fn is_evicted(&self, digest: &Digest) -> bool {
        let is_marked = || disk::stamp_at(&self.layout.evicted(digest)).is_some_and(|mark| mark.bytes() == 0);
        self.blob_bytes(digest).is_none() && is_marked()
    }

    /// Tells whether unfinished work keeps a blob as a part of its result to come.
    fn is_kept_on_the_way(&self, digest: &Digest) -> Result<bool, StoreError> {
        let failed = failed("list kept parts");
        let all = self.layout.area(Area::Partial);
        for name in disk::names(&all).map_err(&failed)? {
            let kept = partial::kept_parts(&all.join(name)).map_err(&failed)?;
            if kept.values().any(|blob| blob.digest == *digest) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn mark_evicted(&self, digest: &Digest) -> std::io::Result<()> {
        let temp = self.temp()?;
        disk::create_new(temp.path(), disk::FROZEN)?;
        temp.persist(&self.layout.evicted(digest))
    }

    /// Removes the marks of blobs that no record names any more, or that are here again.
    pub(super) fn sweep_marks(&self, needed: &BTreeSet<Digest>) -> Result<(), StoreError> {
        for (digest, path) in self.list_marks()? {
            if !needed.contains(&digest) || self.blob_bytes(&digest).is_some() {
                disk::remove_if_there(&path).map_err(failed("sweep the marks of evicted blobs"))?;
            }
        }
        Ok(())
    }

    fn list_marks(&self) -> Result<Vec<(Digest, std::path::PathBuf)>, StoreError> {
        let entries = self.list_shards(Area::Evicted)?;
        Ok(entries.into_iter().filter_map(|(_, name, path)| Some((name.parse().ok()?, path))).collect())
    }
}

impl Core {
    /// Removes a blob and leaves its mark, unless somebody has begun to hold it; says whether it went.
    pub(super) fn evict(&self, doomed: &Doomed) -> std::io::Result<bool> {
        let digest = &doomed.digest;
        let evicted = self.holds.carry_out(doomed, || {
            // The mark first: whoever finds neither it nor the blob would think it lost.
            self.files.mark_evicted(digest)?;
            disk::remove_if_there(&self.files.layout.blob(digest))?;
            self.index.remove(Table::Verified, digest.as_bytes());
            Ok(true)
        });
        evicted.unwrap_or(Ok(false))
    }

    /// Tells whether a blob that is not here is not kept on purpose, here or in a remote.
    pub(super) fn is_evicted(&self, digest: &Digest) -> bool {
        let in_remote = || self.remotes.iter().any(|remote| remote.is_evicted(digest));
        self.files.blob_bytes(digest).is_none() && (self.files.is_evicted(digest) || in_remote())
    }
}
