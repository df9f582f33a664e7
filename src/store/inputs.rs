//! Digests of files outside the cache, computed once for each state of the file.

use std::path::Path;

use super::error::{StoreError, failed};
use super::index::Table;
use super::stamp::{Stamp, now_ns, stamps_tell, stamps_tell_at};
use super::{BlobRef, Store, disk};
use retort_fingerprint::Digest;

/// External inputs may lie on a server whose clock is a little off, so their stamps have to be this much older.
pub(super) const SLACK_NS: i128 = 2_000_000_000;

impl Store {
    /// Returns the digest and size of a file outside the cache; links are followed.
    ///
    /// The digest is remembered by (device, inode, size, mtime, ctime). A file that changed within the last two seconds
    /// is hashed each time, since a further change might not show in its stamp; so is one in memory (tmpfs), whose stamp
    /// stays the same when it is written through a mapping.
    ///
    /// # Errors
    /// [`StoreError::NotAFile`] for a folder, pipe or device; [`StoreError::Changed`] when it changes meanwhile;
    /// [`StoreError::Io`].
    pub fn file_digest(&self, path: &Path) -> Result<BlobRef, StoreError> {
        let failed = failed("hash an input");
        let metadata = fs_err::metadata(path).map_err(&failed)?;
        if !metadata.is_file() {
            return Err(StoreError::NotAFile { path: path.to_owned() });
        }
        let stamp = Stamp::of(&metadata);
        match self.known_digest(&stamp).filter(|_| stamps_tell_at(path)) {
            Some(digest) => Ok(BlobRef { digest, bytes: stamp.bytes() }),
            None => self.hash_input(path),
        }
    }

    /// Returns the digest that a file of this stamp had when it was hashed.
    pub(super) fn known_digest(&self, stamp: &Stamp) -> Option<Digest> {
        let known = self.core.index.get(Table::Inputs, &stamp.file_id())?;
        let (of, digest) = known.split_at_checked(Stamp::ENCODED)?;
        let digest = digest.try_into().ok().map(Digest::from_bytes);
        digest.filter(|_| of == stamp.encode())
    }

    fn hash_input(&self, path: &Path) -> Result<BlobRef, StoreError> {
        let failed = failed("hash an input");
        let mut file = disk::open_input(path).map_err(&failed)?;
        let before = file.metadata().map_err(&failed)?;
        if !before.is_file() {
            return Err(StoreError::NotAFile { path: path.to_owned() });
        }
        let read_ns = now_ns();
        let stamp = Stamp::of(&before);
        let (digest, bytes) = Digest::of_reader(&mut file).map_err(&failed)?;
        let after = Stamp::of(&file.metadata().map_err(&failed)?);
        if after != stamp || bytes != stamp.bytes() {
            return Err(StoreError::Changed { path: path.to_owned() });
        }
        if stamp.is_settled(read_ns, SLACK_NS) && stamps_tell(&file) {
            let value = [&stamp.encode()[..], digest.as_bytes()].concat();
            self.core.index.put(Table::Inputs, vec![(stamp.file_id().to_vec(), value)]);
        }
        Ok(BlobRef { digest, bytes })
    }
}
