//! Remotes: other caches behind this one, such as a directory that a team shares.
//!
//! A remote is plain files in the form of any cache, or objects of the same names in a bucket: two implementations of one
//! trait, [`Backend`](backend::Backend). It is asked for what is not here, and what it has is verified and kept here too; what is
//! made here goes there when its policy or a person says so (`sharing`). Whatever a remote holds is taken for a stranger's: nothing is
//! believed but bytes that have the digest they are asked for by.
//!
//! A remote that cannot be reached, or does not answer in time, is gone without for a while: a notice and a miss.

pub(super) mod backend;
mod directory;
mod objects;
mod opened;
mod options;
mod patience;
mod read;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use objects::share;
pub use objects::{AddressError, Bucket, ObjectsAt, Surroundings};
pub(super) use opened::Remote;
pub use options::{RemoteAt, RemoteOptions, Writes};

use super::error::StoreError;
use super::files::Who;
use super::head::WholeRecord;
use super::notice::Notices;
use super::record::RecordSummary;
use super::trust::Trust;
use retort_fingerprint::{Digest, Fingerprint};

/// The remotes of a store, in the order in which they are asked.
#[derive(Default)]
pub(super) struct Remotes {
    list: Vec<Remote>,
    /// Actions that are not looked for.
    pub(super) blind_to: BTreeSet<Fingerprint>,
    /// What records said of the size of blobs.
    sizes: Mutex<BTreeMap<Digest, u64>>,
    /// Blobs that were seen in a remote, and their size: one blob may be what thousands of instances read.
    pub(super) seen: Mutex<BTreeMap<Digest, u64>>,
    /// Actions of which all remotes were just asked in vain, until somebody asks for them.
    pub(super) absent: Mutex<BTreeSet<Fingerprint>>,
    /// Results that this process found in a remote.
    pub(super) found: Mutex<BTreeMap<Fingerprint, RecordSummary>>,
}

impl Remotes {
    pub(super) fn new(
        remotes: &[RemoteOptions],
        blind_to: &[Fingerprint],
        who: &Who,
        (notices, trust): (&Arc<Notices>, &Arc<Trust>),
    ) -> Self {
        let remote = |remote: &RemoteOptions| Remote::new(remote.clone(), who, notices, trust);
        let blind_to = blind_to.iter().copied().collect();
        Self { list: remotes.iter().map(remote).collect(), blind_to, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Remote> {
        self.list.iter()
    }

    /// Returns the remotes that get results as soon as they are made.
    pub(super) fn fed_on_success(&self) -> impl Iterator<Item = &Remote> {
        self.list.iter().filter(|remote| remote.options().writes == Writes::OnSuccess)
    }

    /// Remembers what a record says of the size of its blobs, so that no remote can give more.
    pub(super) fn expect(&self, record: &RecordSummary) {
        if !self.list.is_empty() {
            let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
            sizes.extend(record.outputs.values().map(|blob| (blob.digest, blob.bytes)));
        }
    }

    /// Returns the remote in which this process found a result.
    pub(super) fn origin(&self, fingerprint: &Fingerprint) -> Option<String> {
        if self.list.is_empty() {
            return None;
        }
        self.found.lock().unwrap_or_else(PoisonError::into_inner).get(fingerprint)?.from.clone()
    }

    /// Returns the size that a record gave a blob.
    pub(super) fn expected(&self, digest: &Digest) -> Option<u64> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied()
    }

    /// Finds a record, and says in which remote.
    pub(crate) fn record(&self, fingerprint: &Fingerprint) -> Option<(&Remote, WholeRecord)> {
        self.list.iter().find_map(|remote| Some((remote, remote.record(fingerprint)?)))
    }

    /// Returns the size of a blob that a remote has.
    pub(crate) fn blob_bytes(&self, digest: &Digest) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen().get(digest).copied();
        known.or_else(|| {
            let bytes = self.iter().find_map(|remote| remote.blob_bytes(digest))?;
            seen().insert(*digest, bytes);
            Some(bytes)
        })
    }

    /// Returns the remote of a name, or all that fit.
    pub(super) fn named(
        &self,
        name: Option<&str>,
        fits: impl Fn(&Remote) -> bool,
        what: &str,
    ) -> Result<Vec<&Remote>, StoreError> {
        let found: Vec<&Remote> =
            self.iter().filter(|remote| name.map_or_else(|| fits(remote), |name| remote.name() == name)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let names: Vec<&str> = self.iter().map(Remote::name).collect();
        let known = if names.is_empty() { String::new() } else { format!(": remotes are {}", names.join(", ")) };
        Err(StoreError::NoRemote {
            why: match name {
                Some(name) => format!("no remote is named `{name}`{known}"),
                None => format!("no remote {what}{known}"),
            },
        })
    }
}
