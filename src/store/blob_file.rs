//! A blob that is read as a stream, from any place, with a fixed amount of memory.

use std::fmt;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::BlobRef;
use super::cache::Core;
use super::error::StoreError;
use super::proven::ProvenFile;
use super::stamp::now_ns;
use retort_fingerprint::Digest;

/// How often reading a file is tried that fails to be read.
pub(super) const ATTEMPTS: u32 = 3;

/// A verified blob, open for reading from its start. It was hashed whole when it was opened, and each piece of it is hashed
/// again when it is read, so that nothing is handed out that was changed meanwhile.
///
/// An error of reading carries a [`StoreError`] that names the blob; [`io::Error::downcast`] gets it out.
pub struct BlobFile {
    content: Content,
}

enum Content {
    File {
        core: Arc<Core>,
        digest: Digest,
        proven: ProvenFile,
    },
    /// It came from a remote, and nothing can be kept here.
    Memory(Cursor<Vec<u8>>),
}

impl BlobFile {
    /// Opens a blob that is here, and reads it once to verify it.
    pub(super) fn open(core: &Arc<Core>, digest: &Digest) -> Result<Self, StoreError> {
        let proven = core.prove(digest)?;
        Ok(Self { content: Content::File { core: Arc::clone(core), digest: *digest, proven } })
    }

    /// Wraps the right bytes of a blob.
    pub(super) fn in_memory(bytes: Vec<u8>) -> Self {
        Self { content: Content::Memory(Cursor::new(bytes)) }
    }

    /// Returns the size in bytes.
    pub fn size_bytes(&self) -> u64 {
        match &self.content {
            Content::File { proven, .. } => proven.size_bytes(),
            Content::Memory(bytes) => bytes.get_ref().len() as u64,
        }
    }
}

impl Core {
    /// Opens a blob's file and hashes it, whole and in pieces.
    fn prove(&self, digest: &Digest) -> Result<ProvenFile, StoreError> {
        let mut attempts = ATTEMPTS;
        loop {
            let (file, stamp) = self.find_blob(digest)?;
            let read_ns = now_ns();
            match ProvenFile::read_through(file.into_file()) {
                Ok((proven, found)) => {
                    self.judge(digest, &stamp, BlobRef { digest: found, bytes: proven.size_bytes() }, read_ns)?;
                    return Ok(proven);
                }
                Err(_) if attempts > 1 => attempts -= 1,
                Err(error) => return Err(self.unreadable(digest, error)),
            }
        }
    }
}

impl Read for BlobFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (core, digest, proven) = match &mut self.content {
            Content::Memory(bytes) => return bytes.read(into),
            Content::File { core, digest, proven } => (core, digest, proven),
        };
        let mut attempts = ATTEMPTS;
        loop {
            match proven.read(into) {
                Err(_) if attempts > 1 => attempts -= 1,
                Err(error) => return Err(io::Error::other(core.unreadable(digest, error))),
                read => return read,
            }
            // By its name it is found again or not: another process may have put the same bytes in its place, a fault of a
            // disk or of a network may pass, and what was changed is put away.
            let at = proven.stream_position()?;
            *proven = core.prove(digest).map_err(io::Error::other)?;
            proven.seek(SeekFrom::Start(at))?;
        }
    }
}

impl Seek for BlobFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.content {
            Content::File { proven, .. } => proven.seek(to),
            Content::Memory(bytes) => bytes.seek(to),
        }
    }
}

impl fmt::Debug for BlobFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobFile").field("bytes", &self.size_bytes()).finish_non_exhaustive()
    }
}
