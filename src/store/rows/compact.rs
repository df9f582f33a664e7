//! What is done to all rows at once: merging small packs, and putting every pack into the index again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::shelf::{index_pack, seal_rows};
use super::{PACK, SEAL_BYTES, index_key, journal, pack};
use crate::disk;
use crate::index::Table;
use crate::layout::{Area, Component};
use crate::open::Core;
use retort_fingerprint::Digest;

/// Fewer small packs are not worth a merge.
const MERGE_MIN: usize = 8;

/// Lists the kinds of rows that the cache holds.
pub(crate) fn kinds(core: &Core) -> io::Result<Vec<Component>> {
    Ok(disk::names(&core.layout.area(Area::Rows))?.iter().map(|name| Component::listed(name)).collect())
}

/// Merges small packs of a kind into one; returns how many packs went into it.
///
/// The merged pack is durable before the others go, and whoever looks for a row in one that is gone finds it again.
pub(crate) fn compact(core: &Core, kind: &Component) -> io::Result<usize> {
    let folder = core.layout.rows_of(kind);
    let (mut small, mut bytes) = (Vec::new(), 0);
    for digest in packs(&disk::names(&folder)?) {
        let path = folder.join(format!("{digest}{PACK}"));
        let size = disk::stamp_at(&path).map_or(0, |stamp| stamp.bytes());
        // A damaged pack is left for `verify` to name.
        if bytes + size <= SEAL_BYTES && pack::inspect(&path).is_ok() {
            bytes += size;
            small.push((digest, path));
        }
    }
    if small.len() < MERGE_MIN {
        return Ok(0);
    }
    let mut rows = BTreeMap::new();
    for (_, path) in &small {
        let Some(file) = pack::open(path)? else { continue };
        for (key, place) in pack::read_table(&file).map_err(io::Error::other)? {
            if let Some(payload) = journal::read(&file, &key, place)? {
                rows.entry(key).or_insert(payload);
            }
        }
    }
    let merged = seal_rows(core, kind, &folder, &rows, &mut BTreeSet::new())?;
    for (digest, path) in small.iter().filter(|(digest, _)| Some(*digest) != merged) {
        disk::remove_if_there(path)?;
        core.index.remove(Table::Packs, &index_key(kind, digest.as_bytes()));
    }
    Ok(small.len())
}

/// Puts the rows of every pack of a kind into an index that knows none; returns the number of packs.
pub(crate) fn rebuild(core: &Core, kind: &Component) -> io::Result<usize> {
    let folder = core.layout.rows_of(kind);
    let mut indexed = BTreeSet::new();
    let names = disk::names(&folder)?;
    Ok(packs(&names).filter(|digest| index_pack(core, kind, &folder, digest, &mut indexed)).count())
}

fn packs(names: &[String]) -> impl Iterator<Item = Digest> {
    names.iter().filter_map(|name| name.strip_suffix(PACK)?.parse().ok())
}
