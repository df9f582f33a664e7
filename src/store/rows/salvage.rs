//! Finding the sound rows of a damaged file: each is known by its checksum, whatever is wrong around it.

use super::table::{self, ENTRY_BYTES, HEAD_BYTES, TABLE_CHECK_BYTES};
use super::{CHECK_BYTES, Place, ROW_BYTES_MAX, RowHash, hash};
use crate::wire::Fields;
use retort_fingerprint::RowKey;

/// Sound rows, their places and digests.
pub(super) type Found = Vec<(RowKey, Place, RowHash)>;

/// Bytes before the payload of a journal's entry: its length and its key.
pub(super) const RECORD_HEAD_BYTES: usize = 4 + 32;

/// No file is worth more hashing than this, should somebody have made one that looks sound everywhere.
const WORK_BYTES_MAX: u64 = 1 << 30;

/// How much hashing is left to be done.
pub(super) struct Work(u64);

impl Work {
    pub(super) fn new() -> Self {
        Self(WORK_BYTES_MAX)
    }

    /// Takes some of it; `false` when there is not so much left.
    fn take(&mut self, bytes: usize) -> bool {
        // A hash costs something however short its text.
        let cost = bytes as u64 + 64;
        self.0 = self.0.saturating_sub(cost);
        self.0 > 0
    }
}

/// Returns a row's digest when its payload and checksum lie at a place.
fn row_at(bytes: &[u8], key: &RowKey, place: Place) -> Option<RowHash> {
    let start = usize::try_from(place.offset).ok()?;
    let end = start.checked_add(place.bytes as usize)?;
    let (payload, said) = (bytes.get(start..end)?, bytes.get(end..end.checked_add(CHECK_BYTES)?)?);
    let hash = hash(key, payload);
    (hash[..CHECK_BYTES] == *said).then_some(hash)
}

/// Reads the rows that a sound key table names; also returns how many are not sound.
pub(super) fn by_table(bytes: &[u8], table: &[(RowKey, Place)]) -> (Found, usize) {
    let row = |(key, place): &(RowKey, Place)| Some((*key, *place, row_at(bytes, key, *place)?));
    let found: Found = table.iter().filter_map(row).collect();
    let lost = table.len() - found.len();
    (found, lost)
}

/// Finds the rows of a pack whose key table is damaged: an entry counts when what it names is a sound row. Of an entry that
/// is damaged itself, the place follows from its neighbours: the rows lie one behind the other.
pub(super) fn without_table(bytes: &[u8]) -> (Found, usize) {
    let mut work = Work::new();
    let entry = |index: u64| {
        let at = usize::try_from(HEAD_BYTES + index * ENTRY_BYTES).ok()?;
        table::entry(&mut Fields::new(bytes.get(at..)?))
    };
    let mut found = Found::new();
    let (mut lost, mut index) = (0, 0);
    // Where the payloads begin, once a sound row has told: the table does not reach so far.
    let mut payloads = bytes.len() as u64;
    let mut next = None;
    while HEAD_BYTES + (index + 1) * ENTRY_BYTES + TABLE_CHECK_BYTES <= payloads {
        let Some((key, place)) = entry(index) else { break };
        let follower = entry(index + 1).map_or(0, |(_, place)| place.offset);
        let mut row = |place: Place| {
            let fits = (place.bytes as usize) <= ROW_BYTES_MAX && work.take(place.bytes as usize);
            fits.then(|| row_at(bytes, &key, place)).flatten().map(|hash| (key, place, hash))
        };
        let reaching = |offset: u64| {
            let bytes = follower.checked_sub(offset)?.checked_sub(CHECK_BYTES as u64)?;
            Some(Place { offset, bytes: bytes.try_into().ok()? })
        };
        let sound = row(place)
            .or_else(|| row(Place { offset: next?, ..place }))
            .or_else(|| row(reaching(place.offset)?))
            .or_else(|| row(reaching(next?)?));
        if let Some((key, place, hash)) = sound {
            payloads = payloads.min(place.offset);
            next = Some(place.offset + u64::from(place.bytes) + CHECK_BYTES as u64);
            found.push((key, place, hash));
        } else {
            lost += 1;
            next = None;
        }
        index += 1;
    }
    (found, lost)
}

