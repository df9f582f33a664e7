//! What of a cache is for its user alone: the index, whose stamps spare hashing, and a key for saved work.
//!
//! Where nobody else can write the cache's directory the index lies in it; elsewhere in a folder of the user's own, or in
//! memory where they have none.

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err::os::unix::fs::OpenOptionsExt;

use super::disk::{self, Locked, Locking};
use super::files::{Files, Who};
use super::guard;
use super::index::{Index, OpenFailure};
use super::layout::{Area, Component, Layout};
use super::notice::{Notice, Notices};
use super::session::unique;
use super::trust::SecretKey;
use retort_fingerprint::Digest;

/// The key with which saved work is signed by a user who has no key of their own to sign with.
const SAVING_KEY: &str = "saving.key";

/// The folder of the indexes of caches that others can write.
const CACHES: &str = "caches";

pub(super) fn open_index(
    layout: &Layout,
    who: &Who,
    (writable, guarded): (bool, bool),
    notices: &Arc<Notices>,
) -> (Index, Option<Locked>) {
    let in_memory = || (Index::in_memory(Arc::clone(notices)), None);
    if !writable {
        return in_memory();
    }
    let owner = format!("{}@{}", Component::of(&who.user).as_str(), Component::of(&who.host).as_str());
    let folders = if guarded && !disk::is_network(layout.root()) {
        vec![layout.area(Area::Index).join(owner)]
    } else {
        let Some(private) = &who.private else { return in_memory() };
        let root = fs_err::canonicalize(layout.root()).unwrap_or_else(|_| layout.root().to_owned());
        let caches = private.join(CACHES);
        let cache = caches.join(&Digest::of(root.as_os_str().as_encoded_bytes()).hex()[..16]);
        let index = cache.join(owner);
        vec![private.clone(), caches, cache, index]
    };
    match open_kept(layout, &folders, who, notices) {
        Ok(opened) => opened,
        Err(why) => {
            notices.push(Notice::IndexDamaged { moved_to: None, why });
            in_memory()
        }
    }
}

/// Opens the index in the last of some folders, each of which is its user's alone.
fn open_kept(
    layout: &Layout,
    folders: &[PathBuf],
    who: &Who,
    notices: &Arc<Notices>,
) -> Result<(Index, Option<Locked>), String> {
    let text = |error: io::Error| error.to_string();
    let (mut folder, mut believed) = (Path::new(""), true);
    for path in folders {
        believed &= guard::make_private(path).map_err(text)?;
        folder = path;
    }
    let (lock, _) = disk::append(&folder.join("lock")).map_err(text)?;
    let locked = || {
        notices.push(Notice::IndexLocked);
        Ok((Index::in_memory(Arc::clone(notices)), None))
    };
    let lock = match Locked::try_new(lock) {
        Locking::Taken(lock) => lock,
        Locking::Unsupported(file) => Locked::pretend(file),
        Locking::Busy(_) => return locked(),
    };
    let database = folder.join("sled-v1");
    if !database.exists() && layout.roots_of(&who.user).is_dir() {
        notices.push(Notice::IndexNew);
    }
    let why = match believed.then(|| Index::open(&database, notices)) {
        Some(Ok(index)) => return Ok((index, Some(lock))),
        Some(Err(OpenFailure::Locked)) => return locked(),
        Some(Err(OpenFailure::Damaged(why))) => why,
        None => "others could write it".to_owned(),
    };
    let aside = layout.area(Area::Trash).join(format!("index-{}", unique(&why)));
    set_aside(&database, &aside, folder).map_err(text)?;
    match Index::open(&database, notices) {
        Ok(index) => {
            notices.push(Notice::IndexDamaged { moved_to: Some(aside), why });
            Ok((index, Some(lock)))
        }
        Err(_) => Err(why),
    }
}

/// Moves a database into the trash, or, where that is on another file system, removes it: it can be made anew.
fn set_aside(database: &Path, aside: &Path, folder: &Path) -> io::Result<()> {
    match disk::rename(database, aside) {
        Err(error) if error.kind() == ErrorKind::NotFound && folder.is_dir() => Ok(()),
        Err(error) if error.kind() == ErrorKind::CrossesDevices => disk::remove_tree(database),
        other => other,
    }
}

impl Files {
    /// Returns the key with which saved work is signed: the user's own, or, where others can write the cache, one that is
    /// made for this and lies in the user's own folder. `None` where there is no such folder.
    pub(super) fn saver(&self) -> Option<&SecretKey> {
        self.trust.signer().or_else(|| self.saving_key())
    }

    /// Returns the key that is only for saved work. Where signatures are required it counts for nothing.
    pub(super) fn saving_key(&self) -> Option<&SecretKey> {
        if self.guarded || self.trust.require {
            return None;
        }
        let find = || {
            let nowhere = || io::Error::new(ErrorKind::NotFound, "this user has no folder of their own");
            let kept = self.private.as_deref().ok_or_else(nowhere).and_then(kept_key);
            kept.inspect_err(|why| self.notices.push(Notice::Unresumable { why: why.to_string() })).ok()
        };
        self.saving_key.get_or_init(find).as_ref()
    }
}

/// Reads the key of a private folder, or makes it.
fn kept_key(private: &Path) -> io::Result<SecretKey> {
    let refused = || io::Error::new(ErrorKind::PermissionDenied, "others could write the folder of the key");
    guard::make_private(private)?.then_some(()).ok_or_else(refused)?;
    let path = private.join(SAVING_KEY);
    let read = || -> io::Result<Option<SecretKey>> {
        let Some((text, stamp)) = disk::read_small(&path, 128)? else { return Ok(None) };
        if !stamp.is_guarded() {
            return Err(refused());
        }
        let text = String::from_utf8(text).map_err(io::Error::other)?;
        SecretKey::from_text(&text).map(Some).map_err(io::Error::other)
    };
    if let Some(key) = read()? {
        return Ok(key);
    }
    let mut chance = [0; 32];
    fs_err::File::open("/dev/urandom")?.read_exact(&mut chance)?;
    let temp = private.join(format!("{SAVING_KEY}.{}", unique(SAVING_KEY)));
    let mut options = fs_err::OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temp)?
        .write_all(SecretKey::from_chance(&chance).to_text().as_bytes())?;
    // The first of two processes names its key, and both use it.
    let named = fs_err::hard_link(&temp, &path);
    fs_err::remove_file(&temp)?;
    match named {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    read()?.ok_or_else(|| ErrorKind::NotFound.into())
}
