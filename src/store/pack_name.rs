//! What the files of rows are called.

use retort_fingerprint::Digest;

/// The end of a journal's file name.
pub(super) const JOURNAL: &str = ".journal";
/// The end of a pack's file name.
pub(super) const PACK: &str = ".pack";

/// A larger pack is none of ours.
pub(super) const PACK_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Returns the file name of a pack.
pub(super) fn pack_name(pack: &Digest) -> String {
    format!("{pack}{PACK}")
}

/// Reads the file name of a pack.
pub(super) fn pack_of(name: &str) -> Option<Digest> {
    name.strip_suffix(PACK)?.parse().ok()
}
