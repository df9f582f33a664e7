//! Results of single rows: appended to journals, sealed into packs, found by key.
//!
//! Each store appends to a journal of its own per kind. Every entry carries a checksum, so a journal can be read while
//! it grows and a torn end is told from a whole entry. A finished or large journal becomes a *pack*: its rows in the
//! order of their keys behind a key table. Journals of killed processes are sealed by whoever comes next.
//!
//! Rows with one key are interchangeable: when two processes computed the same row, either may be served.
//!
//! Whoever has a key signs: a pack at its end, once for all its rows, and beside each row of a journal what only they can say
//! of it, so that their journals can be told from others' when a later process seals them. Where trust is required, only rows
//! of packs that a trusted key has signed are served, and one's own.
//!
//! What is damaged costs its own row: a journal is read on from the next sound entry, a pack without its key table; the rest
//! goes into a new pack, and the damaged file into quarantine.

mod aside;
mod compact;
mod journal;
mod listed;
mod pack;
mod rescue;
mod salvage;
mod scope;
mod shelf;
mod table;

pub(super) use compact::{compact, kinds, rebuild};
pub(super) use journal::inspect as inspect_journal;
pub(super) use pack::inspect as inspect_pack;
pub(super) use pack::signer as pack_signer;
pub(super) use rescue::rescue;
pub(super) use scope::Scope;
pub use shelf::RowStore;

pub(super) use super::pack_name::{JOURNAL, PACK, PACK_BYTES_MAX, pack_name, pack_of};

use retort_fingerprint::RowKey;

/// A larger row is refused.
const ROW_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A journal of this size is sealed, and packs are merged up to it.
const SEAL_BYTES: u64 = 32 * 1024 * 1024;

/// Bytes of the checksum behind each row.
const CHECK_BYTES: usize = 8;

/// Where a row's payload lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    offset: u64,
    bytes: u32,
}

/// A row's own digest.
type RowHash = [u8; 32];

/// Hashes a row: its key and its payload.
fn hash(key: &RowKey, payload: &[u8]) -> RowHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.as_bytes());
    hasher.update(payload);
    *hasher.finalize().as_bytes()
}

/// The checksum of a row: the first eight bytes of its digest.
fn check(key: &RowKey, payload: &[u8]) -> [u8; CHECK_BYTES] {
    let mut out = [0; CHECK_BYTES];
    out.copy_from_slice(&hash(key, payload)[..CHECK_BYTES]);
    out
}
