//! Results of single rows: appended to journals, sealed into packs, found by key.
//!
//! Each store appends to a journal of its own per kind. Every record carries a checksum, so a journal can be read while
//! it grows and a torn end is told from a whole record. A finished or large journal becomes a *pack*: its rows in the
//! order of their keys behind a key table. Journals of killed processes are sealed by whoever comes next.
//!
//! Rows with one key are interchangeable: when two processes computed the same row, either may be served.

mod compact;
mod journal;
mod pack;
mod shelf;
mod take;

pub(super) use compact::{compact, kinds, rebuild};
pub(super) use journal::inspect as inspect_journal;
pub(super) use pack::inspect as inspect_pack;
pub use shelf::RowStore;

use super::index::Entry;
use super::layout::Component;
use super::wire::Fields;
use retort_fingerprint::{Digest, RowKey};

/// The end of a journal's file name.
pub(super) const JOURNAL: &str = ".journal";
/// The end of a pack's file name.
pub(super) const PACK: &str = ".pack";

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

/// The checksum of a row: the first eight bytes of the blake3 of its key and payload.
fn check(key: &RowKey, payload: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.as_bytes());
    hasher.update(payload);
    let mut out = [0; CHECK_BYTES];
    out.copy_from_slice(&hasher.finalize().as_bytes()[..CHECK_BYTES]);
    out
}

/// Returns the file name of a pack.
pub(super) fn pack_name(pack: &Digest) -> String {
    format!("{pack}{PACK}")
}

/// Reads the file name of a pack.
pub(super) fn pack_of(name: &str) -> Option<Digest> {
    name.strip_suffix(PACK)?.parse().ok()
}

fn index_key(kind: &Component, of: &[u8; 32]) -> Vec<u8> {
    [kind.as_str().as_bytes(), &[0], of].concat()
}

/// Makes the index entry that says in which pack a row lies.
fn index_entry(kind: &Component, key: &RowKey, pack: &Digest, place: Place) -> Entry {
    let value = [&pack.as_bytes()[..], &place.offset.to_le_bytes(), &place.bytes.to_le_bytes()].concat();
    (index_key(kind, key.as_bytes()), value)
}

fn read_index_value(value: &[u8]) -> Option<(Digest, Place)> {
    let mut fields = Fields::new(value);
    Some((fields.digest()?, Place { offset: fields.u64()?, bytes: fields.u32()? }))
}
