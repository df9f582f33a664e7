//! Moving results between the cache and a remote, many at a time.
//!
//! Blobs first, then, when they are durable, the records that name them. What is there already is passed by, so that a
//! transfer that was broken off goes on where it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::selection::Selection;
use crate::BlobRef;
use crate::cache::Core;
use crate::error::StoreError;
use crate::head::WholeRecord;
use crate::record::RecordId;
use crate::remote::Remote;
use crate::remote::backend::Put;
use retort_fingerprint::{Digest, Fingerprint};

/// So many files at a time go to a directory, or come from it.
const JOBS_NEAR: usize = 8;

/// The same of a bucket, where each answer is long on its way.
const JOBS_FAR: usize = 48;

/// No remote is asked more at a time.
const JOBS_MAX: usize = 64;

/// What a push reads of what a remote has, rather than take a blob of the right size for the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Nothing.
    Nothing,
    /// What is near, not large, and was not read before: others will read it because of the result that is pushed.
    Unread,
    /// Everything.
    All,
}

/// How a transfer is carried out.
pub struct Moving<'a> {
    /// So many files at a time, or as many as suit each remote.
    pub jobs: Option<usize>,
    /// What a push reads and compares of what a remote has already.
    pub compare: Compare,
    /// Hears how many blobs and records are done and are to be done.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Moved {
    /// The remote.
    pub remote: String,
    /// Results that are there now and were not before.
    pub results: u64,
    /// Results that were there already.
    pub there: u64,
    /// Blobs that were moved.
    pub blobs: u64,
    /// Bytes that were moved.
    pub bytes: u64,
    /// Packs of rows that were moved.
    pub packs: u64,
    /// What could not be moved, and why.
    pub refused: Vec<String>,
}

/// A result to be moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parcel {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) id: RecordId,
}

/// Counts what was moved, from many threads.
struct Tally<'a> {
    moved: Mutex<Moved>,
    lost: Mutex<BTreeSet<Digest>>,
    /// Blobs that were not there before.
    brought: Mutex<BTreeSet<Digest>>,
    done: AtomicU64,
    total: u64,
    jobs: usize,
    moving: &'a Moving<'a>,
}

impl<'a> Tally<'a> {
    fn new(remote: &Remote, total: usize, moving: &'a Moving<'a>) -> Self {
        let moved = Moved { remote: remote.name().to_owned(), ..Moved::default() };
        (moving.progress)(0, total as u64);
        let suits = if remote.is_far() { JOBS_FAR } else { JOBS_NEAR };
        Self {
            moved: Mutex::new(moved),
            lost: Mutex::default(),
            brought: Mutex::default(),
            done: AtomicU64::new(0),
            total: total as u64,
            jobs: moving.jobs.unwrap_or(suits).clamp(1, JOBS_MAX),
            moving,
        }
    }

