//! What was collected, and bringing it back.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::cache::Core;
use super::error::{StoreError, failed};
use super::layout::Area;
use super::run::RunId;
use super::{Store, disk};
use retort_fingerprint::{Digest, Fingerprint};

/// The beginning of the name of a collection's folder in the trash.
pub(super) const COLLECTION: &str = "gc-";

/// One collection that is still in the trash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Collection {
    /// Its name, such as `gc-0f3a91c2d4e5b6a7`.
    pub name: String,
    /// When it was made, in milliseconds since 1970 by the clock of the file system.
    pub at_ms: u64,
    /// Files in it.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// What came back from the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Restored {
    /// Records.
    pub records: u64,
    /// Blobs.
    pub blobs: u64,
    /// Runs.
    pub runs: u64,
    /// Saved training states.
    pub partials: u64,
    /// Things that are there again already, and so stay in the trash.
    pub there: u64,
}

impl Store {
    /// Lists what was collected and has not been deleted yet, the latest last.
    pub fn collections(&self) -> Result<Vec<Collection>, StoreError> {
        let failed = failed("list the trash");
        let trash = self.core.files.layout.area(Area::Trash);
        let mut found = Vec::new();
        for name in disk::names(&trash).map_err(&failed)?.into_iter().filter(|name| name.starts_with(COLLECTION)) {
            let path = trash.join(&name);
            let at_ms = disk::stamp_at(&path).map_or(0, |stamp| stamp.newest_ms());
            let mut collection = Collection { name, at_ms, files: 0, bytes: 0 };
            disk::visit_files(&path, &mut |_, stamp| {
                collection.files += 1;
                collection.bytes += stamp.bytes();
            })
            .map_err(&failed)?;
            found.push(collection);
        }
        found.sort_by(|one, other| (one.at_ms, &one.name).cmp(&(other.at_ms, &other.name)));
        Ok(found)
    }

    /// Brings a collection back: blobs before the records that name them, runs with their roots last.
    ///
    /// # Errors
    /// [`StoreError::Unnamed`] when the trash has no such collection, or several whose names begin so.
    pub fn restore(&self, name: &str) -> Result<Restored, StoreError> {
        let core = &*self.core;
        core.files.require_writable("bring back what was collected")?;
        let trash = core.files.layout.area(Area::Trash);
        let names = disk::names(&trash).map_err(failed("list the trash"))?;
        let fits = |other: &&String| other.starts_with(COLLECTION) && other.starts_with(name);
        let mut matching = names.iter().filter(fits);
        let (Some(found), None) = (matching.next(), matching.next()) else {
            return Err(StoreError::Unnamed { name: name.to_owned(), place: "alone in the trash".to_owned() });
        };
        let mut restored = Restored::default();
        Restoring { core, folder: trash.join(found), restored: &mut restored }.all()?;
        Ok(restored)
    }
}

struct Restoring<'a> {
    core: &'a Core,
    folder: PathBuf,
    restored: &'a mut Restored,
}

impl Restoring<'_> {
    fn all(&mut self) -> Result<(), StoreError> {
        let layout = &self.core.files.layout;
        for name in self.names("objects")? {
            let Ok(digest) = name.parse::<Digest>() else { continue };
            if self.back(&format!("objects/{name}"), &layout.blob(&digest))? {
                self.restored.blobs += 1;
            }
        }
        for name in self.names("signatures")? {
            if let Ok(record) = name.parse::<Digest>() {
                self.back(&format!("signatures/{name}"), &layout.signatures_of(&record))?;
            }
        }
        for action in self.names("actions")? {
            let Ok(fingerprint) = action.parse::<Fingerprint>() else { continue };
            for name in self.names(&format!("actions/{action}"))? {
                let path = layout.records_of(&fingerprint).join(&name);
                if self.back(&format!("actions/{action}/{name}"), &path)? {
                    self.restored.records += 1;
                }
            }
            self.core.files.tidy_head(&fingerprint).map_err(failed("tidy the heads"))?;
        }
        for name in self.names("partial")? {
            let Ok(fingerprint) = name.parse::<Fingerprint>() else { continue };
            if self.back(&format!("partial/{name}"), &layout.partial_of(&fingerprint))? {
                self.restored.partials += 1;
            }
        }
        for name in self.names("runs")? {
            if RunId::parse(&name).is_some() && self.back(&format!("runs/{name}"), &layout.run(&name))? {
                self.restored.runs += 1;
            }
        }
        for user in self.names("roots")? {
            for name in self.names(&format!("roots/{user}"))? {
                if RunId::parse(&name).is_some() {
                    let root = layout.area(Area::Roots).join(&user).join(&name);
                    self.back(&format!("roots/{user}/{name}"), &root)?;
                }
            }
        }
        remove_empty(&self.folder)
    }

    fn names(&self, of: &str) -> Result<Vec<String>, StoreError> {
        disk::names(&self.folder.join(of)).map_err(failed("list the trash"))
    }

    /// Moves something back to its place; `false` when something is there.
    fn back(&mut self, name: &str, to: &Path) -> Result<bool, StoreError> {
        if disk::stamp_at(to).is_some() {
            self.restored.there += 1;
            return Ok(false);
        }
        match disk::rename(&self.folder.join(name), to) {
            Ok(()) => Ok(true),
            // A neighbour brought it back, or emptied the trash.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.core.files.write_failed("bring back what was collected", 0)(error)),
        }
    }
}

/// Removes the folders below one that hold nothing any more, and itself.
fn remove_empty(folder: &Path) -> Result<(), StoreError> {
    for name in disk::names(folder).map_err(failed("list the trash"))? {
        let path = folder.join(name);
        if fs_err::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            remove_empty(&path)?;
        }
    }
    // Fails as long as something is left, which is just what is wanted.
    let _ = fs_err::remove_dir(folder);
    Ok(())
}
