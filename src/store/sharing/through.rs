//! Reading through: what is not here is looked for in the remotes, one after the other, and kept here.

use std::io::{self, Write};
use std::sync::PoisonError;

use fs_err::File;

use crate::BlobRef;
use crate::blob_ref::LARGE_BYTES;
use crate::cache::Core;
use crate::disk;
use crate::error::{StoreError, failed};
use crate::files::Files;
use crate::head::WholeRecord;
use crate::index::Table;
use crate::notice::Notice;
use crate::record::RecordSummary;
use crate::remote::Remote;
use crate::remote::backend::{Copied, Expected};
use retort_fingerprint::{Digest, Fingerprint};

/// A blob that can only be had in memory, because nothing can be kept here, may be so large.
const IN_MEMORY_BYTES_MAX: u64 = 1 << 30;

/// What is left free when a blob of unknown size is fetched.
const SPARE_BYTES: u64 = 64 * 1024 * 1024;

impl Files {
    /// Keeps a record that came from elsewhere. Should the power fail, it is looked for again.
    pub(crate) fn keep_record(&self, fingerprint: &Fingerprint, whole: &WholeRecord) -> io::Result<()> {
        self.keep_signatures(whole.id, &whole.signatures)?;
        let temp = self.temp()?;
        disk::create_new(temp.path(), disk::FROZEN)?.write_all(&whole.bytes)?;
        let path = self.layout.record(fingerprint, &whole.id.0);
        temp.persist(&path)?;
        self.put_head(fingerprint, &path)
    }

    /// Makes durable what was fetched without that.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let root = File::open(self.layout.root()).map_err(failed("make durable what was moved"))?;
        // Where it cannot be said of the whole file system, a file lost with the power is fetched again.
        disk::sync_file_system(&root);
        Ok(())
    }
}

impl Core {
    /// Finds a record in the remotes and keeps it here.
    pub(crate) fn find_in_remotes(&self, fingerprint: &Fingerprint) -> Option<RecordSummary> {
        if self.remotes.is_empty() || self.remotes.blind_to.contains(fingerprint) {
            return None;
        }
        // Where nothing can be kept, memory serves; elsewhere what was kept would have been found.
        let known = self.remotes.found.lock().unwrap_or_else(PoisonError::into_inner).get(fingerprint).cloned();
        if known.is_some() && !self.files.writable {
            return known;
        }
        if self.remotes.absent.lock().unwrap_or_else(PoisonError::into_inner).remove(fingerprint) {
            return None;
        }
        let (remote, whole) = self.remotes.record(fingerprint)?;
        let summary = RecordSummary { from: Some(remote.name().to_owned()), ..whole.record.summary(whole.id) };
        self.remotes.expect(&summary);
        if remote.is_far() {
            // The record came after its blobs, so they are taken for there until one of them is fetched.
            let mut seen = self.remotes.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.extend(summary.outputs.values().map(|blob| (blob.digest, blob.bytes)));
        }
        self.remotes.found.lock().unwrap_or_else(PoisonError::into_inner).insert(*fingerprint, summary.clone());
        if let Some(Err(error)) = self.files.writable.then(|| self.files.keep_record(fingerprint, &whole)) {
            self.files.notices.push(Notice::NotKept { remote: remote.name().to_owned(), why: error.to_string() });
        }
        Some(summary)
    }

    /// Tells whether a remote has a blob, and the bytes of its name. What a remote refused to give, or gave wrong, is not there
    /// until the process ends, whatever has its name; what was found wrong by an earlier process is looked at once more.
    pub(crate) fn holds_in_remotes(&self, digest: &Digest) -> bool {
        self.remotes
            .iter()
            .any(|remote| !self.sightings.has_missed(remote.name(), digest) && self.holds_in(remote, digest))
    }

    fn holds_in(&self, remote: &Remote, digest: &Digest) -> bool {
        if self.sightings.was_whole_in(remote.name(), digest) {
            return true;
        }
        let is_suspect = self.is_refused(remote, digest);
        let seen = || self.remotes.seen.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied();
        let vouched = if remote.is_far() && !is_suspect { seen() } else { None };
        let Some(bytes) = vouched.or_else(|| remote.blob_bytes(digest)) else { return false };
        if let Some(said) = self.remotes.expected(digest).filter(|said| *said != bytes) {
            self.refuse(remote, digest, format!("it has {bytes} bytes, and its record says {said}"));
            return false;
        }
        if !is_suspect && (remote.is_far() || bytes > LARGE_BYTES) {
            return true;
        }
        if self.files.writable {
            // Where the disk is full, whoever reads it will hear so.
            return self.fetch_from(remote, digest, true).map_or(true, |fetched| fetched.is_some());
        }
        match remote.check_blob(BlobRef { digest: *digest, bytes }) {
            Some(Copied::Whole(_)) => {
                self.sightings.found_whole_in(remote.name(), digest);
                return true;
            }
            Some(Copied::Refused(why)) => self.refuse(remote, digest, why),
            None | Some(Copied::Absent | Copied::Unwritten(_)) => self.sightings.missed(remote.name(), digest),
        }
        false
    }

