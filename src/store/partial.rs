//! What an unfinished piece of work has saved so far, such as the state of a training.
//!
//! Each item is one file: its content, a signature where there is a key, then the digest of all this. Saving replaces the
//! file at once, so a killed process leaves the item as it was before or as it is after.
//!
//! Whoever goes on with saved work makes a result of it and signs that, so it is only believed when it was saved by this user
//! or somebody trusted: signed with a key that counts or with the user's own key for saved work ([`Core::saver`]), or,
//! unless signatures are required, unsigned where nobody else can write.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err::File;

use super::blob::Pending;
use super::cache::Core;
use super::disk::{self, Opened};
use super::error::{StoreError, failed};
use super::layout::Component;
use super::notice::Notice;
use super::proven::ProvenFile;
use super::trust::{About, SecretKey, TRAILER_BYTES, Trailer};
use super::{BlobRef, Store};
use retort_fingerprint::{Digest, Fingerprint, StreamDigest};

/// The saved state of one action's work.
pub struct PartialDir {
    core: Arc<Core>,
    fingerprint: Fingerprint,
    folder: PathBuf,
}

/// An item's file, whole and with the right checksum.
pub(super) struct Item {
    /// What is read of it is the content.
    file: ProvenFile,
    /// The digest of the content.
    content: Digest,
    trailer: Option<Trailer>,
    /// Nobody else can write the file.
    guarded: bool,
}

const DIGEST_BYTES: u64 = 32;

/// How much of an item is hashed at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// How the names of items begin that say which blob is a part of the result to come.
const KEPT: &str = "kept-";

impl Store {
    /// Returns the place for an action's unfinished work; it is made when something is saved.
    pub fn partial(&self, fingerprint: &Fingerprint) -> PartialDir {
        let folder = self.core.files.layout.partial_of(fingerprint);
        PartialDir { core: Arc::clone(&self.core), fingerprint: *fingerprint, folder }
    }
}

