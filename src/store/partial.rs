//! What an unfinished piece of work has saved so far, such as the state of a training.
//!
//! Each item is one file: its content, then the digest of the content. Saving replaces the file at once, so a killed
//! process leaves the item as it was before or as it is after.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, Opened};
use super::error::{StoreError, failed};
use super::layout::Component;
use super::notice::Notice;
use super::open::Core;
use super::{BlobRef, Store};
use retort_fingerprint::{Digest, Fingerprint};

/// The saved state of one recipe's work.
pub struct PartialDir {
    core: Arc<Core>,
    folder: PathBuf,
}

const DIGEST_BYTES: usize = 32;

/// How the names of items begin that say which blob is a part of the result to come.
const KEPT: &str = "kept-";

impl Store {
    /// Returns the place for a recipe's unfinished work; it is made when something is saved.
    pub fn partial(&self, fingerprint: &Fingerprint) -> PartialDir {
        PartialDir { core: Arc::clone(&self.core), folder: self.core.layout.partial_of(fingerprint) }
    }
}

impl PartialDir {
    /// Saves what `write` writes durably as an item, in place of an earlier one of the same name.
    pub fn save(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), StoreError> {
        self.core.require_writable("save training state")?;
        let failed = self.core.write_failed("save training state", 0);
        let temp = self.core.temp().map_err(&failed)?;
        let file = disk::create_new(temp.path(), disk::FROZEN).map_err(&failed)?;
        let mut hashed = Hashed { file: BufWriter::new(file), hasher: blake3::Hasher::new() };
        write(&mut hashed).map_err(&failed)?;
        let Hashed { mut file, hasher } = hashed;
        file.write_all(hasher.finalize().as_bytes()).map_err(&failed)?;
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error).map_err(&failed)?;
        file.sync_all().map_err(&failed)?;
        temp.persist(&self.path(name)).map_err(&failed)?;
        disk::sync_folder(&self.folder).map_err(&failed)
    }

    /// Loads an item; `None` when it is absent or damaged.
    pub fn load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(name);
        match read_item(&path).map_err(failed("load training state"))? {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(bytes)),
            Some(Err(_)) => {
                self.core.notices.push(Notice::PartialDamaged { path });
                Ok(None)
            }
        }
    }

    /// Makes a blob durable as a further part of the result to come, and so beyond the reach of `gc`.
    pub fn keep_part(&self, part: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.core.require_writable("keep a part of a result")?;
        let failed = self.core.write_failed("keep a part of a result", bytes.len() as u64);
        let blob = BlobRef::of(bytes);
        let temp = self.core.temp().map_err(&failed)?;
        let mut file = disk::create_new(temp.path(), disk::FROZEN).map_err(&failed)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(&failed)?;
        let path = self.core.layout.blob(&blob.digest);
        temp.persist(&path).map_err(&failed)?;
        path.parent().map_or(Ok(()), disk::sync_folder).map_err(&failed)?;
        let text = format!("{} {}", blob.digest, blob.bytes);
        self.save(&format!("{KEPT}{part}"), |out| out.write_all(text.as_bytes()))
    }

    /// Returns the parts that were kept and are there.
    pub fn kept_parts(&self) -> Result<BTreeMap<String, BlobRef>, StoreError> {
        let mut parts = kept_parts(&self.folder).map_err(failed("list kept parts"))?;
        parts.retain(|_, blob| self.core.blob_bytes(&blob.digest) == Some(blob.bytes));
        Ok(parts)
    }

    /// Forgets the parts that were kept, when they are not to be any.
    pub fn forget_parts(&self) -> Result<(), StoreError> {
        let failed = failed("forget kept parts");
        for name in disk::names(&self.folder).map_err(&failed)?.iter().filter(|name| name.starts_with(KEPT)) {
            disk::remove_if_there(&self.folder.join(name)).map_err(&failed)?;
        }
        Ok(())
    }

    /// Removes everything saved, once the work is published.
    pub fn clear(&self) -> Result<(), StoreError> {
        if !self.folder.exists() {
            return Ok(());
        }
        self.core.require_writable("clear training state")?;
        disk::remove_tree(&self.folder).map_err(failed("clear training state"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(Component::of(name))
    }
}

/// Reads which parts are kept for one recipe, by their names.
pub(super) fn kept_parts(folder: &Path) -> io::Result<BTreeMap<String, BlobRef>> {
    let mut parts = BTreeMap::new();
    for name in disk::names(folder)? {
        let Some(part) = name.strip_prefix(KEPT) else { continue };
        let Some(Ok(bytes)) = read_item(&folder.join(&name))? else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let blob = text
            .split_once(' ')
            .and_then(|(digest, bytes)| Some(BlobRef { digest: digest.parse().ok()?, bytes: bytes.parse().ok()? }));
        parts.extend(blob.map(|blob| (part.to_owned(), blob)));
    }
    Ok(parts)
}

/// Passes bytes on and hashes them.
struct Hashed<W> {
    file: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads an item's content; `None` when it is absent, an inner error when it is damaged.
pub(super) fn read_item(path: &Path) -> io::Result<Option<Result<Vec<u8>, &'static str>>> {
    let mut bytes = Vec::new();
    match disk::open_plain(path)? {
        Opened::Absent => return Ok(None),
        Opened::Odd => return Ok(Some(Err("it is not a regular file"))),
        Opened::Regular(mut file, _) => file.read_to_end(&mut bytes)?,
    };
    let content = bytes.len().checked_sub(DIGEST_BYTES);
    let Some(content) = content.filter(|&at| Digest::of(&bytes[..at]).as_bytes() == &bytes[at..]) else {
        return Ok(Some(Err("its bytes are not those of its checksum")));
    };
    bytes.truncate(content);
    Ok(Some(Ok(bytes)))
}
