//! Keeping what is sound in a journal that nobody writes any more, or in a damaged file, and the damaged file itself aside.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use fs_err::File;

use super::aside::set_aside;
use super::journal::{self, Rows};
use super::listed::{index_pack, seal_rows};
use super::{JOURNAL, inspect_pack, pack_of};
use crate::cache::Core;
use crate::disk::{self, Locked, Locking, Opened};
use crate::layout::Component;
use crate::notice::Notice;
use retort_fingerprint::{Digest, RowKey};

/// Keeps the sound rows of a damaged journal or pack and moves it into quarantine; `false` for what is neither, or is being
/// written.
pub(crate) fn rescue(core: &Core, kind: &Component, path: &Path) -> io::Result<bool> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if let Some(digest) = pack_of(&name) {
        if !disk::open_plain(path).is_ok_and(|opened| matches!(opened, Opened::Regular(..))) {
            return Ok(false);
        }
        super::scope::Scope::of(&core.files.trust, kind).forget(core, &digest);
        index_pack(core, kind, &digest, &mut BTreeSet::new());
        // What took its name is the pack of its sound rows, where all of them were.
        return Ok(disk::stamp_at(path).is_none() || inspect_pack(path, kind).is_ok());
    }
    let Opened::Regular(file, _) = disk::open_plain(path)? else { return Ok(false) };
    match Locked::try_new(file) {
        Locking::Taken(file) if name.ends_with(JOURNAL) => {
            adopt(core, kind, path, &file, &mut BTreeSet::new()).map(|()| true)
        }
        Locking::Taken(_) | Locking::Unsupported(_) | Locking::Busy(_) => Ok(false),
    }
}

/// Seals the rows of a journal that nobody writes any more: signed those that this user's own key vouches for, and the others
/// unsigned. The journal goes, or into quarantine where it was damaged.
pub(super) fn adopt(
    core: &Core,
    kind: &Component,
    path: &Path,
    file: &File,
    indexed: &mut BTreeSet<Digest>,
) -> io::Result<()> {
    let scan = journal::scan(file, 0)?;
    let places: Rows = scan.rows.into_iter().collect();
    let mut own: BTreeMap<RowKey, Vec<u8>> = BTreeMap::new();
    let mut others: BTreeMap<RowKey, Vec<u8>> = BTreeMap::new();
    for (key, place) in journal::without_vouchers(&places) {
        let Some(payload) = journal::read(file, key, *place)? else { continue };
        let is_own = journal::is_vouched(&core.files, kind, file, &places, key, &payload)?;
        if is_own { &mut own } else { &mut others }.insert(*key, payload);
    }
    seal_rows(core, kind, core.files.trust.signer(), &own, indexed)?;
    seal_rows(core, kind, None, &others, indexed)?;
    let Some(damaged) = scan.damaged else { return disk::remove_if_there(path) };
    let why = format!("the entry at byte {damaged} is damaged; {} sound rows are kept", own.len() + others.len());
    core.files.notices.push(Notice::RowsDamaged { path: path.to_owned(), why });
    set_aside(&core.files, path)
}
