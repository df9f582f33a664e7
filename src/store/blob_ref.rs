//! What a blob is called, and how large it is.

use retort_fingerprint::Digest;

/// A larger blob is verified before it is read into memory.
pub(super) const LARGE_BYTES: u64 = 64 * 1024 * 1024;

/// A blob's name and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobRef {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
}

impl BlobRef {
    /// Names bytes held in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self { digest: Digest::of(bytes), bytes: bytes.len() as u64 }
    }
}
