//! Reading blobs: nothing is handed out that has not been found to have the bytes of its name.
//!
//! A blob is hashed when it is first read, and again whenever the file system says that its file may have changed.
//! What was found right is remembered with the file's stamp; mode bits count for nothing.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use fs_err::File;

use super::blob_file::{ATTEMPTS, BlobFile};
use super::blob_ref::LARGE_BYTES;
use super::cache::Core;
use super::disk::Opened;
use super::error::{StoreError, failed};
use super::index::Table;
use super::notice::Notice;
use super::session::unique;
use super::sightings::is_of_the_machine;
use super::stamp::{Stamp, now_ns};
use super::{BlobRef, Store, disk};
use retort_fingerprint::Digest;

impl Store {
    /// Reads a blob into memory; one that is not here, or is damaged, is fetched from a remote.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Corrupt`] when its bytes are not those of its name.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        self.here(digest, |core| core.read(digest)).or_else(|error| self.in_a_remote(digest, error))
    }

    /// Opens a blob for reading as a stream, from any place; one that is not here, or is damaged, is fetched from a remote.
    /// Opening it reads it once to verify it, and what is read later is verified once more. Where nothing can be kept here, a
    /// blob of a remote is read into memory.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn open_blob(&self, digest: &Digest) -> Result<BlobFile, StoreError> {
        let opened = self.here(digest, |core| BlobFile::open(core, digest));
        opened.or_else(|error| self.in_a_remote(digest, error).map(BlobFile::in_memory))
    }

    /// Does something with a blob that is here; one that is not, or is damaged, is fetched from a remote first.
    fn here<T>(&self, digest: &Digest, act: impl Fn(&Arc<Core>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match act(&self.core) {
            Err(error) if error.is_lost_blob() && !self.core.remotes.is_empty() => {
                if self.core.fetch(digest, true)? {
                    act(&self.core)
                } else {
                    Err(error)
                }
            }
            done => done,
        }
    }

    /// Reads a blob that is not here from a remote into memory, where nothing can be kept.
    fn in_a_remote(&self, digest: &Digest, error: StoreError) -> Result<Vec<u8>, StoreError> {
        let asks = error.is_lost_blob() && !self.core.files.writable && !self.core.remotes.is_empty();
        let read = if asks { self.core.read_in_remotes(digest) } else { None };
        read.ok_or(error)
    }

    /// Returns the path of a verified blob, for readers that want a file. It must not be written.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn blob_path(&self, digest: &Digest) -> Result<PathBuf, StoreError> {
        self.here(digest, |core| core.check_blob(digest)).map(|()| self.core.files.layout.blob(digest))
    }

    /// Tells whether a blob can be had: whether something has its name, here or in a remote, and the bytes of its name.
    ///
    /// What was found right before, and whose file has not changed since, is not read again. A blob that only a remote has
    /// is fetched. There are two cases in which a name and a size are believed: in a bucket, where a record vouches for its
    /// blobs, and for large blobs of a directory. Once such a blob was refused, or did not come, it is missing as well.
    pub fn holds(&self, digest: &Digest) -> bool {
        self.core.holds_here(digest) || self.core.holds_in_remotes(digest)
    }

    /// Tells whether something has a blob's name, here or in a remote, without reading it.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.blob_size(digest).is_some()
    }

    /// Returns a blob's size in bytes without reading it; `None` when no regular file has its name, here or in a remote.
    pub fn blob_size(&self, digest: &Digest) -> Option<u64> {
        self.core.files.blob_bytes(digest).or_else(|| self.core.remotes.blob_bytes(digest))
    }
}

impl Core {
    /// Tells whether a blob is here and right.
    pub(super) fn holds_here(&self, digest: &Digest) -> bool {
        let Some(stamp) = disk::stamp_at(&self.files.layout.blob(digest)) else { return false };
        if self.sightings.could_not_be_read(digest, &stamp) {
            return false;
        }
        let has_its_size = self.remotes.expected(digest).is_none_or(|said| said == stamp.bytes());
        if has_its_size && (self.is_verified(digest, &stamp) || self.sightings.was_right(digest, &stamp)) {
            return true;
        }
        match self.check_blob(digest) {
            Ok(()) => true,
            // What this machine lacks just now, whoever reads it will hear.
            Err(error) => !error.is_lost_blob(),
        }
    }

    fn read(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let (stamp, bytes, read_ns) = self.read_file(digest)?;
        if self.is_verified(digest, &stamp) && bytes.len() as u64 == stamp.bytes() {
            return Ok(bytes);
        }
        let found = BlobRef::of(&bytes);
        self.judge(digest, &stamp, found, read_ns)?;
        Ok(bytes)
    }

