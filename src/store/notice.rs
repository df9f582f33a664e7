//! Things a person should hear about though nothing failed.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::fingerprint::Digest;

/// Something that was set right or gone without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Another process holds this user's index; this one keeps its own in memory.
    IndexLocked,
    /// The index could not be used and was moved out of the way; a new one fills as it is used.
    IndexDamaged {
        /// Where the old one went; `None` when it could not be moved, and memory serves instead.
        moved_to: Option<PathBuf>,
        /// What was wrong.
        why: String,
    },
    /// This user has run on this cache before, but has no index on this machine; one fills as it is used.
    IndexNew,
    /// The index stopped working in the middle; memory serves instead.
    IndexFailed {
        /// What it said.
        why: String,
    },
    /// The cache can only be read, though writing was asked for.
    ReadOnly {
        /// Why.
        why: String,
    },
    /// A claim was ignored.
    ClaimIgnored {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A blob did not have the bytes of its name and was put into quarantine.
    BlobQuarantined {
        /// Its name.
        digest: Digest,
        /// What was found instead.
        why: String,
    },
    /// Rows could not be read and count as absent.
    RowsDamaged {
        /// The journal or pack.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// Saved training state was damaged and is not used.
    PartialDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A lease could not be taken or kept; the same work may be done twice, which is harmless.
    LeaseUnavailable {
        /// What was found.
        why: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexLocked => f.write_str("the cache's index is in use by another process; going on without it"),
            Self::IndexDamaged { moved_to: Some(to), why } => {
                write!(f, "the cache's index was damaged ({why}); it was moved to `{}` and starts anew", to.display())
            }
            Self::IndexDamaged { moved_to: None, why } => {
                write!(f, "the cache's index cannot be used ({why}); going on without it")
            }
            Self::IndexNew => f.write_str(
                "the cache has no index here yet; it fills as it is used, or at once with `retort cache rebuild`",
            ),
            Self::IndexFailed { why } => write!(f, "the cache's index failed ({why}); going on without it"),
            Self::ReadOnly { why } => write!(f, "the cache can only be read: {why}"),
            Self::ClaimIgnored { path, why } => write!(f, "ignored the claim `{}`: {why}", path.display()),
            Self::BlobQuarantined { digest, why } => {
                write!(f, "put blob `{}` into quarantine: {why}", digest.short())
            }
            Self::RowsDamaged { path, why } => write!(f, "ignored damaged rows in `{}`: {why}", path.display()),
            Self::PartialDamaged { path } => {
                write!(f, "ignored damaged training state in `{}`", path.display())
            }
            Self::LeaseUnavailable { why } => {
                write!(f, "cannot keep other processes from doing the same work ({why})")
            }
        }
    }
}

/// Collects notices until somebody takes them; each is said once.
#[derive(Debug, Default)]
pub(super) struct Notices {
    waiting: Mutex<Vec<Notice>>,
}

/// More than so many are of no use to anyone, and a hostile directory must not fill the memory.
const WAITING_MAX: usize = 1000;

impl Notices {
    pub(super) fn push(&self, notice: Notice) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX && !waiting.contains(&notice) {
            waiting.push(notice);
        }
    }

    pub(super) fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
