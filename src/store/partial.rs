//! What an unfinished piece of work has saved so far, such as the state of a training.
//!
//! Each item is one file: its content, a signature where there is a key, then the digest of all this. Saving replaces the
//! file at once, so a killed process leaves the item as it was before or as it is after.
//!
//! Whoever goes on with saved work makes a result of it and signs that, so it is only believed when it was saved by this user
//! or somebody trusted: signed with a key that counts or with the user's own key for saved work ([`Core::saver`]), or,
//! unless signatures are required, unsigned where nobody else can write.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, Opened};
use super::error::{StoreError, failed};
use super::layout::Component;
use super::notice::Notice;
use super::open::Core;
use super::trust::{About, SecretKey, Trailer};
use super::{BlobRef, Store};
use retort_fingerprint::{Digest, Fingerprint};

/// The saved state of one recipe's work.
pub struct PartialDir {
    core: Arc<Core>,
    fingerprint: Fingerprint,
    folder: PathBuf,
}

/// What was found in an item's file.
pub(super) struct Item {
    content: Vec<u8>,
    trailer: Option<Trailer>,
    /// Nobody else can write the file.
    guarded: bool,
}

const DIGEST_BYTES: usize = 32;

/// How the names of items begin that say which blob is a part of the result to come.
const KEPT: &str = "kept-";

impl Store {
    /// Returns the place for a recipe's unfinished work; it is made when something is saved.
    pub fn partial(&self, fingerprint: &Fingerprint) -> PartialDir {
        let folder = self.core.layout.partial_of(fingerprint);
        PartialDir { core: Arc::clone(&self.core), fingerprint: *fingerprint, folder }
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
        let Hashed { mut file, mut hasher } = hashed;
        if let Some(signer) = self.core.saver() {
            let content = Digest::from_bytes(*hasher.finalize().as_bytes());
            let trailer = Trailer::sign(signer, About::Saved, &self.signed(Component::of(name).as_str(), &content));
            file.write_all(&trailer).map_err(&failed)?;
            hasher.update(&trailer);
        }
        file.write_all(hasher.finalize().as_bytes()).map_err(&failed)?;
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error).map_err(&failed)?;
        file.sync_all().map_err(&failed)?;
        temp.persist(&self.path(name)).map_err(&failed)?;
        disk::sync_folder(&self.folder).map_err(&failed)
    }

    /// Loads an item; `None` when it is absent or damaged, or was saved by nobody who is trusted.
    pub fn load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(name);
        match read_item(&path).map_err(failed("load training state"))? {
            None => Ok(None),
            Some(Ok(item)) => Ok(self.believed(Component::of(name).as_str(), item)),
            Some(Err(_)) => {
                self.core.notices.push(Notice::PartialDamaged { path });
                Ok(None)
            }
        }
    }

    /// Returns the content of an item that somebody trusted saved, and tells of any other.
    fn believed(&self, file: &str, item: Item) -> Option<Vec<u8>> {
        let Item { content, trailer, guarded } = item;
        let core = &self.core;
        let unsigned = || core.guarded && guarded && !core.trust.require;
        let is_signed = |trailer: Trailer| {
            let signer = trailer.signer(About::Saved, &self.signed(file, &Digest::of(&content)));
            let own = || core.saving_key().map(SecretKey::public);
            signer.is_some_and(|signer| core.trust.counts(&signer) || own() == Some(signer))
        };
        if trailer.is_some_and(is_signed) || unsigned() {
            return Some(content);
        }
        core.notices.push(Notice::PartialUntrusted { path: self.folder.join(file) });
        None
    }

    /// What is signed of an item: of which recipe it is, its file's name and its content.
    fn signed(&self, file: &str, content: &Digest) -> Vec<u8> {
        [&self.fingerprint.as_bytes()[..], Digest::of(file.as_bytes()).as_bytes(), content.as_bytes()].concat()
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
        self.core.clear_folder(&blob.digest);
        temp.persist(&path).map_err(&failed)?;
        path.parent().map_or(Ok(()), disk::sync_folder).map_err(&failed)?;
        let text = format!("{} {}", blob.digest, blob.bytes);
        self.save(&format!("{KEPT}{part}"), |out| out.write_all(text.as_bytes()))
    }

    /// Returns the parts that were kept by somebody trusted and are there.
    pub fn kept_parts(&self) -> Result<BTreeMap<String, BlobRef>, StoreError> {
        let mut parts = BTreeMap::new();
        for (name, item) in kept_items(&self.folder).map_err(failed("list kept parts"))? {
            let blob = self.believed(&name, item).and_then(|content| named_blob(&content));
            let part = name.strip_prefix(KEPT).unwrap_or_default().to_owned();
            parts.extend(blob.map(|blob| (part, blob)));
        }
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

/// Reads which parts are kept for one recipe, whoever says so, by their names.
pub(super) fn kept_parts(folder: &Path) -> io::Result<BTreeMap<String, BlobRef>> {
    let items = kept_items(folder)?;
    let part = |(name, item): (String, Item)| Some((name.strip_prefix(KEPT)?.to_owned(), named_blob(&item.content)?));
    Ok(items.into_iter().filter_map(part).collect())
}

/// Reads the sound items that say which parts are kept for one recipe.
fn kept_items(folder: &Path) -> io::Result<Vec<(String, Item)>> {
    let mut items = Vec::new();
    for name in disk::names(folder)?.into_iter().filter(|name| name.starts_with(KEPT)) {
        if let Some(Ok(item)) = read_item(&folder.join(&name))? {
            items.push((name, item));
        }
    }
    Ok(items)
}

fn named_blob(content: &[u8]) -> Option<BlobRef> {
    let (digest, bytes) = std::str::from_utf8(content).ok()?.split_once(' ')?;
    Some(BlobRef { digest: digest.parse().ok()?, bytes: bytes.parse().ok()? })
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

/// Reads an item; `None` when it is absent, an inner error when it is damaged.
pub(super) fn read_item(path: &Path) -> io::Result<Option<Result<Item, &'static str>>> {
    let mut bytes = Vec::new();
    let guarded = match disk::open_plain(path)? {
        Opened::Absent => return Ok(None),
        Opened::Odd => return Ok(Some(Err("it is not a regular file"))),
        Opened::Regular(mut file, stamp) => {
            file.read_to_end(&mut bytes)?;
            stamp.is_guarded()
        }
    };
    let content = bytes.len().checked_sub(DIGEST_BYTES);
    let Some(content) = content.filter(|&at| Digest::of(&bytes[..at]).as_bytes() == &bytes[at..]) else {
        return Ok(Some(Err("its bytes are not those of its checksum")));
    };
    bytes.truncate(content);
    let (content, trailer) = Trailer::split(&bytes);
    let content = content.len();
    bytes.truncate(content);
    Ok(Some(Ok(Item { content: bytes, trailer, guarded })))
}
