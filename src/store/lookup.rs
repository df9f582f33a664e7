//! Finding the record that is used for an action.
//!
//! Of several valid records the one whose work began first is used, then the one with the smaller name, so that everyone
//! who sees the same files uses the same one. The index answers as long as neither the record's file nor its folder has
//! changed; otherwise the folder is read.

use super::cache::Core;
use super::error::{StoreError, failed};
use super::files::Files;
use super::index::{Entry, Table};
use super::notice::Notice;
use super::record::{RECORD_BYTES_MAX, Record, RecordId, RecordSummary};
use super::sightings::is_of_the_machine;
use super::stamp::Stamp;
use super::{Store, disk};
use retort_fingerprint::Fingerprint;

/// A record that may be used: its name, what it says, and its file's stamp.
pub(super) type ValidRecord = (RecordId, Record, Stamp);

impl Store {
    /// Finds the record that is used for an action: one look-up in the index and two calls of `stat` when nothing changed. What
    /// is not here is looked for in the remotes.
    pub fn find(&self, fingerprint: &Fingerprint) -> Result<Option<RecordSummary>, StoreError> {
        let found = match self.core.indexed(fingerprint) {
            Some(summary) => Some(summary),
            None => self.core.find_here(fingerprint)?,
        };
        match found {
            Some(mut summary) => {
                self.core.remotes.expect(&summary);
                summary.from = self.core.remotes.origin(fingerprint);
                Ok(Some(summary))
            }
            None => Ok(self.core.find_in_remotes(fingerprint)),
        }
    }

    /// Reads the record that is used for an action, with its manifest and notes, wherever it is.
    pub fn record(&self, fingerprint: &Fingerprint) -> Result<Option<(RecordId, Record)>, StoreError> {
        Ok(self.records(fingerprint)?.into_iter().next())
    }

    /// Reads every valid record for an action that is here, the one that is used first; where none is, that of a remote. Others
    /// are ignored with a notice.
    pub fn records(&self, fingerprint: &Fingerprint) -> Result<Vec<(RecordId, Record)>, StoreError> {
        let here: Vec<_> = self.core.usable(fingerprint)?.into_iter().map(|(id, record, _)| (id, record)).collect();
        if !here.is_empty() {
            return Ok(here);
        }
        let elsewhere = self.core.remotes.record(fingerprint);
        Ok(elsewhere.map(|(_, whole)| (whole.id, whole.record)).into_iter().collect())
    }
}

impl Files {
    /// Reads an action's folder: the valid records in the order of their use, each with its file's stamp.
    pub(super) fn records(&self, fingerprint: &Fingerprint) -> Result<Vec<ValidRecord>, StoreError> {
        let (valid, ignored) = self.read_records(fingerprint)?;
        for notice in ignored {
            self.notices.push(notice);
        }
        Ok(valid)
    }

    /// Reads an action's folder into the valid records and what is wrong with the rest.
    pub(super) fn read_records(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<(Vec<ValidRecord>, Vec<Notice>), StoreError> {
        let folder = self.layout.records_of(fingerprint);
        let (mut valid, mut ignored) = (Vec::new(), Vec::new());
        let names = match disk::names(&folder) {
            Ok(names) => names,
            Err(error) if is_of_the_machine(&error) => return Err(failed("list records")(error)),
            // What cannot be read is a miss, not the end of a run.
            Err(error) => {
                ignored.push(Notice::RecordIgnored { path: folder, why: error.to_string() });
                return Ok((valid, ignored));
            }
        };
        for name in names {
            let path = folder.join(&name);
            let read = || {
                let id = RecordId(name.parse().map_err(|_| "its name is not a digest".to_owned())?);
                let Some((bytes, stamp)) =
                    disk::read_small(&path, RECORD_BYTES_MAX).map_err(|error| error.to_string())?
                else {
                    return Ok(None);
                };
                Record::decode(&bytes, id, fingerprint).map(|record| Some((id, record, stamp)))
            };
            match read() {
                Ok(record) => valid.extend(record),
                Err(why) => ignored.push(Notice::RecordIgnored { path, why }),
            }
        }
        valid.sort_by_key(|(id, record, _)| (record.started_at_ms, *id));
        Ok((valid, ignored))
    }

    /// Returns the index entry for a record just published, unless its folder holds others that may come first.
    pub(super) fn sole_record_entry(&self, fingerprint: &Fingerprint, summary: &RecordSummary) -> Option<Entry> {
        let path = self.layout.record(fingerprint, &summary.id.0);
        let folder = disk::stamp_at(path.parent()?)?;
        let file = disk::stamp_at(&path)?;
        let alone = disk::names(path.parent()?).is_ok_and(|names| names.len() == 1);
        alone.then(|| entry(fingerprint, summary, &folder, &file))
    }
}

impl Core {
    /// Finds the record that is used among those that are here, and tells the index.
    fn find_here(&self, fingerprint: &Fingerprint) -> Result<Option<RecordSummary>, StoreError> {
        let Some(folder) = disk::stamp_at(&self.files.layout.records_of(fingerprint)) else { return Ok(None) };
        let Some((id, record, file)) = self.usable(fingerprint)?.into_iter().next() else { return Ok(None) };
        let summary = record.summary(id);
        self.index.put(Table::Records, vec![entry(fingerprint, &summary, &folder, &file)]);
        Ok(Some(summary))
    }

    fn indexed(&self, fingerprint: &Fingerprint) -> Option<RecordSummary> {
        // Whom to trust may have changed since.
        let value = self.index.get(Table::Records, fingerprint.as_bytes()).filter(|_| !self.files.trust.require)?;
        let (folder, rest) = value.split_at_checked(Stamp::ENCODED)?;
        let (file, rest) = rest.split_at_checked(Stamp::ENCODED)?;
        let summary = RecordSummary::decode(rest)?;
        let path = self.files.layout.record(fingerprint, &summary.id.0);
        let same = |path, known: &[u8]| disk::stamp_at(path).is_some_and(|stamp| stamp.encode() == known);
        (same(path.parent()?, folder) && same(&path, file)).then_some(summary)
    }
}

/// Makes an index entry: the folder's stamp, the file's stamp, the summary.
///
/// Stamps need not be settled here. The summary came from a record that was read whole, and what a change within the
/// same tick could hide is only that another valid record should be used.
pub(super) fn entry(fingerprint: &Fingerprint, summary: &RecordSummary, folder: &Stamp, file: &Stamp) -> Entry {
    let mut value = Vec::with_capacity(256);
    value.extend_from_slice(&folder.encode());
    value.extend_from_slice(&file.encode());
    summary.encode(&mut value);
    (fingerprint.as_bytes().to_vec(), value)
}