/// A sound entry of a journal, and where the next one begins.
pub(super) fn record_at(bytes: &[u8], at: usize) -> Option<(RowKey, Place, usize)> {
    let mut fields = Fields::new(bytes.get(at..)?);
    let length = fields.u32()?;
    let key = RowKey::from_bytes(fields.array()?);
    let place = Place { offset: (at + RECORD_HEAD_BYTES) as u64, bytes: length };
    let fits = length as usize <= ROW_BYTES_MAX;
    fits.then(|| row_at(bytes, &key, place)).flatten()?;
    Some((key, place, at + RECORD_HEAD_BYTES + length as usize + CHECK_BYTES))
}

/// Finds where the next sound entry begins behind one that is damaged.
pub(super) fn next_record(bytes: &[u8], damaged: usize) -> Option<usize> {
    let mut work = Work::new();
    let mut sound = |at: usize| {
        let length = Fields::new(bytes.get(at..)?).u32()? as usize;
        let end = at.checked_add(RECORD_HEAD_BYTES + CHECK_BYTES)?.checked_add(length)?;
        // Most places are told by a length that cannot be; nothing but zeros is no entry either.
        let possible = length <= ROW_BYTES_MAX && end <= bytes.len() && bytes[at..end].iter().any(|&byte| byte != 0);
        if !possible || !work.take(length) {
            return None;
        }
        record_at(bytes, at).map(|_| at)
    };
    // As a rule only the payload is damaged, and its length tells where the next entry is.
    let said = Fields::new(bytes.get(damaged..)?).u32().map(|length| length as usize);
    let behind = said.and_then(|length| damaged.checked_add(RECORD_HEAD_BYTES + CHECK_BYTES)?.checked_add(length));
    behind.and_then(&mut sound).or_else(|| (damaged + 1..bytes.len()).find_map(sound))
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::pack;
    use super::*;

    /// Rows as a pack has them.
    pub(crate) fn rows() -> impl Strategy<Value = BTreeMap<RowKey, Vec<u8>>> {
        let key = any::<[u8; 32]>().prop_map(RowKey::from_bytes);
        prop::collection::btree_map(key, prop::collection::vec(any::<u8>(), 0..30), 0..8)
    }

    fn payload<'a>(bytes: &'a [u8], place: &Place) -> &'a [u8] {
        &bytes[place.offset as usize..][..place.bytes as usize]
    }

    proptest! {
        #[test]
        fn a_flipped_bit_of_a_pack_costs_one_row_at_most(
            rows in rows(), at in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let (mut bytes, table) = pack::encode(&rows);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let (found, _) = match pack::read_table(&bytes) {
                Ok(table) => by_table(&bytes, &table),
                Err(_) => without_table(&bytes),
            };
            prop_assert!(found.len() + 1 >= table.len(), "{} of {}", found.len(), table.len());
            for (key, place, hash) in &found {
                prop_assert_eq!(Some(payload(&bytes, place)), rows.get(key).map(Vec::as_slice));
                prop_assert_eq!(*hash, super::hash(key, payload(&bytes, place)));
            }
        }

        #[test]
        fn a_pack_whose_whole_head_is_overwritten_keeps_its_rows(rows in rows(), junk: [u8; HEAD_BYTES as usize]) {
            let (mut bytes, _) = pack::encode(&rows);
            bytes[..HEAD_BYTES as usize].copy_from_slice(&junk);
            let found: BTreeSet<RowKey> = without_table(&bytes).0.into_iter().map(|(key, ..)| key).collect();
            prop_assert!(found.iter().eq(rows.keys()));
        }
    }
}
