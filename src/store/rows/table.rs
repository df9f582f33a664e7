//! The key table at the beginning of a pack.

use super::Place;
use crate::wire::Fields;
use retort_fingerprint::RowKey;

/// The bytes before the table: a mark and the number of rows.
pub(super) const HEAD_BYTES: u64 = 16;
/// The bytes of one entry: a row's key, offset and length.
pub(super) const ENTRY_BYTES: u64 = 32 + 8 + 4;
/// The bytes of the digest behind the table.
pub(super) const TABLE_CHECK_BYTES: u64 = 32;

/// Reads one entry of a key table.
pub(super) fn entry(fields: &mut Fields<'_>) -> Option<(RowKey, Place)> {
    let (key, offset, bytes) = (fields.array()?, fields.u64()?, fields.u32()?);
    Some((RowKey::from_bytes(key), Place { offset, bytes }))
}
