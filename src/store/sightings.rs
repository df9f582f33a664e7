//! What this process has found out about single blobs, for as long as it lasts.
//!
//! A name and a size are no proof that a blob can be had. What could not be read, or was refused, is missing for the rest of
//! the process, whatever its name says, so that whoever needs it looks elsewhere or makes it again, and never asks in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::stamp::Stamp;
use retort_fingerprint::Digest;

type Encoded = [u8; Stamp::ENCODED];

/// What was found out about the blobs here and in the remotes.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    /// Files here that were found right, but too young for the index: their stamps prove little, and reading them tells.
    sound: Mutex<BTreeMap<Digest, Encoded>>,
    /// Files here that could not be read. Another file under the name may be readable.
    unreadable: Mutex<BTreeMap<Digest, Encoded>>,
    /// What a remote did not give, by the remote's name.
    missed: Mutex<BTreeSet<(String, Digest)>>,
    /// What was read through in a remote and found right, where nothing can be kept here.
    checked: Mutex<BTreeSet<(String, Digest)>>,
}

impl Sightings {
    /// Remembers that a file was found to have the bytes of its name.
    pub(super) fn found_right(&self, digest: &Digest, stamp: &Stamp) {
        locked(&self.sound).insert(*digest, stamp.encode());
    }

    /// Tells whether this very file was found right by this process.
    pub(super) fn was_right(&self, digest: &Digest, stamp: &Stamp) -> bool {
        locked(&self.sound).get(digest).is_some_and(|known| *known == stamp.encode())
    }

    /// Remembers that a file could not be read.
    pub(super) fn cannot_be_read(&self, digest: &Digest, stamp: &Stamp) {
        locked(&self.unreadable).insert(*digest, stamp.encode());
    }

    /// Tells whether this very file could not be read by this process.
    pub(super) fn could_not_be_read(&self, digest: &Digest, stamp: &Stamp) -> bool {
        locked(&self.unreadable).get(digest).is_some_and(|known| *known == stamp.encode())
    }

    /// Remembers that a remote did not give a blob.
    pub(super) fn missed(&self, remote: &str, digest: &Digest) {
        locked(&self.missed).insert((remote.to_owned(), *digest));
    }

    /// Remembers that a remote gave a blob, or got it.
    pub(super) fn came(&self, remote: &str, digest: &Digest) {
        locked(&self.missed).remove(&(remote.to_owned(), *digest));
    }

    /// Tells whether a remote did not give a blob when it was last asked for it.
    pub(super) fn has_missed(&self, remote: &str, digest: &Digest) -> bool {
        locked(&self.missed).contains(&(remote.to_owned(), *digest))
    }

    /// Remembers that a remote has a blob whole.
    pub(super) fn found_whole_in(&self, remote: &str, digest: &Digest) {
        locked(&self.checked).insert((remote.to_owned(), *digest));
    }

    /// Tells whether a remote was found to have a blob whole.
    pub(super) fn was_whole_in(&self, remote: &str, digest: &Digest) -> bool {
        locked(&self.checked).contains(&(remote.to_owned(), *digest))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells whether a failure to read says something of this machine, such as too many open files, and nothing of the file.
pub(super) fn is_of_the_machine(error: &io::Error) -> bool {
    // The error of a file that has been named no longer tells the system's number, so something else is tried.
    let opened = || rustix::fs::open("/", OFlags::RDONLY, Mode::empty());
    error.kind() == ErrorKind::OutOfMemory || matches!(opened(), Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_the_machine_says_nothing_of_a_file() {
        assert!(is_of_the_machine(&io::Error::from(ErrorKind::OutOfMemory)));
        assert!(!is_of_the_machine(&io::Error::from_raw_os_error(Errno::IO.raw_os_error())));
        assert!(!is_of_the_machine(&fs_err::File::open("/nowhere/at/all").unwrap_err()));
    }
}
