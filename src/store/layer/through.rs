//! Reading through: what is not here is looked for in the layers, one after the other, and kept here.

use std::io::{self, Write};
use std::sync::PoisonError;

use fs_err::File;

use super::Layer;
use super::read::{Copied, Expected};
use crate::fingerprint::{Digest, Fingerprint};
use crate::store::claim::ClaimSummary;
use crate::store::disk;
use crate::store::error::{StoreError, failed};
use crate::store::head::WholeClaim;
use crate::store::notice::Notice;
use crate::store::open::Core;

/// A blob that can only be had in memory, because nothing can be kept here, may be so large.
const IN_MEMORY_BYTES_MAX: u64 = 1 << 30;

/// What is left free when a blob of unknown size is fetched.
const SPARE_BYTES: u64 = 64 * 1024 * 1024;

impl Core {
    /// Finds a claim in the layers and keeps it here.
    pub(in crate::store) fn find_in_layers(&self, fingerprint: &Fingerprint) -> Option<ClaimSummary> {
        if self.layers.is_empty() || self.layers.blind_to.contains(fingerprint) {
            return None;
        }
        // Where nothing can be kept, memory serves; elsewhere what was kept would have been found.
        let known = self.layers.found.lock().unwrap_or_else(PoisonError::into_inner).get(fingerprint).cloned();
        if known.is_some() && !self.writable {
            return known;
        }
        let (layer, whole) = self.claim_in_layers(fingerprint)?;
        let summary = ClaimSummary { from: Some(layer.name().to_owned()), ..whole.claim.summary(whole.id) };
        self.layers.expect(&summary);
        self.layers.found.lock().unwrap_or_else(PoisonError::into_inner).insert(*fingerprint, summary.clone());
        if let Some(Err(error)) = self.writable.then(|| self.keep_claim(fingerprint, &whole)) {
            self.notices.push(Notice::NotKept { layer: layer.name().to_owned(), why: error.to_string() });
        }
        Some(summary)
    }

    /// Finds a claim in the layers, and says in which.
    pub(in crate::store) fn claim_in_layers(&self, fingerprint: &Fingerprint) -> Option<(&Layer, WholeClaim)> {
        self.layers.iter().find_map(|layer| Some((layer, layer.claim(fingerprint)?)))
    }

    /// Keeps a claim that came from elsewhere. Should the power fail, it is looked for again.
    pub(in crate::store) fn keep_claim(&self, fingerprint: &Fingerprint, whole: &WholeClaim) -> io::Result<()> {
        self.keep_signatures(whole.id, &whole.signatures)?;
        let temp = self.temp()?;
        disk::create_new(temp.path(), disk::FROZEN)?.write_all(&whole.bytes)?;
        let path = self.layout.claim(fingerprint, &whole.id.0);
        temp.persist(&path)?;
        self.put_head(fingerprint, &path)
    }

    /// Returns the size of a blob that a layer has.
    pub(in crate::store) fn blob_bytes_in_layers(&self, digest: &Digest) -> Option<u64> {
        if self.layers.is_empty() {
            return None;
        }
        let seen = || self.layers.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen().get(digest).copied();
        known.or_else(|| {
            let bytes = self.layers.iter().find_map(|layer| layer.blob_bytes(digest))?;
            seen().insert(*digest, bytes);
            Some(bytes)
        })
    }

    /// Fetches a blob from the first layer that has it whole; `false` when none has.
    pub(in crate::store) fn fetch(&self, digest: &Digest, durable: bool) -> Result<bool, StoreError> {
        // Should it be gone, nobody is to believe that it is there.
        self.layers.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(digest);
        if !self.writable {
            return Ok(false);
        }
        for layer in self.layers.iter() {
            if self.fetch_from(layer, digest, durable)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Fetches a blob from one layer and returns its size; `None` when it has none that can be used.
    pub(super) fn fetch_from(&self, layer: &Layer, digest: &Digest, durable: bool) -> Result<Option<u64>, StoreError> {
        let failed = |bytes| self.write_failed("fetch a blob", bytes);
        let temp = self.temp().map_err(failed(0))?;
        let bytes_max = disk::available_bytes(self.layout.root()).saturating_sub(SPARE_BYTES);
        let bytes = self.layers.expected(digest);
        match layer.copy_blob(digest, Expected { bytes, bytes_max }, temp.path().to_owned()) {
            None | Some(Copied::Absent) => Ok(None),
            Some(Copied::Refused(why)) => {
                self.notices.push(Notice::BlobRefused { layer: layer.name().to_owned(), digest: *digest, why });
                Ok(None)
            }
            Some(Copied::Unwritten(error)) => Err(failed(bytes.unwrap_or(0))(error)),
            Some(Copied::Whole(bytes)) => {
                if durable {
                    File::open(temp.path()).and_then(|file| file.sync_data()).map_err(failed(bytes))?;
                }
                temp.persist(&self.layout.blob(digest)).map_err(failed(bytes))?;
                Ok(Some(bytes))
            }
        }
    }

    /// Reads a blob from a layer into memory, for a cache in which nothing can be kept.
    pub(in crate::store) fn read_in_layers(&self, digest: &Digest) -> Option<Vec<u8>> {
        for layer in self.layers.iter() {
            let (wanted, expected) = (*digest, self.layers.expected(digest));
            let read = layer.ask("read a blob", move |core| {
                let bytes_max = expected.unwrap_or(IN_MEMORY_BYTES_MAX).min(IN_MEMORY_BYTES_MAX);
                disk::read_small(&core.layout.blob(&wanted), bytes_max)
            });
            let Some(Some((bytes, _))) = read else { continue };
            let found = Digest::of(&bytes);
            if found == *digest {
                return Some(bytes);
            }
            let why = format!("its {} bytes have the digest {}", bytes.len(), found.short());
            self.notices.push(Notice::BlobRefused { layer: layer.name().to_owned(), digest: *digest, why });
        }
        None
    }

    /// Makes durable what was fetched without that.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let root = File::open(self.layout.root()).map_err(failed("make durable what was moved"))?;
        // Where it cannot be said of the whole file system, a file lost with the power is fetched again.
        disk::sync_file_system(&root);
        Ok(())
    }
}
