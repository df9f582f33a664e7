//! Heads: an action's record under the action's name, so that who comes from another machine finds it with one look.
//!
//! Only a cache that a group shares has heads. A head is a second name of the first record that was published; it is never
//! replaced by another that is sound. Nothing depends on it: where it is damaged the folder of records is read, and where it
//! lacks the work is done once more, which also sets it right.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::disk;
use super::files::Files;
use super::record::{RECORD_BYTES_MAX, Record, RecordId};
use super::trust::Signed;
use retort_fingerprint::{Digest, Fingerprint};

/// A record as its file has it.
#[derive(Debug, Clone)]
pub(super) struct WholeRecord {
    pub(super) id: RecordId,
    pub(super) record: Record,
    pub(super) bytes: Vec<u8>,
    /// Those that were read so far.
    pub(super) signatures: Vec<Signed>,
}

impl Files {
    /// Makes a record's file the head of its action unless a sound one is there.
    pub(super) fn put_head(&self, fingerprint: &Fingerprint, record: &Path) -> io::Result<()> {
        if !self.heads {
            return Ok(());
        }
        let head = self.layout.head(fingerprint);
        match disk::link(record, &head) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let has_its_name = |id: RecordId| disk::stamp_at(&self.layout.record(fingerprint, &id.0)).is_some();
                if matches!(self.head(fingerprint), Ok(Some(head)) if has_its_name(head.id)) {
                    return Ok(());
                }
                disk::remove_if_there(&head)?;
                match disk::link(record, &head) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
                    other => other,
                }
            }
            // A file system without second names, or without so many, or somebody else's file that may not be linked.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Unsupported | ErrorKind::PermissionDenied | ErrorKind::TooManyLinks
                ) =>
            {
                self.copy_head(record, &head)
            }
            other => other,
        }
    }

    fn copy_head(&self, record: &Path, head: &Path) -> io::Result<()> {
        let temp = self.temp()?;
        let Some((bytes, _)) = disk::read_small(record, RECORD_BYTES_MAX)? else { return Ok(()) };
        io::Write::write_all(&mut disk::create_new(temp.path(), disk::FROZEN)?, &bytes)?;
        temp.persist(head)
    }

    /// Reads the head of an action; `None` when it has none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when what is there is no record of this action.
    pub(super) fn head(&self, fingerprint: &Fingerprint) -> io::Result<Option<WholeRecord>> {
        let read = disk::read_small(&self.layout.head(fingerprint), RECORD_BYTES_MAX)?;
        read.map(|(bytes, _)| whole(bytes, fingerprint)).transpose()
    }

    /// Reads a record's file; `None` when it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when what is there is not that record.
    pub(super) fn whole_record(&self, fingerprint: &Fingerprint, id: RecordId) -> io::Result<Option<WholeRecord>> {
        let read = disk::read_small(&self.layout.record(fingerprint, &id.0), RECORD_BYTES_MAX)?;
        let Some((bytes, _)) = read else { return Ok(None) };
        let record = whole(bytes, fingerprint)?;
        if record.id != id {
            return Err(io::Error::new(ErrorKind::InvalidData, "its bytes are not those of its name"));
        }
        Ok(Some(record))
    }

    /// Removes the head of an action whose records are gone, or whose head is none of those that are left.
    pub(super) fn tidy_head(&self, fingerprint: &Fingerprint) -> io::Result<()> {
        if !self.heads {
            return Ok(());
        }
        let kept = disk::names(&self.layout.records_of(fingerprint))?;
        let is_kept = |head: &WholeRecord| kept.contains(&head.id.to_string());
        if matches!(self.head(fingerprint), Ok(Some(head)) if is_kept(&head)) {
            return Ok(());
        }
        disk::remove_if_there(&self.layout.head(fingerprint))?;
        self.records(fingerprint)
            .ok()
            .and_then(|left| left.into_iter().next())
            .map_or(Ok(()), |(id, ..)| self.put_head(fingerprint, &self.layout.record(fingerprint, &id.0)))
    }
}

/// Reads a record of an action, whatever its name.
///
/// # Errors
/// [`ErrorKind::InvalidData`] when the bytes are no such record.
pub(super) fn whole(bytes: Vec<u8>, fingerprint: &Fingerprint) -> io::Result<WholeRecord> {
    let id = RecordId(Digest::of(&bytes));
    let record = Record::decode(&bytes, id, fingerprint).map_err(|why| io::Error::new(ErrorKind::InvalidData, why))?;
    Ok(WholeRecord { id, record, bytes, signatures: Vec::new() })
}