    /// Fetches a blob from the first remote that has it whole; `false` when none has.
    pub(crate) fn fetch(&self, digest: &Digest, durable: bool) -> Result<bool, StoreError> {
        // Should it be gone, nobody is to believe that it is there.
        self.remotes.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(digest);
        if !self.files.writable {
            return Ok(false);
        }
        for remote in self.remotes.iter() {
            if self.fetch_from(remote, digest, durable)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Fetches a blob from one remote and returns its size; `None` when it has none that can be used.
    pub(super) fn fetch_from(
        &self,
        remote: &Remote,
        digest: &Digest,
        durable: bool,
    ) -> Result<Option<u64>, StoreError> {
        let failed = |bytes| self.files.write_failed("fetch a blob", bytes);
        let temp = self.files.temp().map_err(failed(0))?;
        let bytes_max = disk::available_bytes(self.files.layout.root()).saturating_sub(SPARE_BYTES);
        let bytes = self.remotes.expected(digest);
        match remote.copy_blob(digest, Expected { bytes, bytes_max }, temp.path().to_owned()) {
            None | Some(Copied::Absent) => {
                self.sightings.missed(remote.name(), digest);
                Ok(None)
            }
            Some(Copied::Refused(why)) => {
                self.refuse(remote, digest, why);
                Ok(None)
            }
            Some(Copied::Unwritten(error)) => Err(failed(bytes.unwrap_or(0))(error)),
            Some(Copied::Whole(bytes)) => {
                if durable {
                    File::open(temp.path()).and_then(|file| file.sync_data()).map_err(failed(bytes))?;
                }
                let path = self.files.layout.blob(digest);
                temp.persist(&path).map_err(failed(bytes))?;
                if let Some(stamp) = disk::stamp_at(&path) {
                    self.sightings.found_right(digest, &stamp);
                }
                self.sightings.came(remote.name(), digest);
                if self.is_refused(remote, digest) {
                    self.unrefuse(remote, digest);
                }
                Ok(Some(bytes))
            }
        }
    }

    /// Reads a blob from a remote into memory, for a cache in which nothing can be kept.
    pub(crate) fn read_in_remotes(&self, digest: &Digest) -> Option<Vec<u8>> {
        for remote in self.remotes.iter() {
            let bytes_max = self.remotes.expected(digest).unwrap_or(IN_MEMORY_BYTES_MAX).min(IN_MEMORY_BYTES_MAX);
            let Some(bytes) = remote.read_blob(digest, bytes_max) else {
                self.sightings.missed(remote.name(), digest);
                continue;
            };
            let found = Digest::of(&bytes);
            if found == *digest {
                return Some(bytes);
            }
            let why = format!("its {} bytes have the digest {}", bytes.len(), found.short());
            self.refuse(remote, digest, why);
        }
        None
    }

    /// Says that a remote has something else under a blob's name, and remembers it: the next push of the blob replaces it.
    pub(super) fn refuse(&self, remote: &Remote, digest: &Digest, why: String) {
        self.sightings.missed(remote.name(), digest);
        self.index.put(Table::Refused, vec![(refused(remote, digest), Vec::new())]);
        self.files.notices.push(Notice::BlobRefused { remote: remote.name().to_owned(), digest: *digest, why });
    }

    /// Tells whether something else was found under a blob's name in a remote.
    pub(super) fn is_refused(&self, remote: &Remote, digest: &Digest) -> bool {
        self.index.get(Table::Refused, &refused(remote, digest)).is_some()
    }

    /// Forgets that something else was found under a blob's name in a remote, or that it did not come.
    pub(super) fn unrefuse(&self, remote: &Remote, digest: &Digest) {
        self.sightings.came(remote.name(), digest);
        self.index.remove(Table::Refused, &refused(remote, digest));
    }
}

/// Makes the key under which the index remembers a blob that a remote has something else for.
fn refused(remote: &Remote, digest: &Digest) -> Vec<u8> {
    [remote.name().as_bytes(), b"\0", digest.as_bytes()].concat()
}
