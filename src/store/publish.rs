//! Writing blobs, and publishing them with the record that names them.

use std::collections::BTreeSet;
use std::io;

use super::blob::{BlobWriter, Pending};
use super::commit::Request;
use super::error::StoreError;
use super::record::{Record, RecordId};
use super::{BlobRef, Store, disk};
use retort_fingerprint::Digest;

impl Store {
    /// Writes a blob that is in memory.
    pub fn put(&self, bytes: &[u8]) -> Result<Pending, StoreError> {
        Pending::of(bytes, &self.core)
    }

    /// Starts a blob that arrives as a stream.
    pub fn blob_writer(&self) -> Result<BlobWriter, StoreError> {
        BlobWriter::begin(&self.core)
    }

    /// Publishes blobs and the record that names them, and returns when both are durable.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::ReadOnly`], [`StoreError::BadRecord`] when the record names a blob that is
    /// neither given nor there. Nothing of a failed publication can be seen.
    pub fn publish(&self, blobs: Vec<Pending>, record: &Record) -> Result<RecordId, StoreError> {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        self.publish_async(blobs, record, move |result| {
            // The receiver waits below, so it cannot be gone.
            let _ = sender.send(result);
        })?;
        receiver.recv().map_err(|_| StoreError::CommitterGone)?
    }

    /// Hands blobs and the record that names them over, and returns at once; `on_done` hears when both are durable.
    ///
    /// # Errors
    /// What is wrong before anything is handed over; `on_done` is not called then.
    pub fn publish_async(
        &self,
        blobs: Vec<Pending>,
        record: &Record,
        on_done: impl FnOnce(Result<RecordId, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.core.files.require_writable("publish a result")?;
        let given: BTreeSet<Digest> = blobs.iter().map(|pending| pending.blob().digest).collect();
        let fingerprint = record.fingerprint();
        let lacking = |(_, blob): &(&String, &BlobRef)| {
            !given.contains(&blob.digest) && self.blob_size(&blob.digest) != Some(blob.bytes)
        };
        if let Some((part, blob)) = record.outputs.iter().find(lacking) {
            let why = format!("its part `{part}` names blob {}, which is not there", blob.digest.short());
            return Err(StoreError::BadRecord { fingerprint, why });
        }
        let bytes = record.encode();
        let id = RecordId(Digest::of(&bytes));
        // JSON has no infinities, for one; better to hear of it now than to look for a record that is never found.
        Record::decode(&bytes, id, &fingerprint).map_err(|why| StoreError::BadRecord { fingerprint, why })?;
        let failed = self.core.files.write_failed("publish a result", bytes.len() as u64);
        let temp = self.core.files.temp().map_err(&failed)?;
        let mut file = disk::create_new(temp.path(), disk::FROZEN).map_err(&failed)?;
        io::Write::write_all(&mut file, &bytes).map_err(&failed)?;
        let bytes = bytes.len() as u64 + blobs.iter().map(|pending| pending.blob().bytes).sum::<u64>();
        let summary = record.summary(id);
        self.committer.hand(Request { blobs, record: temp, fingerprint, summary, bytes, done: Box::new(on_done) })
    }
}
