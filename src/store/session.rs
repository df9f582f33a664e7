//! Temporary files, gathered in one folder for each opened store so that what a killed process left can be told.
//!
//! The owner holds a lock on a file in its folder for as long as it lives; the kernel lets go of it however it dies.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::disk::{self, Locked, Locking};
use super::layout::{Area, Component, Layout};
use super::stamp::now_ns;
use retort_fingerprint::Digest;

/// How old the folder of a process on another machine, whose lock may not reach us, must be to count as left behind.
const ABANDONED_AFTER_MS: u64 = 7 * 24 * 3600 * 1000;

const LOCK: &str = "lock";

const UNIQUE_DIGITS: usize = 16;

/// This store's folder of temporary files; it is made when first needed.
#[derive(Debug)]
pub(super) struct Session {
    parent: PathBuf,
    host: String,
    folder: Mutex<Option<(PathBuf, Locked)>>,
    count: AtomicU64,
}

impl Session {
    pub(super) fn new(layout: &Layout, host: &str) -> Self {
        let parent = layout.area(Area::Tmp);
        Self { parent, host: host.to_owned(), folder: Mutex::new(None), count: AtomicU64::new(0) }
    }

    /// Returns the path for a new temporary file of this store.
    pub(super) fn path(&self) -> io::Result<PathBuf> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let path = if let Some((path, _)) = &*folder {
            path.join(number.to_string())
        } else {
            let (path, lock) = self.start()?;
            let first = path.join(number.to_string());
            *folder = Some((path, lock));
            first
        };
        Ok(path)
    }

    fn start(&self) -> io::Result<(PathBuf, Locked)> {
        loop {
            let path = self.parent.join(format!("{}.{}", Component::of(&self.host).as_str(), unique(&self.host)));
            match disk::new_folder(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            let lock = disk::create_new(&path.join(LOCK), disk::GROWING)?;
            let lock = match Locked::try_new(lock) {
                Locking::Taken(lock) => lock,
                // The folder's age alone decides then.
                Locking::Unsupported(file) => Locked::pretend(file),
                // A sweeper has it, and takes the folder away.
                Locking::Busy(_) => continue,
            };
            if path.join(LOCK).exists() {
                return Ok((path, lock));
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let folder = self.folder.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, _)) = folder.take() {
            // What cannot be removed now is swept by a later open.
            let _ = disk::remove_tree(&path);
        }
    }
}

/// A temporary file that removes itself unless it is given its final name.
#[derive(Debug)]
pub(super) struct TempFile {
    path: Option<PathBuf>,
}

impl TempFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: Some(path) }
    }

    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// Gives the file its final name, replacing what stands there.
    pub(super) fn persist(mut self, to: &Path) -> io::Result<()> {
        disk::rename(self.path(), to)?;
        self.path = None;
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let _ = fs_err::remove_file(path);
        }
    }
}

/// Lists the temporary folders whose owner is gone.
pub(super) fn abandoned(layout: &Layout, host: &str, now_ms: u64) -> io::Result<Vec<PathBuf>> {
    let tmp = layout.area(Area::Tmp);
    let ours = format!("{}.", Component::of(host).as_str());
    let mut found = Vec::new();
    for name in disk::names(&tmp)?.into_iter().filter(|name| is_unique(name)) {
        let path = tmp.join(&name);
        if is_abandoned(&path, name.starts_with(&ours), now_ms) {
            found.push(path);
        }
    }
    Ok(found)
}

fn is_abandoned(path: &Path, same_host: bool, now_ms: u64) -> bool {
    // A session's folder is a folder, and no link to one.
    if !fs_err::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        return false;
    }
    let Some(folder) = disk::stamp_at(path) else { return false };
    let lock = path.join(LOCK);
    let newest_ms = folder.newest_ms().max(disk::stamp_at(&lock).map_or(0, |stamp| stamp.newest_ms()));
    let old = newest_ms.saturating_add(ABANDONED_AFTER_MS) < now_ms;
    match disk::open_plain(&lock) {
        Ok(disk::Opened::Regular(file, _)) if same_host => match Locked::try_new(file) {
            Locking::Taken(_) => true,
            Locking::Busy(_) => false,
            Locking::Unsupported(..) => old,
        },
        _ => old,
    }
}

/// Tells whether a name ends, behind a dot or a hyphen, as those do that were made with [`unique`]: what does not is not ours
/// to remove.
pub(super) fn is_unique(name: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let unique = name.rsplit_once(['.', '-']).map(|(_, end)| end);
    unique.is_some_and(|end| end.len() == UNIQUE_DIGITS && end.bytes().all(digit))
}

/// Sixteen hexadecimal digits that no other call in any process gives, short of a freak; taken names are tried again.
pub(super) fn unique(salt: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut hex = Digest::of(format!("{salt} {} {} {count}", std::process::id(), now_ns()).as_bytes()).hex();
    hex.truncate(UNIQUE_DIGITS);
    hex
}
