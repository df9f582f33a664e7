//! A remote that is a bucket of object storage.
//!
//! Objects have the names that the files of a cache have, below the remote's prefix, and as these they never change once they
//! are there: they are made on the condition that nothing is there yet. Only an action's catalog changes, and is replaced on
//! the condition that it is still what was read, so that of two people who add to it at once neither's record is lost. With
//! it one request finds the record to use; nothing is listed but by `cache pull`, which looks for runs and names, and where
//! packs of rows are looked for, once a kind.
//!
//! Leases there are none: the same work may be done twice at once, which is harmless, as both results are kept.
//!
//! | file | holds |
//! |---|---|
//! | `address` | addresses and what of the environment is passed on |
//! | `build`, `service` | from there to a store, and how requests are sent |
//! | `client` | calls that block; the one file that names the asynchronous runtime |
//! | `arriving` | a blob that comes piece by piece |
//! | `names`, `catalog` | how objects are called, and what is in a catalog |
//! | `trouble` | what a service says, as a line for people |

mod address;
mod arriving;
mod build;
mod catalog;
mod client;
mod names;
mod service;
mod trouble;

#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub use address::{AddressError, Bucket, ObjectsAt, Surroundings};
use build::PART_BYTES;
use bytes::Bytes;
use catalog::{Added, CATALOG_BYTES_MAX, Catalog, RECORDS_MAX};
use client::{Client, Object};
use names::Names;

use super::backend::{Backend, Copied, Expected, Named, Put, Terms};
use crate::BlobRef;
use crate::disk;
use crate::found::TAG;
use crate::head::{WholeRecord, whole};
use crate::layout::{Area, Component};
use crate::notice::{Notice, Notices};
use crate::pack_name::pack_of;
use crate::record::{RECORD_BYTES_MAX, RecordId};
use crate::run::RunId;
use crate::trust::{Signed, Trust};
use retort_fingerprint::{Digest, Fingerprint};

/// A larger object is no tag.
const TAG_BYTES_MAX: u64 = 4096;

/// A blob of this size is put without looking first whether it is there.
const SMALL_BYTES: u64 = 64 * 1024;

/// How often a replacement is tried while others replace the same object.
const ATTEMPTS: u32 = 16;

/// How long others who replace the same object are given before the first further attempt.
const PAUSE: Duration = Duration::from_millis(5);

/// A bucket, or a part of one, that a team shares.
pub(super) struct Objects {
    client: Client,
    names: Names,
    /// As people know it.
    shown: String,
    remote: String,
    wants_writes: bool,
    /// Whether writing has been refused.
    is_denied: AtomicBool,
    notices: Arc<Notices>,
    trust: Arc<Trust>,
}

impl Objects {
    /// Reaches the bucket, in which a cache must have been made.
    pub(super) fn open(
        at: &ObjectsAt,
        terms: &Terms,
        notices: &Arc<Notices>,
        trust: &Arc<Trust>,
    ) -> Result<Self, String> {
        let (shown, names) = (at.bucket.to_string(), Names::new());
        let client = reach(at, terms.timeout)?;
        match client.get(&names.tag(), TAG_BYTES_MAX) {
            Ok(Some(tag)) if tag.bytes == TAG.as_bytes() => {}
            Ok(Some(_)) => return Err(format!("`{shown}` is no cache of this form")),
            Ok(None) => return Err(format!("`{shown}` is not a cache; `retort cache share {shown}` makes one")),
            Err(error) => return Err(format!("`{shown}` cannot be read: {error}")),
        }
        Ok(Self::over(client, shown, terms, notices, trust))
    }

    fn over(client: Client, shown: String, terms: &Terms, notices: &Arc<Notices>, trust: &Arc<Trust>) -> Self {
        Self {
            client,
            names: Names::new(),
            shown,
            remote: terms.name.clone(),
            wants_writes: terms.wants_writes,
            is_denied: AtomicBool::new(false),
            notices: Arc::clone(notices),
            trust: Arc::clone(trust),
        }
    }

    fn catalog(&self, fingerprint: &Fingerprint) -> io::Result<Option<Object>> {
        self.client.get(&self.names.catalog(fingerprint), CATALOG_BYTES_MAX)
    }

    /// Returns the first record in the order of their use that may be used; the others are counted.
    fn choose(&self, records: Vec<WholeRecord>) -> Option<WholeRecord> {
        let mut chosen = None;
        for record in records {
            if !self.trust.accepts(&record.signatures) {
                self.trust.passed_by(record.id, &record.record.producer);
            } else if chosen.is_none() {
                chosen = Some(record);
            }
        }
        chosen
    }

