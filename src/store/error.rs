//! What can go wrong, and what to try.

use std::io;
use std::path::PathBuf;

use retort_fingerprint::{Digest, Fingerprint};

/// A failure of the store. None of them leaves anything half-published behind.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused; its message names the path.
    #[error("cannot {attempt}: {why}")]
    Io {
        /// What was attempted, such as `write a blob`.
        attempt: &'static str,
        /// Why it failed, with the path.
        why: io::Error,
    },
    /// The file system, or the user's share of it, has no room left.
    #[error(
        "cannot {attempt} in `{}`: the disk is full: {needed_bytes} bytes were needed, {available_bytes} are free",
        root.display()
    )]
    Full {
        /// What was attempted.
        attempt: &'static str,
        /// The cache's root, which names the file system.
        root: PathBuf,
        /// Bytes of what was to be kept: at least so many are needed.
        needed_bytes: u64,
        /// Bytes that the file system still offers.
        available_bytes: u64,
    },
    /// A file would be larger than this process may write.
    #[error("cannot {attempt} in `{}`: a file would be larger than this process may write (`ulimit -f`)", root.display())]
    FileLimit {
        /// What was attempted.
        attempt: &'static str,
        /// The cache's root.
        root: PathBuf,
    },
    /// The cache was opened for reading, or its directory does not let this user write.
    #[error("cannot {attempt}: the cache `{}` is open for reading only", root.display())]
    ReadOnly {
        /// What was attempted.
        attempt: &'static str,
        /// The cache's root.
        root: PathBuf,
    },
    /// No cache is there, and none was to be made.
    #[error("cannot open the cache `{}`: it is not a cache directory", root.display())]
    NotACache {
        /// Where one was expected.
        root: PathBuf,
    },
    /// Something else is where a cache was to be made.
    #[error("cannot use `{}` as a cache: {why}", root.display())]
    Foreign {
        /// Where.
        root: PathBuf,
        /// What is there.
        why: String,
    },
    /// Something else is where a shared cache was to be made.
    #[error("cannot make a shared cache in `{}`: it is not empty", root.display())]
    Occupied {
        /// Where.
        root: PathBuf,
    },
    /// There is no remote for what was asked.
    #[error("{why}")]
    NoRemote {
        /// What was looked for, and which remotes there are.
        why: String,
    },
    /// Nothing has the name.
    #[error("nothing {place} has a name that begins with `{name}`")]
    Unnamed {
        /// What was given.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// A remote cannot be used.
    #[error("cannot use the remote `{name}`: {why}")]
    Remote {
        /// The remote asked for.
        name: String,
        /// Why it cannot be used.
        why: String,
    },
    /// The blob is not there.
    #[error("cannot read blob `{digest}`: it is not in the cache")]
    Missing {
        /// Its name.
        digest: Digest,
    },
    /// The blob's bytes are not those of its name; it has been taken out of the way where the cache is writable.
    #[error("cannot use blob `{digest}`: {why}")]
    Corrupt {
        /// Its name.
        digest: Digest,
        /// What was found instead.
        why: String,
    },
    /// A record that its own reader would refuse is not published.
    #[error("cannot publish the result of `{fingerprint}`: {why}")]
    BadRecord {
        /// Whose result.
        fingerprint: Fingerprint,
        /// What the reader would say.
        why: String,
    },
    /// An external input is not a file that can be hashed, such as a directory or a pipe.
    #[error("cannot hash `{}`: it is not a regular file", path.display())]
    NotAFile {
        /// The input.
        path: PathBuf,
    },
    /// An external input changed while it was being hashed.
    #[error("cannot hash `{}`: it changed while it was being read", path.display())]
    Changed {
        /// The input.
        path: PathBuf,
    },
    /// A row is larger than a journal's record may be.
    #[error("cannot keep a row of {bytes} bytes: the limit is {limit} bytes")]
    RowTooLarge {
        /// The row's size.
        bytes: usize,
        /// The largest size.
        limit: usize,
    },
    /// No such run is recorded.
    #[error("cannot open run `{run}`: the cache has no such run")]
    NoSuchRun {
        /// The run asked for.
        run: String,
    },
    /// The thread that publishes is gone, which only happens when it panicked.
    #[error("cannot publish: the publishing thread has stopped")]
    CommitterGone,
}

/// What to try where a file may not grow.
const FILE_LIMIT: &str = "`ulimit -f` says how large a file may be; `ulimit -f unlimited` lifts the limit";

impl StoreError {
    /// Says what to try, where there is something to try.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Full { .. } => Some("free space with `retort cache gc`, or put the cache elsewhere with `--cache`"),
            Self::FileLimit { .. } => Some(FILE_LIMIT),
            Self::ReadOnly { .. } => Some("choose a cache you may write with `--cache`"),
            Self::NotACache { .. } => Some("name the directory with `--cache`, or run a pipeline to make one"),
            Self::Foreign { .. } => Some("name a new or empty directory with `--cache`"),
            Self::NoRemote { .. } => Some(
                "declare one with `--remote DIR` or `--remote s3://BUCKET/PREFIX`, or as `[[remotes]]` in retort.toml",
            ),
            Self::Occupied { .. } => Some("name a new directory, or an empty one whose group is to share it"),
            Self::Missing { .. } | Self::Corrupt { .. } => {
                Some("`retort run` with the name of the instance it belongs to makes it again")
            }
            Self::Changed { .. } => Some("wait until it is written, then run again"),
            _ => None,
        }
    }

    /// Tells whether running the producer again would help.
    pub fn is_lost_blob(&self) -> bool {
        self.lost_blob().is_some()
    }

    /// Returns the blob that is gone, damaged or cannot be read, where that is what is wrong: its producer makes it again.
    pub fn lost_blob(&self) -> Option<Digest> {
        match self {
            Self::Missing { digest } | Self::Corrupt { digest, .. } => Some(*digest),
            _ => None,
        }
    }
}

/// Wraps an error of the operating system with what was attempted.
pub(super) fn failed(attempt: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |why| StoreError::Io { attempt, why }
}
