//! The few ways in which the store touches the file system.
//!
//! Modes are always set on the open file or right after making a folder, never left to the umask: for the owner alone to
//! write, or, in a folder that a group shares, for the group. Nobody's file but our own ever gets another mode. Files are
//! opened without following links and without waiting, so that neither a symbolic link nor a pipe in the cache can
//! mislead or hang a reader.

use std::fs::TryLockError;
use std::io::{self, ErrorKind, Read};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err::os::unix::fs::OpenOptionsExt;
use fs_err::{File, OpenOptions};
use rustix::fs::OFlags;

use super::stamp::Stamp;

/// The mode of what never changes once it has its name.
pub(super) const FROZEN: u32 = 0o444;
/// The mode of what is appended to or rewritten.
pub(super) const GROWING: u32 = 0o644;
const FOLDER: u32 = 0o755;

/// The same in a folder that a group shares. What is made in such a folder belongs to the group as well.
const SHARED_GROWING: u32 = 0o664;
/// The mode of a folder that a group shares.
pub(super) const SHARED_FOLDER: u32 = 0o2775;
/// By these two bits it is known: its group may write, and hands itself on.
const SHARED_SIGN: u32 = 0o2020;

/// How long a passing failure is waited for before each further attempt, in milliseconds.
const PAUSES_MS: [u64; 4] = [1, 5, 25, 100];

const PLAIN: i32 = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits().cast_signed();

/// Tells whether what is made in a folder is for the folder's group.
pub(super) fn is_shared(folder: &Path) -> bool {
    fs_err::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & SHARED_SIGN == SHARED_SIGN)
}

/// Tries again while a failure may pass: a handle that the server of a network file system has forgotten, or a folder that
/// another process has made and not yet given its mode.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for pause_ms in PAUSES_MS {
        match attempt() {
            Err(error) if matches!(error.kind(), ErrorKind::StaleNetworkFileHandle | ErrorKind::PermissionDenied) => {
                std::thread::sleep(Duration::from_millis(pause_ms));
            }
            other => return other,
        }
    }
    attempt()
}

/// Makes a folder that is not there yet.
pub(super) fn new_folder(path: &Path) -> io::Result<()> {
    let mode = if is_shared(&folder_of(path)) { SHARED_FOLDER } else { FOLDER };
    fs_err::create_dir(path)?;
    fs_err::set_permissions(path, PermissionsExt::from_mode(mode))
}

/// Makes a folder and those above it that lack; one that is there stays as it is.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    match new_folder(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
                return Err(error);
            };
            make_folder(parent)?;
            match new_folder(path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
                other => other,
            }
        }
        other => other,
    }
}

/// Returns the folder that a path lies in.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Returns the mode of a file to be made, by the folder it is made in.
fn mode_at(path: &Path, mode: u32) -> u32 {
    if mode == GROWING && is_shared(&folder_of(path)) { SHARED_GROWING } else { mode }
}

/// Tells whether there is nothing at a path, or a folder with nothing in it.
pub(super) fn is_absent_or_empty(path: &Path) -> bool {
    match fs_err::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

/// Makes a file that is not there yet, open for reading and writing, with exactly this mode, or its like for a group.
pub(super) fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    let mode = mode_at(path, mode);
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).custom_flags(PLAIN).open(path)?;
    file.set_permissions(PermissionsExt::from_mode(mode))?;
    Ok(file)
}

/// Opens a file for appending, makes it when it lacks; also tells whether it was made.
pub(super) fn append(path: &Path) -> io::Result<(File, bool)> {
    let options = || {
        let mut options = OpenOptions::new();
        options.read(true).append(true).custom_flags(PLAIN);
        options
    };
    loop {
        match options().mode(GROWING).create_new(true).open(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => {
                let file = made?;
                file.set_permissions(PermissionsExt::from_mode(mode_at(path, GROWING)))?;
                return Ok((file, true));
            }
        }
        // Whoever has just made it may not have set its mode yet.
        match patiently(|| options().open(path)) {
            // It was removed between the two steps.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => {
                let file = opened?;
                require_regular(&file)?;
                return Ok((file, false));
            }
        }
    }
}

