//! What a remote is asked: an action's record, whether it has a blob, and a blob's bytes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::Remote;
use super::backend::{Copied, Expected, Named};
use crate::BlobRef;
use crate::head::WholeRecord;
use retort_fingerprint::{Digest, Fingerprint};

impl Remote {
    /// Finds the record for an action.
    pub(crate) fn record(&self, fingerprint: &Fingerprint) -> Option<WholeRecord> {
        let fingerprint = *fingerprint;
        self.ask("look for a result", move |backend| backend.record(&fingerprint)).flatten()
    }

    /// Returns the size of a blob; `None` when it is not there.
    pub(crate) fn blob_bytes(&self, digest: &Digest) -> Option<u64> {
        let digest = *digest;
        self.ask("look for a blob", move |backend| backend.blob_bytes(&digest)).flatten()
    }

    /// Tells whether a blob that is not there is not there on purpose.
    pub(crate) fn is_evicted(&self, digest: &Digest) -> bool {
        let digest = *digest;
        self.ask("look for a blob", move |backend| backend.is_evicted(&digest)).unwrap_or(false)
    }

    /// Copies a blob into a new file, and finds out on the way whether it is the one.
    pub(crate) fn copy_blob(&self, digest: &Digest, expected: Expected, to: PathBuf) -> Option<Copied> {
        let digest = *digest;
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        self.ask_moving("fetch a blob", Some(&moved), move |backend| {
            backend.copy_blob(&digest, expected, Some(&to), &counter)
        })
    }

    /// Reads what has a blob's name and its size, and finds out whether it is the blob; [`Copied::Absent`] when nothing has.
    pub(crate) fn check_blob(&self, blob: BlobRef) -> Option<Copied> {
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        self.ask_moving("check a blob", Some(&moved), move |backend| {
            if backend.blob_bytes(&blob.digest)? != Some(blob.bytes) {
                return Ok(Copied::Absent);
            }
            // The size is known, so that nobody waits for what may yet be seen whole.
            let expected = Expected { bytes: None, bytes_max: blob.bytes };
            backend.copy_blob(&blob.digest, expected, None, &counter)
        })
    }

    /// Reads what has a blob's name into memory.
    pub(crate) fn read_blob(&self, digest: &Digest, bytes_max: u64) -> Option<Vec<u8>> {
        let digest = *digest;
        self.ask("read a blob", move |backend| backend.read_blob(&digest, bytes_max)).flatten()
    }

    /// Lists the actions and blobs whose names begin so; the beginning has two digits at least.
    pub(crate) fn named(&self, beginning: &str) -> Option<Named> {
        let beginning = beginning.to_owned();
        self.ask("look for names", move |backend| backend.named(&beginning))
    }
}
