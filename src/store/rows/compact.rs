//! What is done to all rows at once: merging small packs, and putting every pack into the index again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use super::listed::{index_pack, seal_rows};
use super::scope::Scope;
use super::{PACK, SEAL_BYTES, pack};
use crate::cache::Core;
use crate::disk;
use crate::files::Files;
use crate::layout::{Area, Component};
use crate::trust::SecretKey;
use retort_fingerprint::{Digest, RowKey};

/// Fewer small packs are not worth a merge.
const MERGE_MIN: usize = 8;

/// Lists the kinds of rows that the cache holds.
pub(crate) fn kinds(files: &Files) -> io::Result<Vec<Component>> {
    Ok(disk::names(&files.layout.area(Area::Rows))?.iter().map(|name| Component::listed(name)).collect())
}

/// Merges the small packs of a kind that nobody has signed into one, and those that this user has; what others have signed
/// stays as it is. Returns how many packs went into the new ones.
///
/// A merged pack is durable before the others go, and whoever looks for a row in one that is gone finds it again.
pub(crate) fn compact(core: &Core, kind: &Component) -> io::Result<usize> {
    let signer = core.files.trust.signer();
    let signers = [None, signer];
    let distinct = if signer.is_some() { &signers[..] } else { &signers[..1] };
    distinct.iter().map(|signer| compact_signed(core, kind, *signer)).sum()
}

fn compact_signed(core: &Core, kind: &Component, signer: Option<&SecretKey>) -> io::Result<usize> {
    let folder = core.files.layout.rows_of(kind);
    let (mut small, mut bytes): (Vec<(Digest, PathBuf)>, _) = (Vec::new(), 0);
    let mut rows: BTreeMap<RowKey, Vec<u8>> = BTreeMap::new();
    for digest in packs(&disk::names(&folder)?) {
        let path = folder.join(format!("{digest}{PACK}"));
        let size = disk::stamp_at(&path).map_or(0, |stamp| stamp.bytes());
        if bytes + size > SEAL_BYTES {
            continue;
        }
        // A damaged pack is left for `verify` to name.
        let Some(pack) = pack::read(&path, kind, &digest).ok().flatten().filter(|pack| pack.damage.is_none()) else {
            continue;
        };
        if pack.signer == signer.map(SecretKey::public) {
            bytes += size;
            for (key, place, _) in &pack.rows {
                let payload = || pack.bytes[place.offset as usize..][..place.bytes as usize].to_vec();
                rows.entry(*key).or_insert_with(payload);
            }
            small.push((digest, path));
        }
    }
    if small.len() < MERGE_MIN {
        return Ok(0);
    }
    let merged = seal_rows(core, kind, signer, &rows, &mut BTreeSet::new())?;
    let scope = Scope::of(&core.files.trust, kind);
    for (digest, path) in small.iter().filter(|(digest, _)| Some(*digest) != merged) {
        disk::remove_if_there(path)?;
        scope.forget(core, digest);
    }
    Ok(small.len())
}

/// Puts the rows of every pack of a kind into an index that knows none; returns the number of packs.
pub(crate) fn rebuild(core: &Core, kind: &Component) -> io::Result<usize> {
    let mut indexed = BTreeSet::new();
    let names = disk::names(&core.files.layout.rows_of(kind))?;
    Ok(packs(&names).filter(|digest| index_pack(core, kind, digest, &mut indexed)).count())
}

fn packs(names: &[String]) -> impl Iterator<Item = Digest> {
    names.iter().filter_map(|name| name.strip_suffix(PACK)?.parse().ok())
}
