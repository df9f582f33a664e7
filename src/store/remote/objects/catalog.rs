//! An action's catalog: one object with every record for it and their signatures, so that one request finds the record to use.
//!
//! Form, version 2, in which a record is called a claim: `{"catalog":2,"claims":[{"claim":"…","id":"…","signatures":{"<key>":"<signature>"}}]}`, the text of each
//! record's file as it is and the record's name, keys and signatures as hexadecimal digits. Nothing in a catalog is believed: each
//! record must have the bytes of its name, lest a bit that was flipped make another record, and be about the action, and each
//! signature is verified. Version 1 had no names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::head::{WholeRecord, whole};
use crate::record::{RECORD_BYTES_MAX, RecordId};
use crate::trust::Signed;
use retort_fingerprint::Fingerprint;

/// A larger object is no catalog.
pub(super) const CATALOG_BYTES_MAX: u64 = RECORD_BYTES_MAX;

/// More records for one action are of no use to anyone.
pub(super) const RECORDS_MAX: usize = 64;

const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileV2 {
    catalog: u32,
    claims: Vec<EntryV2>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryV2 {
    claim: String,
    id: String,
    signatures: BTreeMap<String, String>,
}

/// What an action's catalog says.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// The records that are about the action, in the order of their use.
    pub(super) records: Vec<WholeRecord>,
}

/// What came of adding a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// The record or a signature is new.
    New,
    /// Nothing is new.
    Known,
    /// There is no room for it.
    Full,
}

impl Catalog {
    /// Reads a catalog; `None` when the bytes are none.
    pub(super) fn decode(bytes: &[u8], fingerprint: &Fingerprint) -> Option<Self> {
        let file: FileV2 = serde_json::from_slice(bytes).ok().filter(|file: &FileV2| file.catalog == VERSION)?;
        let read = |entry: EntryV2| {
            let record = whole(entry.claim.into_bytes(), fingerprint).ok()?;
            if record.id.to_string() != entry.id {
                return None;
            }
            let signed = entry.signatures.iter().take(RECORDS_MAX);
            let signatures = signed.filter_map(|(key, text)| Signed::read(record.id, key, text)).collect();
            Some(WholeRecord { signatures, ..record })
        };
        let mut records: Vec<WholeRecord> = file.claims.into_iter().take(RECORDS_MAX).filter_map(read).collect();
        records.sort_by_key(|record| (record.record.started_at_ms, record.id));
        records.dedup_by_key(|record| record.id);
        Some(Self { records })
    }

    /// Adds a record, or the signatures that are new of one that is there.
    pub(super) fn add(&mut self, record: &WholeRecord) -> Added {
        let Some(known) = self.records.iter_mut().find(|known| known.id == record.id) else {
            if self.records.len() >= RECORDS_MAX {
                return Added::Full;
            }
            self.records.push(record.clone());
            return Added::New;
        };
        let new: Vec<Signed> =
            record.signatures.iter().filter(|signed| !known.signatures.contains(signed)).copied().collect();
        known.signatures.extend(&new);
        if new.is_empty() { Added::Known } else { Added::New }
    }

    /// Tells whether a record is in it.
    pub(super) fn has(&self, id: RecordId) -> bool {
        self.records.iter().any(|record| record.id == id)
    }

    /// Writes the catalog; `None` when it would be larger than one may be.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let entry = |record: &WholeRecord| {
            // A record that was read is JSON, which is text.
            let text = String::from_utf8_lossy(&record.bytes).into_owned();
            let signatures = record.signatures.iter().map(Signed::write).collect();
            EntryV2 { claim: text, id: record.id.to_string(), signatures }
        };
        let file = FileV2 { catalog: VERSION, claims: self.records.iter().map(entry).collect() };
        let bytes = serde_json::to_vec(&file).ok()?;
        (bytes.len() as u64 <= CATALOG_BYTES_MAX).then_some(bytes)
    }
}
