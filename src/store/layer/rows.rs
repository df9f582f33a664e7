//! Rows between the cache and its layers: whole packs, which are named by their bytes and never change.

use std::io::{self, Write};

use super::Layer;
use super::write::require_folders;
use crate::store::disk;
use crate::store::index::Table;
use crate::store::layout::{Area, Component};
use crate::store::notice::Notice;
use crate::store::open::Core;
use crate::store::rows::{self, PACK};

/// A larger pack is none of ours.
const PACK_BYTES_MAX: u64 = 256 * 1024 * 1024;

impl Layer {
    /// Puts the packs of a kind there that it does not have; returns how many.
    pub(super) fn put_rows(&self, here: &Core, kind: &Component) -> u64 {
        let (from, kind) = (here.layout.rows_of(kind), kind.clone());
        let put = self.ask("put rows", move |core| {
            let (to, mut count) = (core.layout.rows_of(&kind), 0);
            if !core.writable {
                return Ok(0);
            }
            let there = disk::names(&to)?;
            for name in packs(disk::names(&from)?) {
                if there.binary_search(&name).is_err()
                    && let Some((bytes, _)) = disk::read_small(&from.join(&name), PACK_BYTES_MAX)?
                    && rows::is_pack(&name, &bytes)
                {
                    require_folders(&to.join(&name))?;
                    let temp = core.temp()?;
                    disk::create_new(temp.path(), disk::FROZEN)?.write_all(&bytes)?;
                    temp.persist(&to.join(&name))?;
                    count += 1;
                }
            }
            Ok(count)
        });
        put.unwrap_or(0)
    }

    /// Lists the kinds of rows that the layer has.
    pub(super) fn row_kinds(&self) -> Vec<String> {
        self.ask("list rows", |core| disk::names(&core.layout.area(Area::Rows))).unwrap_or_default()
    }

    fn row_packs(&self, kind: &Component) -> Vec<String> {
        let kind = kind.clone();
        self.ask("list rows", move |core| Ok(packs(disk::names(&core.layout.rows_of(&kind))?))).unwrap_or_default()
    }

    fn row_pack(&self, kind: &Component, name: &str) -> Option<Vec<u8>> {
        let (kind, name) = (kind.clone(), name.to_owned());
        let read = self
            .ask("fetch rows", move |core| disk::read_small(&core.layout.rows_of(&kind).join(&name), PACK_BYTES_MAX));
        read.flatten().map(|(bytes, _)| bytes)
    }
}

impl Core {
    /// Takes the packs of a kind that the layers have and that were not taken before; returns how many.
    pub(in crate::store) fn take_rows_from_layers(&self, kind: &Component) -> u64 {
        // Rows are not signed, so where trust is required none are taken from others.
        if !self.writable || self.trust.require || !self.layers.blind_to.is_empty() {
            return 0;
        }
        self.layers.iter().map(|layer| self.take_packs(layer, kind)).sum()
    }

    pub(super) fn take_packs(&self, layer: &Layer, kind: &Component) -> u64 {
        let folder = self.layout.rows_of(kind);
        let mut taken = 0;
        for name in layer.row_packs(kind) {
            // Packs are merged here, so that one is not here need not mean that its rows are not.
            let marker = [b"taken\0", kind.as_str().as_bytes(), b"\0", name.as_bytes()].concat();
            if self.index.get(Table::Packs, &marker).is_some() || folder.join(&name).exists() {
                continue;
            }
            let Some(bytes) = layer.row_pack(kind, &name) else { continue };
            let kept = if rows::is_pack(&name, &bytes) {
                self.keep_pack(&folder.join(&name), &bytes).map_err(|error| error.to_string())
            } else {
                Err("its bytes are not those of its name".to_owned())
            };
            match kept {
                Ok(()) => {
                    self.index.put(Table::Packs, vec![(marker, Vec::new())]);
                    taken += 1;
                }
                Err(why) => {
                    let layer = layer.name().to_owned();
                    self.notices.push(Notice::LayerTrouble {
                        layer,
                        what: "take rows",
                        why: format!("`{name}`: {why}"),
                    });
                }
            }
        }
        taken
    }

    fn keep_pack(&self, path: &std::path::Path, bytes: &[u8]) -> io::Result<()> {
        let temp = self.temp()?;
        let mut file = disk::create_new(temp.path(), disk::FROZEN)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        temp.persist(path)
    }
}

fn packs(names: Vec<String>) -> Vec<String> {
    names.into_iter().filter(|name| name.ends_with(PACK)).collect()
}
