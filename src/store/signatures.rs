//! Signatures on disk: `signatures/v1/ab/<record>/<public key>`, each the 64 bytes of one signature.

use std::io::{self, Write};

use super::cache::Core;
use super::disk;
use super::error::StoreError;
use super::files::Files;
use super::lookup::ValidRecord;
use super::record::{Record, RecordId};
use super::trust::{PublicKey, Signed};
use super::{BlobRef, Store};
use retort_fingerprint::{Digest, Fingerprint};

/// More signatures of one record are of no use to anyone.
const SIGNATURES_MAX: usize = 64;

impl Files {
    /// Signs a record that is about to be published, where there is a key to sign with.
    pub(super) fn sign(&self, id: RecordId) -> io::Result<()> {
        let Some(signer) = self.trust.signer() else { return Ok(()) };
        self.keep_signatures(id, &[Signed::by(signer, id)])
    }

    /// Keeps signatures of a record.
    pub(super) fn keep_signatures(&self, id: RecordId, signatures: &[Signed]) -> io::Result<()> {
        for signed in signatures {
            let path = self.layout.signature(&id.0, &signed.key_name());
            if self.read_signature(id, signed.key()).is_some() {
                continue;
            }
            let temp = self.temp()?;
            disk::create_new(temp.path(), disk::FROZEN)?.write_all(signed.bytes())?;
            temp.persist(&path)?;
        }
        Ok(())
    }

    /// Reads the sound signatures of a record, whoever made them.
    pub(super) fn signatures(&self, id: RecordId) -> Vec<Signed> {
        // Without its signatures a record is worth less, but not nothing.
        let names = disk::names(&self.layout.signatures_of(&id.0)).unwrap_or_default();
        let keys = names.iter().take(SIGNATURES_MAX).filter_map(|name| PublicKey::from_hex(name));
        keys.filter_map(|key| self.read_signature(id, key)).collect()
    }

    /// Tells whether a record may be used as far as trust goes.
    pub(super) fn is_trusted(&self, id: RecordId) -> bool {
        !self.trust.require || self.is_signed(id)
    }

    /// Tells whether a trusted key has signed a record.
    pub(super) fn is_signed(&self, id: RecordId) -> bool {
        self.trust.keys().any(|key| self.read_signature(id, *key).is_some())
    }

    /// As [`is_trusted`](Self::is_trusted), and counts what may not be used.
    pub(super) fn may_use(&self, id: RecordId, record: &Record) -> bool {
        let trusted = self.is_trusted(id);
        if !trusted {
            self.trust.passed_by(id, &record.producer);
        }
        trusted
    }

    /// Reads an action's folder: the records that may be used in the order of their use. Others are counted. Of several, those
    /// whose bytes are here or were evicted on purpose come first: a result that was made again, and came out otherwise, is
    /// the one that counts once the bytes of the earlier one are lost.
    pub(super) fn usable(
        &self,
        fingerprint: &Fingerprint,
        is_evicted: impl Fn(&Digest) -> bool,
    ) -> Result<Vec<ValidRecord>, StoreError> {
        let mut records = self.records(fingerprint)?;
        records.retain(|(id, record, _)| self.may_use(*id, record));
        if records.len() > 1 {
            let has = |blob: &BlobRef| self.blob_bytes(&blob.digest) == Some(blob.bytes) || is_evicted(&blob.digest);
            records.sort_by_cached_key(|(_, record, _)| !record.outputs.values().all(has));
        }
        Ok(records)
    }

    fn read_signature(&self, id: RecordId, key: PublicKey) -> Option<Signed> {
        let path = self.layout.signature(&id.0, &key.hex());
        let (bytes, _) = disk::read_small(&path, 64).ok()??;
        Signed::verify(id, &key.hex(), &bytes)
    }
}

impl Core {
    /// As [`Files::usable`], where what is evicted in a remote counts as well.
    pub(super) fn usable(&self, fingerprint: &Fingerprint) -> Result<Vec<ValidRecord>, StoreError> {
        self.files.usable(fingerprint, |digest| self.is_evicted(digest))
    }
}

impl Store {
    /// Signs a record of somebody else, after its result was computed again and was the same. `false` without a key.
    pub fn countersign(&self, record: &Digest) -> Result<bool, StoreError> {
        self.core.files.require_writable("countersign a result")?;
        self.core.files.sign(RecordId(*record)).map_err(self.core.files.write_failed("countersign a result", 0))?;
        Ok(self.core.files.trust.signer().is_some())
    }

    /// Returns the keys that have signed a record.
    pub fn signers(&self, record: &Digest) -> Vec<PublicKey> {
        self.core.files.signatures(RecordId(*record)).iter().map(Signed::key).collect()
    }
}