    /// Reads the records of an action one by one, where what should be its catalog is none, or has none to be used.
    fn records_one_by_one(&self, fingerprint: &Fingerprint, known: &[RecordId]) -> io::Result<Vec<WholeRecord>> {
        let mut records = Vec::new();
        for name in self.client.list(&self.names.records_of(fingerprint))?.iter().take(RECORDS_MAX) {
            let Ok(id) = name.parse::<Digest>() else { continue };
            let Some(object) = self.client.get(&self.names.record(fingerprint, &id), RECORD_BYTES_MAX)? else {
                continue;
            };
            let Ok(mut record) = whole(object.bytes, fingerprint) else { continue };
            if record.id.digest() != id || known.contains(&record.id) {
                continue;
            }
            for key in self.trust.key_names().filter(|_| self.trust.require) {
                let signature = self.client.get(&self.names.signature(&id, &key), 64)?;
                record.signatures.extend(signature.and_then(|object| Signed::verify(record.id, &key, &object.bytes)));
            }
            records.push(record);
        }
        records.sort_by_key(|record| (record.record.started_at_ms, record.id));
        Ok(records)
    }

    /// Puts a blob that fits into memory.
    fn put_small(&self, name: &str, from: &Path, blob: BlobRef) -> io::Result<Put> {
        let Some((bytes, _)) = disk::read_small(from, blob.bytes)? else {
            return Ok(Put::Refused("it is not in the cache".to_owned()));
        };
        let found = Digest::of(&bytes);
        if found != blob.digest {
            return Ok(Put::Refused(format!("its {} bytes here have the digest {}", bytes.len(), found.short())));
        }
        let bytes = Bytes::from(bytes);
        for attempt in 0..ATTEMPTS {
            if self.client.create(name, &bytes)? {
                return Ok(Put::New(blob.bytes));
            }
            let version = match self.client.get(name, blob.bytes) {
                Ok(Some(there)) if Digest::of(&there.bytes) == blob.digest => return Ok(Put::There),
                Ok(Some(there)) => there.version,
                Ok(None) => continue,
                // Too large, or not to be read to its end.
                Err(error) if error.kind() == ErrorKind::InvalidData => match self.client.head(name)? {
                    Some((_, version)) => version,
                    None => continue,
                },
                Err(error) => return Err(error),
            };
            // What is there is not the blob.
            if self.client.replace(name, &bytes, version)? {
                return Ok(Put::New(blob.bytes));
            }
            std::thread::sleep(PAUSE * attempt);
        }
        Ok(Put::Refused("others keep replacing it".to_owned()))
    }

    /// Adds a record to its action's catalog, which is read first unless the record is likely the first one.
    fn put_catalog(
        &self,
        fingerprint: &Fingerprint,
        record: &WholeRecord,
        is_first: bool,
        moved: &AtomicU64,
    ) -> io::Result<Put> {
        let name = self.names.catalog(fingerprint);
        let mut is_new = false;
        for attempt in 0..ATTEMPTS {
            let there = if is_first && attempt == 0 { None } else { self.catalog_to_replace(fingerprint, &name)? };
            let read = there.as_ref().and_then(|object| Catalog::decode(&object.bytes, fingerprint));
            let mut catalog = read.unwrap_or_default();
            // A replacement whose answer was lost may have been made all the same; so what was new at first stays so.
            is_new = if attempt == 0 { !catalog.has(record.id) } else { is_new };
            match catalog.add(record) {
                Added::New => {}
                Added::Known if is_new => return Ok(Put::New(record.bytes.len() as u64)),
                Added::Known => return Ok(Put::There),
                Added::Full => return Ok(Put::Refused(self.is_full(fingerprint))),
            }
            if attempt == 0 {
                self.put_record_alone(fingerprint, record)?;
            }
            let Some(bytes) = catalog.encode().map(Bytes::from) else {
                return Ok(Put::Refused(self.is_full(fingerprint)));
            };
            let done = match there {
                None => self.client.create(&name, &bytes)?,
                Some(object) => self.client.replace(&name, &bytes, object.version)?,
            };
            moved.fetch_add(1, Ordering::Relaxed);
            if done {
                return Ok(if is_new { Put::New(record.bytes.len() as u64) } else { Put::There });
            }
            std::thread::sleep(PAUSE * attempt);
        }
        Ok(Put::Refused(format!("the result of {}: others keep changing its catalog", fingerprint.short())))
    }

