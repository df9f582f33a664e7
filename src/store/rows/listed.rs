//! Putting packs into the index: each is read as a whole once, and what is damaged in it is left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use super::aside::copy_aside;
use super::scope::{Known, Scope};
use super::{PACK, hash, journal, pack};
use crate::cache::Core;
use crate::disk;
use crate::index::Table;
use crate::layout::Component;
use crate::notice::Notice;
use crate::trust::SecretKey;
use retort_fingerprint::{Digest, RowKey};

/// Puts a pack's rows into the index unless they are there, or may not be used; `true` when they were not there.
pub(super) fn index_pack(core: &Core, kind: &Component, digest: &Digest, indexed: &mut BTreeSet<Digest>) -> bool {
    if !indexed.insert(*digest) {
        return false;
    }
    let scope = Scope::of(&core.files.trust, kind);
    let untrusted = || {
        core.files.notices.push(Notice::RowsUntrusted { remote: None });
        false
    };
    match scope.known(core, digest) {
        Some(Known::Indexed) => return false,
        Some(Known::Untrusted) => return untrusted(),
        None => {}
    }
    let path = core.files.layout.rows_of(kind).join(format!("{digest}{PACK}"));
    let pack = match pack::read(&path, kind, digest) {
        Ok(Some(pack)) => pack,
        // It was merged into another since the folder was listed.
        Ok(None) => return false,
        Err(error) => {
            core.files.notices.push(Notice::RowsDamaged { path, why: error.to_string() });
            return false;
        }
    };
    if let Some(why) = &pack.damage {
        return keep_the_sound(core, kind, &path, &pack, why, indexed);
    }
    if core.files.trust.require && !pack.signer.is_some_and(|signer| core.files.trust.counts(&signer)) {
        scope.know(core, digest, Known::Untrusted);
        return untrusted();
    }
    let entries = pack.rows.iter().map(|(key, place, hash)| scope.row(key, digest, *place, hash)).collect();
    core.index.put(Table::Rows, entries);
    scope.know(core, digest, Known::Indexed);
    true
}

/// Puts the sound rows of a damaged pack into others, and the damaged one aside: signed those that this user's own key vouches
/// for, and the others unsigned.
fn keep_the_sound(
    core: &Core,
    kind: &Component,
    path: &Path,
    pack: &pack::Pack,
    why: &str,
    indexed: &mut BTreeSet<Digest>,
) -> bool {
    let row = |(key, place, _): &(RowKey, super::Place, super::RowHash)| {
        (*key, pack.bytes[place.offset as usize..][..place.bytes as usize].to_vec())
    };
    let vouchers = pack::vouchers(&pack.bytes);
    let is_own = |key: &RowKey, payload: &[u8]| {
        journal::voucher(&core.files, kind, key, payload).is_some_and(|voucher| vouchers.contains(&voucher))
    };
    let (own, others): (BTreeMap<RowKey, Vec<u8>>, BTreeMap<_, _>) =
        pack.rows.iter().map(row).partition(|(key, payload)| is_own(key, payload));
    let name = path.file_name().and_then(|name| super::pack_of(&name.to_string_lossy()));
    let mut keep = || {
        copy_aside(&core.files, path)?;
        let signed = seal_rows(core, kind, core.files.trust.signer(), &own, indexed)?;
        let unsigned = seal_rows(core, kind, None, &others, indexed)?;
        // Where every row is sound the new pack is the one that the damaged one was, and has its name.
        if name.is_none() || (signed != name && unsigned != name) {
            disk::remove_if_there(path)?;
        }
        io::Result::Ok(signed.is_some() || unsigned.is_some())
    };
    let kept = if core.files.writable { keep() } else { Ok(false) };
    let (is_new, fate) = match kept {
        Ok(is_new) if core.files.writable => (is_new, format!("{why}; its {} sound rows are kept", pack.rows.len())),
        Ok(is_new) => (is_new, why.to_owned()),
        Err(error) => (false, format!("{why}, and its sound rows cannot be kept: {error}")),
    };
    core.files.notices.push(Notice::RowsDamaged { path: path.to_owned(), why: fate });
    if core.files.writable || core.files.trust.require {
        return is_new;
    }
    // Where nothing can be written they are served from where they are.
    let scope = Scope::of(&core.files.trust, kind);
    let entries =
        |digest: Digest| pack.rows.iter().map(|(key, place, hash)| scope.row(key, &digest, *place, hash)).collect();
    name.is_some_and(|digest| {
        core.index.put(Table::Rows, entries(digest));
        !pack.rows.is_empty()
    })
}

/// Writes rows as a pack and puts them into the index where they may be used; no rows make no pack.
pub(super) fn seal_rows(
    core: &Core,
    kind: &Component,
    signer: Option<&SecretKey>,
    rows: &BTreeMap<RowKey, Vec<u8>>,
    indexed: &mut BTreeSet<Digest>,
) -> io::Result<Option<Digest>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let (digest, table) = pack::write(&core.files, kind, signer, rows)?;
    if core.files.trust.require && signer.is_none() {
        return Ok(Some(digest));
    }
    let scope = Scope::of(&core.files.trust, kind);
    let entry = |(key, place): &(RowKey, super::Place)| {
        rows.get(key).map(|payload| scope.row(key, &digest, *place, &hash(key, payload)))
    };
    core.index.put(Table::Rows, table.iter().filter_map(entry).collect());
    scope.know(core, &digest, Known::Indexed);
    indexed.insert(digest);
    Ok(Some(digest))
}