    fn count(&self, add: impl FnOnce(&mut Moved)) {
        add(&mut self.moved.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn lost(&self, digest: Digest, why: &str) {
        self.count(|moved| moved.refused.push(format!("blob {}: {why}", digest.short())));
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
    }

    /// Does something with every item, several at a time.
    fn each<T: Sync>(&self, items: &[T], act: impl Fn(&T) + Sync) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(items.len()) {
                scope.spawn(|| {
                    while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                        act(item);
                        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
                        (self.moving.progress)(done, self.total);
                    }
                });
            }
        });
    }

    /// Tells whether every blob of a record got through; what names one that did not is left out.
    fn is_whole(&self, fingerprint: &Fingerprint, record: &WholeRecord) -> bool {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = !record.record.outputs.values().any(|blob| lost.contains(&blob.digest));
        if !whole {
            self.count(|moved| {
                moved.refused.push(format!("the result of {}: one of its blobs lacks", fingerprint.short()));
            });
        }
        whole
    }

    /// Tells whether a blob of a record was not there before, so that the record was hardly there either.
    fn brought_any_of(&self, record: &WholeRecord) -> bool {
        let brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        record.record.outputs.values().any(|blob| brought.contains(&blob.digest))
    }

    fn end(self) -> Moved {
        (self.moving.progress)(self.total, self.total);
        self.moved.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings results and further blobs to a remote.
pub(crate) fn push(core: &Core, remote: &Remote, parcels: &[Parcel], blobs: &[BlobRef], moving: &Moving<'_>) -> Moved {
    let mut records = Vec::new();
    let mut unread = Vec::new();
    for Parcel { fingerprint, id } in parcels {
        match core.files.whole_record(fingerprint, *id) {
            Ok(Some(record)) => records.push((*fingerprint, record)),
            Ok(None) => unread.push(format!("the result of {}: it is gone", fingerprint.short())),
            Err(error) => unread.push(format!("the result of {}: {error}", fingerprint.short())),
        }
    }
    let named = records.iter().flat_map(|(_, record)| record.record.outputs.values());
    let needed: BTreeMap<Digest, BlobRef> = named.chain(blobs).map(|blob| (blob.digest, *blob)).collect();
    let (evicted, needed): (Vec<BlobRef>, Vec<BlobRef>) = needed
        .into_values()
        .partition(|blob| core.is_evicted(&blob.digest) && core.remotes.blob_bytes(&blob.digest).is_none());
    let tally = Tally::new(remote, needed.len() + records.len(), moving);
    tally.count(|moved| moved.refused = unread);
    tally.each(&needed, |blob| match put_blob(core, remote, *blob, moving.compare) {
        Some(Put::New(bytes)) => {
            tally.brought.lock().unwrap_or_else(PoisonError::into_inner).insert(blob.digest);
            tally.count(|moved| {
                moved.blobs += 1;
                moved.bytes += bytes;
            });
        }
        Some(Put::There) => {}
        Some(Put::Refused(why)) => tally.lost(blob.digest, &why),
        None => tally.lost(blob.digest, "the remote did not take it"),
    });
    for blob in evicted {
        if remote.mark_evicted(&blob.digest).is_none() {
            tally.lost(blob.digest, "it is not kept, and the remote could not be told");
        }
    }
    remote.sync();
    tally.each(&records, |(fingerprint, record)| {
        if !tally.is_whole(fingerprint, record) {
            return;
        }
        match remote.put_record(&core.files, fingerprint, record.clone(), tally.brought_any_of(record)) {
            Some(Put::New(_)) => tally.count(|moved| moved.results += 1),
            Some(Put::There) => tally.count(|moved| moved.there += 1),
            Some(Put::Refused(why)) => tally.count(|moved| moved.refused.push(why)),
            None => tally.count(|moved| {
                moved.refused.push(format!("the result of {}: the remote did not take it", fingerprint.short()));
            }),
        }
    });
    remote.sync();
    tally.end()
}

/// Puts a blob into a remote, after fetching it from another remote where it is not here.
fn put_blob(core: &Core, remote: &Remote, blob: BlobRef, compare: Compare) -> Option<Put> {
    if !remote.backend()?.is_writable() {
        return Some(Put::Refused("the remote can only be read".to_owned()));
    }
    let is_there = || {
        compare != Compare::All
            && !core.is_refused(remote, &blob.digest)
            && remote.blob_bytes(&blob.digest) == Some(blob.bytes)
    };
    if core.files.blob_bytes(&blob.digest).is_none() && !is_there() {
        // Where that fails too, putting it says what is lacking.
        let _ = core.fetch(&blob.digest, false);
    }
    remote.put_blob(core, blob, compare)
}

/// Brings results here, and leaves in `left` what the remote does not have.
pub(crate) fn pull(
    core: &Core,
    remote: &Remote,
    left: &mut Selection,
    moving: &Moving<'_>,
) -> Result<Moved, StoreError> {
    let found: Mutex<Vec<(Fingerprint, WholeRecord)>> = Mutex::default();
    let actions: Vec<Fingerprint> = left.actions.iter().copied().collect();
    let looking = Tally::new(remote, actions.len(), moving);
    looking.each(&actions, |fingerprint| {
        if let Some(record) = remote.record(fingerprint) {
            core.remotes.expect(&record.record.summary(record.id));
            found.lock().unwrap_or_else(PoisonError::into_inner).push((*fingerprint, record));
        }
    });
    let mut records = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    records.sort_by_key(|(fingerprint, _)| *fingerprint);
    let named = records.iter().flat_map(|(_, record)| record.record.outputs.values().map(|blob| blob.digest));
    let needed: BTreeSet<Digest> = named.chain(left.blobs.iter().copied()).collect();
    let needed: Vec<Digest> = needed.into_iter().filter(|digest| core.files.blob_bytes(digest).is_none()).collect();
    let tally = Tally::new(remote, needed.len() + records.len(), moving);
    let failure: Mutex<Option<StoreError>> = Mutex::default();
    let failed = |error| {
        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    };
    let has_failed = || failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    tally.each(&needed, |digest| {
        if has_failed() {
            return;
        }
        match core.fetch_from(remote, digest, false) {
            Ok(Some(bytes)) => tally.count(|moved| {
                moved.blobs += 1;
                moved.bytes += bytes;
            }),
            Ok(None) if remote.is_evicted(digest) => {
                if let Err(error) = core.files.mark_evicted(digest) {
                    failed(core.files.write_failed("keep a result", 0)(error));
                }
            }
            Ok(None) => {
                tally.lost.lock().unwrap_or_else(PoisonError::into_inner).insert(*digest);
            }
            Err(error) => failed(error),
        }
    });
    if let Some(error) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    core.files.sync()?;
    let kept: Mutex<BTreeSet<Fingerprint>> = Mutex::default();
    tally.each(&records, |(fingerprint, record)| {
        if !tally.is_whole(fingerprint, record) {
            return;
        }
        kept.lock().unwrap_or_else(PoisonError::into_inner).insert(*fingerprint);
        if matches!(core.files.whole_record(fingerprint, record.id), Ok(Some(_))) {
            tally.count(|moved| moved.there += 1);
            return;
        }
        match core.files.keep_record(fingerprint, record) {
            Ok(()) => tally.count(|moved| moved.results += 1),
            Err(error) => failed(core.files.write_failed("keep a result", record.bytes.len() as u64)(error)),
        }
    });
    if let Some(error) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    let kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    left.actions.retain(|fingerprint| !kept.contains(fingerprint));
    left.blobs.retain(|digest| core.files.blob_bytes(digest).is_none());
    if left.rows {
        let kinds = remote.row_kinds();
        let packs = kinds.iter().map(|kind| core.take_packs(remote, kind)).sum::<u64>();
        tally.count(|moved| moved.packs += packs);
    }
    Ok(tally.end())
}