    /// Reads what has a catalog's name, whatever it is.
    fn catalog_to_replace(&self, fingerprint: &Fingerprint, name: &str) -> io::Result<Option<Object>> {
        match self.catalog(fingerprint) {
            // What is there is no catalog, and too large to be read.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Ok(self.client.head(name)?.map(|(_, version)| Object { bytes: Vec::new(), version }))
            }
            other => other,
        }
    }

    fn is_full(&self, fingerprint: &Fingerprint) -> String {
        format!("the result of {}: its catalog in `{}` is full", fingerprint.short(), self.shown)
    }

    /// Puts a record and its signatures under their own names.
    fn put_record_alone(&self, fingerprint: &Fingerprint, record: &WholeRecord) -> io::Result<()> {
        let name = self.names.record(fingerprint, &record.id.digest());
        self.client.create(&name, &Bytes::from(record.bytes.clone()))?;
        for signed in &record.signatures {
            let name = self.names.signature(&record.id.digest(), &signed.key_name());
            self.client.create(&name, &Bytes::copy_from_slice(signed.bytes()))?;
        }
        Ok(())
    }

    /// Notes when this user may not write, which is said once.
    fn writing<T>(&self, put: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &put
            && error.kind() == ErrorKind::PermissionDenied
            && !self.is_denied.swap(true, Ordering::Relaxed)
        {
            self.notices.push(Notice::RemoteReadOnly { remote: self.remote.clone() });
        }
        put
    }
}

/// Makes a cache for a team in a bucket that is there.
///
/// The tag is made twice, and replaced under a version that it never had: a server that lets that happen would let one
/// person's work undo another's.
pub(crate) fn share(at: &ObjectsAt, timeout: Duration) -> Result<(), String> {
    let (shown, names) = (&at.bucket, Names::new());
    let client = reach(at, timeout)?;
    let (name, tag) = (names.tag(), Bytes::from_static(TAG.as_bytes()));
    let failed = |error: io::Error| format!("`{shown}` cannot be written: {error}");
    client.create(&name, &tag).map_err(failed)?;
    let other = client::Version { e_tag: Some("\"0123456789abcdef0123456789abcdef\"".to_owned()), version: None };
    let ignores = client.create(&name, &tag).map_err(failed)?
        || (at.bucket.service == address::Service::S3 && client.replace(&name, &tag, other).map_err(failed)?);
    if ignores {
        return Err(format!("the server of `{shown}` does not heed conditions (`If-None-Match`, `If-Match`)"));
    }
    match client.get(&name, TAG_BYTES_MAX).map_err(failed)? {
        Some(found) if found.bytes == TAG.as_bytes() => Ok(()),
        _ => Err(format!("`{shown}` has something else where a cache has its tag")),
    }
}

fn reach(at: &ObjectsAt, timeout: Duration) -> Result<Client, String> {
    let shown = &at.bucket;
    let stores = build::stores(at, timeout).map_err(|why| format!("`{shown}` cannot be reached: {why}"))?;
    let client = Client::new(stores, &at.bucket.prefix).map_err(|error| error.to_string())?;
    client.authenticate().map_err(|error| {
        let variables = match at.bucket.service {
            address::Service::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            address::Service::Google => "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
            address::Service::Azure => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        };
        format!("there are no credentials for `{shown}`: set {variables} (nor does this machine give any: {error})")
    })?;
    Ok(client)
}

impl Backend for Objects {
    fn is_writable(&self) -> bool {
        self.wants_writes && !self.is_denied.load(Ordering::Relaxed)
    }

    fn sending_takes(&self) -> Duration {
        build::sending_takes()
    }

    fn record(&self, fingerprint: &Fingerprint) -> io::Result<Option<WholeRecord>> {
        let catalog = match self.catalog(fingerprint) {
            Ok(None) => return Ok(None),
            Ok(Some(object)) => Catalog::decode(&object.bytes, fingerprint),
            Err(error) if error.kind() == ErrorKind::InvalidData => None,
            Err(error) => return Err(error),
        };
        let records = catalog.map(|catalog| catalog.records).unwrap_or_default();
        let known: Vec<RecordId> = records.iter().map(|record| record.id).collect();
        match self.choose(records) {
            Some(record) => Ok(Some(record)),
            None => Ok(self.choose(self.records_one_by_one(fingerprint, &known)?)),
        }
    }

