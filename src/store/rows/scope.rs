//! What the index knows of the packs of a kind, under which rules they are read.

use super::{Place, RowHash};
use crate::cache::Core;
use crate::index::{Entry, Table};
use crate::layout::Component;
use crate::trust::Trust;
use crate::wire::Fields;
use retort_fingerprint::{Digest, RowKey};

/// Names the entries of a kind in the index.
///
/// Where trust is required they are apart from the others, and apart for each set of keys that count: what one set let in is
/// not there under another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope(Vec<u8>);

/// What the index knows of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Its rows are in the index.
    Indexed,
    /// It was read, and nobody trusted signed it.
    Untrusted,
}

impl Scope {
    pub(crate) fn of(trust: &Trust, kind: &Component) -> Self {
        let kind = kind.as_str().as_bytes();
        Self(if trust.require { [kind, &[1], &trust.key_set()].concat() } else { [kind, &[0]].concat() })
    }

    /// Makes the key of something of this scope.
    pub(crate) fn key(&self, of: &[u8]) -> Vec<u8> {
        [&self.0[..], of].concat()
    }

    /// Makes the entry that says in which pack a row lies. With the row's digest, what the pack holds there later is checked
    /// against what it held when it was read as a whole.
    pub(super) fn row(&self, key: &RowKey, pack: &Digest, place: Place, hash: &RowHash) -> Entry {
        let value = [&pack.as_bytes()[..], &place.offset.to_le_bytes(), &place.bytes.to_le_bytes(), hash].concat();
        (self.key(key.as_bytes()), value)
    }

    /// Returns what the index knows of a pack.
    pub(super) fn known(&self, core: &Core, pack: &Digest) -> Option<Known> {
        let value = core.index.get(Table::Packs, &self.key(pack.as_bytes()))?;
        Some(if value.is_empty() { Known::Indexed } else { Known::Untrusted })
    }

    pub(super) fn know(&self, core: &Core, pack: &Digest, known: Known) {
        let value = if known == Known::Indexed { Vec::new() } else { vec![0] };
        core.index.put(Table::Packs, vec![(self.key(pack.as_bytes()), value)]);
    }

    pub(super) fn forget(&self, core: &Core, pack: &Digest) {
        core.index.remove(Table::Packs, &self.key(pack.as_bytes()));
    }
}

/// Reads an entry's value; one that an earlier version wrote has no digest of the row.
pub(super) fn read_row(value: &[u8]) -> Option<(Digest, Place, Option<RowHash>)> {
    let mut fields = Fields::new(value);
    let (pack, place) = (fields.digest()?, Place { offset: fields.u64()?, bytes: fields.u32()? });
    Some((pack, place, fields.array()))
}
