//! Finding the claim that is used for a recipe.
//!
//! Of several valid claims the one whose work began first is used, then the one with the smaller name, so that everyone
//! who sees the same files uses the same one. The index answers as long as neither the claim's file nor its folder has
//! changed; otherwise the folder is read.

use super::claim::{CLAIM_BYTES_MAX, Claim, ClaimId, ClaimSummary};
use super::error::{StoreError, failed};
use super::index::{Entry, Table};
use super::notice::Notice;
use super::open::Core;
use super::sightings::is_of_the_machine;
use super::stamp::Stamp;
use super::{Store, disk};
use retort_fingerprint::Fingerprint;

/// A claim that may be used: its name, what it says, and its file's stamp.
pub(super) type ValidClaim = (ClaimId, Claim, Stamp);

impl Store {
    /// Finds the claim that is used for a recipe: one look-up in the index and two calls of `stat` when nothing changed. What
    /// is not here is looked for in the layers.
    pub fn find(&self, fingerprint: &Fingerprint) -> Result<Option<ClaimSummary>, StoreError> {
        let found = match self.core.indexed(fingerprint) {
            Some(summary) => Some(summary),
            None => self.core.find_here(fingerprint)?,
        };
        match found {
            Some(mut summary) => {
                self.core.layers.expect(&summary);
                summary.from = self.core.layers.origin(fingerprint);
                Ok(Some(summary))
            }
            None => Ok(self.core.find_in_layers(fingerprint)),
        }
    }

    /// Reads the claim that is used for a recipe, with its manifest and notes, wherever it is.
    pub fn claim(&self, fingerprint: &Fingerprint) -> Result<Option<(ClaimId, Claim)>, StoreError> {
        Ok(self.claims(fingerprint)?.into_iter().next())
    }

    /// Reads every valid claim for a recipe that is here, the one that is used first; where none is, that of a layer. Others
    /// are ignored with a notice.
    pub fn claims(&self, fingerprint: &Fingerprint) -> Result<Vec<(ClaimId, Claim)>, StoreError> {
        let here: Vec<_> = self.core.usable(fingerprint)?.into_iter().map(|(id, claim, _)| (id, claim)).collect();
        if !here.is_empty() {
            return Ok(here);
        }
        let elsewhere = self.core.claim_in_layers(fingerprint);
        Ok(elsewhere.map(|(_, whole)| (whole.id, whole.claim)).into_iter().collect())
    }
}

impl Core {
    /// Finds the claim that is used among those that are here, and tells the index.
    fn find_here(&self, fingerprint: &Fingerprint) -> Result<Option<ClaimSummary>, StoreError> {
        let Some(folder) = disk::stamp_at(&self.layout.claims_of(fingerprint)) else { return Ok(None) };
        let Some((id, claim, file)) = self.usable(fingerprint)?.into_iter().next() else { return Ok(None) };
        let summary = claim.summary(id);
        self.index.put(Table::Claims, vec![entry(fingerprint, &summary, &folder, &file)]);
        Ok(Some(summary))
    }

    fn indexed(&self, fingerprint: &Fingerprint) -> Option<ClaimSummary> {
        // Whom to trust may have changed since.
        let value = self.index.get(Table::Claims, fingerprint.as_bytes()).filter(|_| !self.trust.require)?;
        let (folder, rest) = value.split_at_checked(Stamp::ENCODED)?;
        let (file, rest) = rest.split_at_checked(Stamp::ENCODED)?;
        let summary = ClaimSummary::decode(rest)?;
        let path = self.layout.claim(fingerprint, &summary.id.0);
        let same = |path, known: &[u8]| disk::stamp_at(path).is_some_and(|stamp| stamp.encode() == known);
        (same(path.parent()?, folder) && same(&path, file)).then_some(summary)
    }

    /// Reads a recipe's folder: the valid claims in the order of their use, each with its file's stamp.
    pub(super) fn claims(&self, fingerprint: &Fingerprint) -> Result<Vec<ValidClaim>, StoreError> {
        let (valid, ignored) = self.read_claims(fingerprint)?;
        for notice in ignored {
            self.notices.push(notice);
        }
        Ok(valid)
    }

    /// Reads a recipe's folder into the valid claims and what is wrong with the rest.
    pub(super) fn read_claims(&self, fingerprint: &Fingerprint) -> Result<(Vec<ValidClaim>, Vec<Notice>), StoreError> {
        let folder = self.layout.claims_of(fingerprint);
        let (mut valid, mut ignored) = (Vec::new(), Vec::new());
        let names = match disk::names(&folder) {
            Ok(names) => names,
            Err(error) if is_of_the_machine(&error) => return Err(failed("list claims")(error)),
            // What cannot be read is a miss, not the end of a run.
            Err(error) => {
                ignored.push(Notice::ClaimIgnored { path: folder, why: error.to_string() });
                return Ok((valid, ignored));
            }
        };
        for name in names {
            let path = folder.join(&name);
            let read = || {
                let id = ClaimId(name.parse().map_err(|_| "its name is not a digest".to_owned())?);
                let Some((bytes, stamp)) =
                    disk::read_small(&path, CLAIM_BYTES_MAX).map_err(|error| error.to_string())?
                else {
                    return Ok(None);
                };
                Claim::decode(&bytes, id, fingerprint).map(|claim| Some((id, claim, stamp)))
            };
            match read() {
                Ok(claim) => valid.extend(claim),
                Err(why) => ignored.push(Notice::ClaimIgnored { path, why }),
            }
        }
        valid.sort_by_key(|(id, claim, _)| (claim.started_at_ms, *id));
        Ok((valid, ignored))
    }

    /// Returns the index entry for a claim just published, unless its folder holds others that may come first.
    pub(super) fn sole_claim_entry(&self, fingerprint: &Fingerprint, summary: &ClaimSummary) -> Option<Entry> {
        let path = self.layout.claim(fingerprint, &summary.id.0);
        let folder = disk::stamp_at(path.parent()?)?;
        let file = disk::stamp_at(&path)?;
        let alone = disk::names(path.parent()?).is_ok_and(|names| names.len() == 1);
        alone.then(|| entry(fingerprint, summary, &folder, &file))
    }
}

/// Makes an index entry: the folder's stamp, the file's stamp, the summary.
///
/// Stamps need not be settled here. The summary came from a claim that was read whole, and what a change within the
/// same tick could hide is only that another valid claim should be used.
pub(super) fn entry(fingerprint: &Fingerprint, summary: &ClaimSummary, folder: &Stamp, file: &Stamp) -> Entry {
    let mut value = Vec::with_capacity(256);
    value.extend_from_slice(&folder.encode());
    value.extend_from_slice(&file.encode());
    summary.encode(&mut value);
    (fingerprint.as_bytes().to_vec(), value)
}
