//! What a file that Retort writes is to hold: bytes, or a blob of the cache that may be too large for memory.

use std::io::{self, BufReader, Write};
use std::path::Path;

use fs_err as fs;

use retort_fingerprint::Digest;
use retort_store::{Store, StoreError};

use super::SessionError;

/// The content of a file.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// The bytes of a blob.
    Blob(Blob<'a>),
}

/// A blob of a cache.
#[derive(Clone, Copy)]
pub(crate) struct Blob<'a> {
    /// The cache.
    pub(crate) store: &'a Store,
    /// The name of its bytes.
    pub(crate) digest: Digest,
}

/// What is read of a blob at a time.
const BUFFER_BYTES: usize = 1 << 20;

impl Content<'_> {
    /// Names the bytes.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Bytes(bytes) => Digest::of(bytes),
            Self::Blob(blob) => blob.digest,
        }
    }

    /// Says whether a plain file has exactly these bytes.
    pub(crate) fn is_in(&self, path: &Path) -> bool {
        let Ok(meta) = fs::symlink_metadata(path) else { return false };
        match self {
            Self::Bytes(bytes) => {
                let there = || fs::read(path).is_ok_and(|there| there == *bytes);
                meta.is_file() && meta.len() == bytes.len() as u64 && there()
            }
            Self::Blob(Blob { store, digest }) => {
                let found = || fs::File::open(path).and_then(|mut file| Digest::of_reader(&mut file));
                meta.is_file()
                    && store.blob_size(digest) == Some(meta.len())
                    && found().is_ok_and(|(found, _)| found == *digest)
            }
        }
    }

    /// Writes the bytes to a file that was just made; those of a blob are verified as they pass by.
    pub(crate) fn write_to(&self, file: &mut fs::File) -> Result<(), SessionError> {
        match self {
            Self::Bytes(bytes) => Ok(file.write_all(bytes)?),
            Self::Blob(Blob { store, digest }) => {
                let mut blob = BufReader::with_capacity(BUFFER_BYTES, store.open_blob(digest)?);
                let Err(error) = io::copy(&mut blob, file) else { return Ok(()) };
                Err(error.downcast::<StoreError>().map_or_else(SessionError::from, SessionError::from))
            }
        }
    }
}