    fn blob_bytes(&self, digest: &Digest) -> io::Result<Option<u64>> {
        Ok(self.client.head(&self.names.blob(digest))?.map(|(bytes, _)| bytes))
    }

    fn copy_blob(
        &self,
        digest: &Digest,
        expected: Expected,
        to: Option<&Path>,
        moved: &AtomicU64,
    ) -> io::Result<Copied> {
        self.client.download(&self.names.blob(digest), digest, expected, to, moved)
    }

    fn read_blob(&self, digest: &Digest, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(self.client.get(&self.names.blob(digest), bytes_max)?.map(|object| object.bytes))
    }

    fn put_blob(&self, from: &Path, blob: BlobRef, replace: bool, moved: &AtomicU64) -> io::Result<Put> {
        let name = self.names.blob(&blob.digest);
        let put = || {
            let looks = !replace && blob.bytes > SMALL_BYTES;
            if looks && self.client.head(&name)?.is_some_and(|(bytes, _)| bytes == blob.bytes) {
                return Ok(Put::There);
            }
            if blob.bytes <= PART_BYTES {
                return self.put_small(&name, from, blob);
            }
            // In parts nothing can be made on a condition; but what is replaced has these very bytes, or should have.
            self.client.upload(&name, from, blob, moved)
        };
        self.writing(put())
    }

    fn put_record(
        &self,
        fingerprint: &Fingerprint,
        record: &WholeRecord,
        is_first: bool,
        moved: &AtomicU64,
    ) -> io::Result<Put> {
        self.writing(self.put_catalog(fingerprint, record, is_first, moved))
    }

    fn is_evicted(&self, digest: &Digest) -> io::Result<bool> {
        Ok(self.client.head(&self.names.evicted(digest))?.is_some())
    }

    fn mark_evicted(&self, digest: &Digest) -> io::Result<()> {
        self.writing(self.client.create(&self.names.evicted(digest), &Bytes::new())).map(drop)
    }

    fn named(&self, beginning: &str) -> io::Result<Named> {
        let Some(shard) = beginning.get(..2) else { return Ok((Vec::new(), Vec::new())) };
        let actions = self.client.list(&self.names.shard(None, shard))?;
        let blobs = self.client.list(&self.names.shard(Some(Area::Objects), shard))?;
        let fits = |name: &&String| name.starts_with(beginning);
        Ok((
            actions.iter().filter(fits).filter_map(|name| name.parse().ok()).collect(),
            blobs.iter().filter(fits).filter_map(|name| name.parse().ok()).collect(),
        ))
    }

    fn runs(&self) -> io::Result<Vec<RunId>> {
        let names = self.client.list(&self.names.runs())?;
        let mut runs: Vec<RunId> =
            names.iter().filter_map(|name| RunId::parse(name.split('/').next().unwrap_or_default())).collect();
        runs.dedup();
        Ok(runs)
    }

    fn run_file(&self, run: &RunId, name: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(self.client.get(&self.names.run_file(run, name), bytes_max)?.map(|object| object.bytes))
    }

    fn put_run_file(&self, run: &RunId, name: &str, bytes: &[u8]) -> io::Result<()> {
        let put = self.client.overwrite(&self.names.run_file(run, name), &Bytes::copy_from_slice(bytes));
        self.writing(put)
    }

    fn put_root(&self, user: &str, run: &RunId, experiment: &str) -> io::Result<()> {
        let put = self.client.overwrite(&self.names.root(user, run), &Bytes::from(experiment.to_owned()));
        self.writing(put)
    }

    fn row_kinds(&self) -> io::Result<Vec<Component>> {
        let names = self.client.list(&self.names.rows())?;
        let mut kinds: Vec<&str> = names.iter().filter_map(|name| Some(name.split_once('/')?.0)).collect();
        kinds.dedup();
        Ok(kinds.into_iter().filter_map(Component::read).collect())
    }

    fn row_packs(&self, kind: &Component) -> io::Result<Vec<Digest>> {
        let names = self.client.list(&self.names.rows_of(kind))?;
        Ok(names.iter().filter_map(|name| pack_of(name)).collect())
    }

    fn row_pack(&self, kind: &Component, pack: &Digest, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(self.client.get(&self.names.row_pack(kind, pack), bytes_max)?.map(|object| object.bytes))
    }

    fn put_row_pack(&self, kind: &Component, pack: &Digest, bytes: &[u8]) -> io::Result<()> {
        let put = self.client.create(&self.names.row_pack(kind, pack), &Bytes::copy_from_slice(bytes));
        self.writing(put).map(drop)
    }
}