impl PartialDir {
    /// Saves what `write` writes durably as an item, in place of an earlier one of the same name.
    pub fn save(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), StoreError> {
        self.core.files.require_writable("save training state")?;
        let failed = self.core.files.write_failed("save training state", 0);
        let temp = self.core.files.temp().map_err(&failed)?;
        let file = disk::create_new(temp.path(), disk::FROZEN).map_err(&failed)?;
        let mut hashed = Hashed { file: BufWriter::new(file), hasher: blake3::Hasher::new() };
        write(&mut hashed).map_err(&failed)?;
        let Hashed { mut file, mut hasher } = hashed;
        if let Some(signer) = self.core.files.saver() {
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
        self.open(name)?.map(|file| whole(file).map_err(failed("load training state"))).transpose()
    }

    /// Opens an item for reading as a stream, from any place, with a fixed amount of memory; `None` as with
    /// [`load`](Self::load). What is read is verified once more, and reading fails where it was changed meanwhile.
    pub fn open(&self, name: &str) -> Result<Option<ProvenFile>, StoreError> {
        let path = self.path(name);
        match read_item(&path).map_err(failed("load training state"))? {
            None => Ok(None),
            Some(Ok(item)) => Ok(self.believed(Component::of(name).as_str(), item)),
            Some(Err(_)) => {
                self.core.files.notices.push(Notice::PartialDamaged { path });
                Ok(None)
            }
        }
    }

    /// Returns the content of an item that somebody trusted saved, and tells of any other.
    fn believed(&self, name: &str, item: Item) -> Option<ProvenFile> {
        let Item { file, content, trailer, guarded } = item;
        let core = &self.core;
        let unsigned = || core.files.guarded && guarded && !core.files.trust.require;
        let is_signed = |trailer: Trailer| {
            let signer = trailer.signer(About::Saved, &self.signed(name, &content));
            let own = || core.files.saving_key().map(SecretKey::public);
            signer.is_some_and(|signer| core.files.trust.counts(&signer) || own() == Some(signer))
        };
        if trailer.is_some_and(is_signed) || unsigned() {
            return Some(file);
        }
        core.files.notices.push(Notice::PartialUntrusted { path: self.folder.join(name) });
        None
    }

    /// What is signed of an item: of which action it is, its file's name and its content.
    fn signed(&self, file: &str, content: &Digest) -> Vec<u8> {
        [&self.fingerprint.as_bytes()[..], Digest::of(file.as_bytes()).as_bytes(), content.as_bytes()].concat()
    }

    /// Makes a blob that was written durable as a further part of the result to come, and so beyond the reach of `gc`.
    pub fn keep_part(&self, part: &str, written: Pending) -> Result<(), StoreError> {
        self.core.files.require_writable("keep a part of a result")?;
        let blob = written.blob();
        // Until its item says so, nothing else tells that it is kept.
        let _held = self.core.holds.hold([blob.digest]);
        let failed = self.core.files.write_failed("keep a part of a result", blob.bytes);
        File::open(written.temp.path()).and_then(|file| file.sync_all()).map_err(&failed)?;
        let path = self.core.files.layout.blob(&blob.digest);
        self.core.clear_folder(&blob.digest);
        written.temp.persist(&path).map_err(&failed)?;
        path.parent().map_or(Ok(()), disk::sync_folder).map_err(&failed)?;
        let text = format!("{} {}", blob.digest, blob.bytes);
        self.save(&format!("{KEPT}{part}"), |out| out.write_all(text.as_bytes()))
    }

    /// Returns the parts that were kept by somebody trusted and are there.
    pub fn kept_parts(&self) -> Result<BTreeMap<String, BlobRef>, StoreError> {
        let mut parts = BTreeMap::new();
        let failed = failed("list kept parts");
        for (name, item) in kept_items(&self.folder).map_err(&failed)? {
            let blob = self.believed(&name, item).map(named_blob).transpose().map_err(&failed)?.flatten();
            let part = name.strip_prefix(KEPT).unwrap_or_default().to_owned();
            parts.extend(blob.map(|blob| (part, blob)));
        }
        parts.retain(|_, blob| self.core.files.blob_bytes(&blob.digest) == Some(blob.bytes));
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
        self.core.files.require_writable("clear training state")?;
        disk::remove_tree(&self.folder).map_err(failed("clear training state"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(Component::of(name))
    }
}

/// Reads which parts are kept for one action, whoever says so, by their names.
pub(super) fn kept_parts(folder: &Path) -> io::Result<BTreeMap<String, BlobRef>> {
    let mut parts = BTreeMap::new();
    for (name, item) in kept_items(folder)? {
        let part = name.strip_prefix(KEPT).unwrap_or_default().to_owned();
        parts.extend(named_blob(item.file)?.map(|blob| (part, blob)));
    }
    Ok(parts)
}

/// Reads the sound items that say which parts are kept for one action.
fn kept_items(folder: &Path) -> io::Result<Vec<(String, Item)>> {
    let mut items = Vec::new();
    for name in disk::names(folder)?.into_iter().filter(|name| name.starts_with(KEPT)) {
        if let Some(Ok(item)) = read_item(&folder.join(&name))? {
            items.push((name, item));
        }
    }
    Ok(items)
}

/// Reads the blob that an item names; `None` where it names none.
fn named_blob(item: ProvenFile) -> io::Result<Option<BlobRef>> {
    let content = whole(item)?;
    let parse = || {
        let (digest, bytes) = std::str::from_utf8(&content).ok()?.split_once(' ')?;
        Some(BlobRef { digest: digest.parse().ok()?, bytes: bytes.parse().ok()? })
    };
    Ok(parse())
}

fn whole(mut file: ProvenFile) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(file.size_bytes()).unwrap_or(usize::MAX))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
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
    const WRONG: &str = "its bytes are not those of its checksum";
    let (file, guarded) = match disk::open_plain(path)? {
        Opened::Absent => return Ok(None),
        Opened::Odd => return Ok(Some(Err("it is not a regular file"))),
        Opened::Regular(file, stamp) => (file.into_file(), stamp.is_guarded()),
    };
    let (mut file, _) = ProvenFile::read_through(file)?;
    let Some(hashed) = file.size_bytes().checked_sub(DIGEST_BYTES) else { return Ok(Some(Err(WRONG))) };
    // The end says how long the content is.
    let from = hashed.saturating_sub(TRAILER_BYTES as u64);
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut end)?;
    let (end, checksum) = end.split_at((hashed - from) as usize);
    let (last, trailer) = Trailer::split(end);
    file.cut(from + last.len() as u64);
    file.rewind()?;
    let (mut hash, mut buffer) = (StreamDigest::default(), vec![0; BUFFER_BYTES.min(file.size_bytes() as usize)]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let (content, _) = hash.finish();
    hash.update(&end[last.len()..]);
    if hash.finish().0.as_bytes() != checksum {
        return Ok(Some(Err(WRONG)));
    }
    file.rewind()?;
    Ok(Some(Ok(Item { file, content, trailer, guarded })))
}