/// A lock on a file that is let go of when this is dropped.
///
/// Closing the file would not do: a child process that another thread is just starting holds a copy of it for a moment.
#[derive(Debug)]
pub(super) struct Locked(File);

/// What came of asking for a lock.
pub(super) enum Locking {
    /// It is ours.
    Taken(Locked),
    /// Another open file has it.
    Busy(File),
    /// The file system has no locks, or none to rely on.
    Unsupported(File),
}

impl Locked {
    /// Asks for the lock on an open file without waiting.
    ///
    /// On a network file system nothing is asked: its lock server may not answer, and whether a lock reaches from machine to
    /// machine depends on how it is mounted.
    pub(super) fn try_new(file: File) -> Locking {
        if is_network_file(&file) {
            return Locking::Unsupported(file);
        }
        match file.file().try_lock() {
            Ok(()) => Locking::Taken(Self(file)),
            Err(TryLockError::WouldBlock) => Locking::Busy(file),
            Err(TryLockError::Error(_)) => Locking::Unsupported(file),
        }
    }

    /// Goes on without a lock where there are none.
    pub(super) fn pretend(file: File) -> Self {
        Self(file)
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Where there are no locks there is nothing to let go of.
        let _ = self.0.file().unlock();
    }
}

/// What [`open_plain`] found under a name.
pub(super) enum Opened {
    /// A regular file and its stamp.
    Regular(File, Stamp),
    /// Nothing.
    Absent,
    /// A link, pipe, socket, device or folder.
    Odd,
}

/// Opens a regular file for reading; anything else is told apart and never waited for.
pub(super) fn open_plain(path: &Path) -> io::Result<Opened> {
    let file = match patiently(|| OpenOptions::new().read(true).custom_flags(PLAIN).open(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Opened::Absent),
        Err(error) => {
            // A link says ELOOP and a socket ENXIO here; ask what stands there rather than list the codes.
            return match fs_err::symlink_metadata(path) {
                Ok(metadata) if !metadata.is_file() => Ok(Opened::Odd),
                _ => Err(error),
            };
        }
    };
    let metadata = file.metadata()?;
    Ok(if metadata.is_file() { Opened::Regular(file, Stamp::of(&metadata)) } else { Opened::Odd })
}

/// Opens a file outside the cache for reading, following links but never waiting for a pipe's other end.
pub(super) fn open_input(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
}

/// Reads a small regular file whole; `None` when nothing is there.
///
/// # Errors
/// [`ErrorKind::InvalidData`] for anything but a regular file, or one of more than `bytes_max` bytes.
pub(super) fn read_small(path: &Path, bytes_max: u64) -> io::Result<Option<(Vec<u8>, Stamp)>> {
    match open_plain(path)? {
        Opened::Absent => Ok(None),
        Opened::Odd => Err(io::Error::new(ErrorKind::InvalidData, "it is not a regular file")),
        Opened::Regular(_, stamp) if stamp.bytes() > bytes_max => {
            Err(io::Error::new(ErrorKind::InvalidData, format!("it is larger than {bytes_max} bytes")))
        }
        Opened::Regular(file, stamp) => {
            let mut bytes = Vec::with_capacity(stamp.bytes() as usize);
            file.take(bytes_max).read_to_end(&mut bytes)?;
            Ok(Some((bytes, stamp)))
        }
    }
}

/// Returns the stamp of what stands under a name, not following a link; `None` when nothing does.
pub(super) fn stamp_at(path: &Path) -> Option<Stamp> {
    fs_err::symlink_metadata(path).ok().map(|metadata| Stamp::of(&metadata))
}

/// Renames, and makes the target's folder when that was all that lacked.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    into_folder(from, to, || fs_err::rename(from, to))
}

/// Gives a file a second name, which must not be there yet, and makes the name's folder when that was all that lacked.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    into_folder(from, to, || fs_err::hard_link(from, to))
}

fn into_folder(from: &Path, to: &Path, mut attempt: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    match patiently(&mut attempt) {
        Err(error) if error.kind() == ErrorKind::NotFound && from.exists() => {
            to.parent().map_or(Ok(()), make_folder)?;
            patiently(attempt)
        }
        other => other,
    }
}

