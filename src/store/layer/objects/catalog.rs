//! A recipe's catalog: one object with every claim for it and their signatures, so that one request finds the claim to use.
//!
//! Form, version 2: `{"catalog":2,"claims":[{"claim":"…","id":"…","signatures":{"<key>":"<signature>"}}]}`, the text of each
//! claim's file as it is and the claim's name, keys and signatures as hexadecimal digits. Nothing in a catalog is believed: each
//! claim must have the bytes of its name, lest a bit that was flipped make another claim, and be about the recipe, and each
//! signature is verified. Version 1 had no names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::claim::{CLAIM_BYTES_MAX, ClaimId};
use crate::head::{WholeClaim, whole};
use crate::trust::Signed;
use retort_fingerprint::Fingerprint;

/// A larger object is no catalog.
pub(super) const CATALOG_BYTES_MAX: u64 = CLAIM_BYTES_MAX;

/// More claims for one recipe are of no use to anyone.
pub(super) const CLAIMS_MAX: usize = 64;

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

/// What a recipe's catalog says.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// The claims that are about the recipe, in the order of their use.
    pub(super) claims: Vec<WholeClaim>,
}

/// What came of adding a claim.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// The claim or a signature is new.
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
            let claim = whole(entry.claim.into_bytes(), fingerprint).ok()?;
            if claim.id.to_string() != entry.id {
                return None;
            }
            let signed = entry.signatures.iter().take(CLAIMS_MAX);
            let signatures = signed.filter_map(|(key, text)| Signed::read(claim.id, key, text)).collect();
            Some(WholeClaim { signatures, ..claim })
        };
        let mut claims: Vec<WholeClaim> = file.claims.into_iter().take(CLAIMS_MAX).filter_map(read).collect();
        claims.sort_by_key(|claim| (claim.claim.started_at_ms, claim.id));
        claims.dedup_by_key(|claim| claim.id);
        Some(Self { claims })
    }

    /// Adds a claim, or the signatures that are new of one that is there.
    pub(super) fn add(&mut self, claim: &WholeClaim) -> Added {
        let Some(known) = self.claims.iter_mut().find(|known| known.id == claim.id) else {
            if self.claims.len() >= CLAIMS_MAX {
                return Added::Full;
            }
            self.claims.push(claim.clone());
            return Added::New;
        };
        let new: Vec<Signed> =
            claim.signatures.iter().filter(|signed| !known.signatures.contains(signed)).copied().collect();
        known.signatures.extend(&new);
        if new.is_empty() { Added::Known } else { Added::New }
    }

    /// Tells whether a claim is in it.
    pub(super) fn has(&self, id: ClaimId) -> bool {
        self.claims.iter().any(|claim| claim.id == id)
    }

    /// Writes the catalog; `None` when it would be larger than one may be.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let entry = |claim: &WholeClaim| {
            // A claim that was read is JSON, which is text.
            let text = String::from_utf8_lossy(&claim.bytes).into_owned();
            let signatures = claim.signatures.iter().map(Signed::write).collect();
            EntryV2 { claim: text, id: claim.id.to_string(), signatures }
        };
        let file = FileV2 { catalog: VERSION, claims: self.claims.iter().map(entry).collect() };
        let bytes = serde_json::to_vec(&file).ok()?;
        (bytes.len() as u64 <= CATALOG_BYTES_MAX).then_some(bytes)
    }
}
