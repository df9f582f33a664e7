//! Rows between the cache and its remotes: whole packs, which are named by their bytes and never change.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cache::Core;
use crate::disk;
use crate::files::Files;
use crate::index::Table;
use crate::layout::Component;
use crate::notice::Notice;
use crate::remote::Remote;
use crate::rows::{self, PACK_BYTES_MAX, Scope, pack_name};
use retort_fingerprint::Digest;

impl Remote {
    /// Puts the packs of a kind there that it does not have; returns how many.
    pub(crate) fn put_rows(&self, here: &Files, kind: &Component) -> u64 {
        let (from, kind) = (here.layout.rows_of(kind), kind.clone());
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        let put = self.ask_sending("put rows", &moved, move |backend| {
            if !backend.is_writable() {
                return Ok(0);
            }
            let ours: Vec<Digest> = disk::names(&from)?.iter().filter_map(|name| rows::pack_of(name)).collect();
            if ours.is_empty() {
                return Ok(0);
            }
            let (there, mut count) = (backend.row_packs(&kind)?, 0);
            for pack in ours.iter().filter(|pack| !there.contains(pack)) {
                if let Some((bytes, _)) = disk::read_small(&from.join(pack_name(pack)), PACK_BYTES_MAX)?
                    && Digest::of(&bytes) == *pack
                {
                    backend.put_row_pack(&kind, pack, &bytes)?;
                    counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    count += 1;
                }
            }
            Ok(count)
        });
        put.unwrap_or(0)
    }

    /// Lists the kinds of rows that the remote has.
    pub(super) fn row_kinds(&self) -> Vec<Component> {
        self.ask("list rows", |backend| backend.row_kinds()).unwrap_or_default()
    }

    fn row_packs(&self, kind: &Component) -> Vec<Digest> {
        let kind = kind.clone();
        self.ask("list rows", move |backend| backend.row_packs(&kind)).unwrap_or_default()
    }

    fn row_pack(&self, kind: &Component, pack: &Digest) -> Option<Vec<u8>> {
        let (kind, pack) = (kind.clone(), *pack);
        self.ask("fetch rows", move |backend| backend.row_pack(&kind, &pack, PACK_BYTES_MAX)).flatten()
    }
}

impl Files {
    fn keep_pack(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temp = self.temp()?;
        let mut file = disk::create_new(temp.path(), disk::FROZEN)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        temp.persist(path)
    }
}

impl Core {
    /// Takes the packs of a kind that the remotes have and that were not taken before; returns how many.
    pub(crate) fn take_rows_from_remotes(&self, kind: &Component) -> u64 {
        if !self.files.writable || !self.remotes.blind_to.is_empty() {
            return 0;
        }
        self.remotes.iter().map(|remote| self.take_packs(remote, kind)).sum()
    }

    pub(super) fn take_packs(&self, remote: &Remote, kind: &Component) -> u64 {
        let folder = self.files.layout.rows_of(kind);
        let scope = Scope::of(&self.files.trust, kind);
        let mut taken = 0;
        for pack in remote.row_packs(kind) {
            let name = pack_name(&pack);
            // Packs are merged here, so that one is not here need not mean that its rows are not.
            let marker = [b"taken\0", kind.as_str().as_bytes(), b"\0", name.as_bytes()].concat();
            if self.index.get(Table::Packs, &marker).is_some() || folder.join(&name).exists() {
                continue;
            }
            let untrusted =
                || self.files.notices.push(Notice::RowsUntrusted { remote: Some(remote.name().to_owned()) });
            // Where trust is required, what nobody trusted signed is looked at once and not kept.
            let refused = scope.key(&[b"refused\0", &pack.as_bytes()[..]].concat());
            if self.index.get(Table::Packs, &refused).is_some() {
                untrusted();
                continue;
            }
            let Some(bytes) = remote.row_pack(kind, &pack) else { continue };
            let is_whole = Digest::of(&bytes) == pack;
            let is_trusted = || rows::pack_signer(kind, &bytes).is_some_and(|signer| self.files.trust.counts(&signer));
            if is_whole && self.files.trust.require && !is_trusted() {
                self.index.put(Table::Packs, vec![(refused, Vec::new())]);
                untrusted();
                continue;
            }
            let kept = if is_whole {
                self.files.keep_pack(&folder.join(&name), &bytes).map_err(|error| error.to_string())
            } else {
                Err("its bytes are not those of its name".to_owned())
            };
            match kept {
                Ok(()) => {
                    self.index.put(Table::Packs, vec![(marker, Vec::new())]);
                    taken += 1;
                }
                Err(why) => {
                    let remote = remote.name().to_owned();
                    self.files.notices.push(Notice::RemoteTrouble {
                        remote,
                        what: "take rows",
                        why: format!("`{name}`: {why}"),
                    });
                }
            }
        }
        taken
    }
}