/// Makes a folder's names durable. File systems that cannot say so about a folder keep their own promise.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

/// Makes everything durable that was written to the file system of an open folder; `false` where that is unknown.
#[cfg(target_os = "linux")]
pub(super) fn sync_file_system(folder: &File) -> bool {
    rustix::fs::syncfs(folder.file()).is_ok()
}

/// Makes everything durable that was written to the file system of an open folder; `false` where that is unknown.
#[cfg(not(target_os = "linux"))]
pub(super) fn sync_file_system(_folder: &File) -> bool {
    false
}

/// Returns how many bytes this user may still write to a path's file system.
pub(super) fn available_bytes(path: &Path) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The numbers of file systems that several machines share: NFS, SMB 1, SMB 2 and later, CIFS, AFS, Lustre, GPFS, Ceph, 9p
/// and FUSE (sshfs and object-store mounts).
#[cfg(target_os = "linux")]
const NETWORK: [u64; 10] = [
    0x6969,
    0x517B,
    0xFE53_4D42,
    0xFF53_4D42,
    0x5346_414F,
    0x0BD0_0BD0,
    0x4750_4653,
    0x00C3_6400,
    0x0102_1997,
    0x6573_5546,
];

/// Tells whether a path lies on a file system that several machines share.
#[cfg(target_os = "linux")]
pub(super) fn is_network(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|stat| NETWORK.contains(&(u64::from(stat.f_type as u32))))
}

/// Tells whether an open file lies on a file system that several machines share.
#[cfg(target_os = "linux")]
fn is_network_file(file: &File) -> bool {
    rustix::fs::fstatfs(file.file()).is_ok_and(|stat| NETWORK.contains(&(u64::from(stat.f_type as u32))))
}

/// Tells whether a path lies on a file system that several machines share; elsewhere than on Linux it is not known.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_network(_path: &Path) -> bool {
    false
}

/// Tells whether an open file lies on a file system that several machines share; elsewhere than on Linux it is not known.
#[cfg(not(target_os = "linux"))]
fn is_network_file(_file: &File) -> bool {
    false
}

/// Lists a folder's names in order; what is absent or no folder has none.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Visits every file below a folder that is there, links not followed; what vanishes meanwhile is left out.
///
/// So is a folder that another person keeps to themselves, as sled may an index.
pub(super) fn visit_files(folder: &Path, visit: &mut dyn FnMut(&Path, &Stamp)) -> io::Result<()> {
    let listed = match names(folder) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Vec::new(),
        other => other?,
    };
    for name in listed {
        let path = folder.join(name);
        let Ok(metadata) = fs_err::symlink_metadata(&path) else { continue };
        if metadata.is_dir() {
            visit_files(&path, visit)?;
        } else {
            visit(&path, &Stamp::of(&metadata));
        }
    }
    Ok(())
}

/// Removes a file that may be gone already.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a file or a whole folder that may be gone already.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    let is_folder = fs_err::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { fs_err::remove_dir_all(path) } else { fs_err::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn require_regular(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::InvalidData, format!("`{}` is not a regular file", file.path().display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_may_pass_is_tried_again_and_any_other_is_not() {
        let check = |kind: ErrorKind, failures: usize, works: bool, attempts: usize| {
            let mut count = 0;
            let outcome = patiently(|| {
                count += 1;
                if count <= failures { Err(io::Error::from(kind)) } else { Ok(count) }
            });
            assert_eq!((outcome.is_ok(), count), (works, attempts), "{kind:?} {failures} times");
        };
        check(ErrorKind::StaleNetworkFileHandle, 0, true, 1);
        check(ErrorKind::StaleNetworkFileHandle, 2, true, 3);
        check(ErrorKind::PermissionDenied, 4, true, 5);
        check(ErrorKind::StaleNetworkFileHandle, 9, false, 5);
        check(ErrorKind::NotFound, 1, false, 1);
        check(ErrorKind::StorageFull, 1, false, 1);
    }
}