    fn read_file(&self, digest: &Digest) -> Result<(Stamp, Vec<u8>, i128), StoreError> {
        let mut attempts = ATTEMPTS;
        loop {
            let (mut file, stamp) = self.find_blob(digest)?;
            if stamp.bytes() > LARGE_BYTES && !self.is_verified(digest, &stamp) {
                // What only pretends to be a large blob, such as a file of holes, is found out before memory is given to it.
                self.check_blob(digest)?;
            }
            let read_ns = now_ns();
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(stamp.bytes() as usize).map_err(|error| failed("read a blob")(error.into()))?;
            match file.read_to_end(&mut bytes) {
                Ok(_) => return Ok((stamp, bytes, read_ns)),
                // Another process has put the same bytes in its place; by its name it is found again or not.
                Err(error) if error.kind() == io::ErrorKind::StaleNetworkFileHandle => {}
                // A passing fault of a disk or of a network.
                Err(_) if attempts > 1 => attempts -= 1,
                Err(error) => return Err(self.unreadable(digest, error)),
            }
        }
    }

    /// Verifies a blob that is here, unless it was found right under its stamp before.
    fn check_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        let mut attempts = ATTEMPTS;
        loop {
            let (mut file, stamp) = self.find_blob(digest)?;
            if !self.is_verified(digest, &stamp) {
                let read_ns = now_ns();
                let (found, bytes) = match Digest::of_reader(&mut file) {
                    Ok(read) => read,
                    Err(_) if attempts > 1 => {
                        attempts -= 1;
                        continue;
                    }
                    Err(error) => return Err(self.unreadable(digest, error)),
                };
                self.judge(digest, &stamp, BlobRef { digest: found, bytes }, read_ns)?;
            }
            return Ok(());
        }
    }

    /// Says what it means that a blob's file cannot be read: as good as gone, unless it is this machine that lacks
    /// something. The file is left where it is, as it may be read another time; whoever makes the blob again replaces it.
    pub(super) fn unreadable(&self, digest: &Digest, error: io::Error) -> StoreError {
        if is_of_the_machine(&error) {
            return failed("read a blob")(error);
        }
        if let Some(stamp) = disk::stamp_at(&self.files.layout.blob(digest)) {
            self.sightings.cannot_be_read(digest, &stamp);
        }
        self.files.notices.push(Notice::BlobUnreadable { digest: *digest, why: error.to_string() });
        StoreError::Corrupt { digest: *digest, why: format!("it cannot be read: {error}") }
    }

    pub(super) fn find_blob(&self, digest: &Digest) -> Result<(File, Stamp), StoreError> {
        let opened =
            disk::open_plain(&self.files.layout.blob(digest)).map_err(|error| self.unreadable(digest, error))?;
        match opened {
            Opened::Regular(file, stamp) => match self.remotes.expected(digest).filter(|said| *said != stamp.bytes()) {
                None => Ok((file, stamp)),
                Some(said) => {
                    let why = format!("it has {} bytes, and its record says {said}", stamp.bytes());
                    Err(self.quarantine(digest, Some(&stamp), why))
                }
            },
            Opened::Absent => Err(StoreError::Missing { digest: *digest }),
            Opened::Odd => Err(self.quarantine(digest, None, "it is not a regular file".to_owned())),
        }
    }

    pub(super) fn is_verified(&self, digest: &Digest, stamp: &Stamp) -> bool {
        // What others can write is hashed each time: they may change it without its stamp telling.
        let known = stamp.is_guarded().then(|| self.index.get(Table::Verified, digest.as_bytes())).flatten();
        known.is_some_and(|known| known == stamp.encode())
    }

    /// Compares what was read from `read_ns` on with what the name promises.
    pub(super) fn judge(
        &self,
        digest: &Digest,
        stamp: &Stamp,
        found: BlobRef,
        read_ns: i128,
    ) -> Result<(), StoreError> {
        if found.digest != *digest {
            let why = format!("its {} bytes have the digest {}", found.bytes, found.digest.short());
            return Err(self.quarantine(digest, Some(stamp), why));
        }
        if stamp.is_guarded() && stamp.is_settled(read_ns, 0) {
            self.index.put(Table::Verified, vec![(digest.as_bytes().to_vec(), stamp.encode().to_vec())]);
        } else {
            self.sightings.found_right(digest, stamp);
        }
        Ok(())
    }

    /// Moves a folder that stands in a blob's place into quarantine: no file can be renamed over it.
    pub(super) fn clear_folder(&self, digest: &Digest) {
        let path = self.files.layout.blob(digest);
        if fs_err::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            // Where it cannot be moved, the error of publishing names the place.
            drop(self.quarantine(digest, None, "a folder stands in its place".to_owned()));
        }
    }

    /// Takes a blob out of the way, unless another file has taken its place meanwhile, and returns the error to report.
    fn quarantine(&self, digest: &Digest, judged: Option<&Stamp>, why: String) -> StoreError {
        let path = self.files.layout.blob(digest);
        let still_there = disk::stamp_at(&path).is_some_and(|now| judged.is_none_or(|judged| judged.same_file(&now)));
        if self.files.writable && still_there {
            let aside = self.files.layout.quarantine().join(format!("{digest}.{}", unique("quarantine")));
            if disk::rename(&path, &aside).is_ok() {
                self.files.notices.push(Notice::BlobQuarantined { digest: *digest, why: why.clone() });
            }
        }
        self.index.remove(Table::Verified, digest.as_bytes());
        StoreError::Corrupt { digest: *digest, why }
    }
}
