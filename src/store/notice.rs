//! Things a person should hear about though nothing failed.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use retort_fingerprint::Digest;

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
    /// A record was ignored.
    RecordIgnored {
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
    /// A blob could not be read, and counts as missing until this process ends.
    BlobUnreadable {
        /// Its name.
        digest: Digest,
        /// What the file system said.
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
    /// Saved work was not used, because nobody saved it who is trusted.
    PartialUntrusted {
        /// The file.
        path: PathBuf,
    },
    /// Saved work cannot be signed where others can write, so nobody will go on with it.
    Unresumable {
        /// Why not.
        why: String,
    },
    /// A remote cannot be reached; it is gone without for a minute.
    RemoteDown {
        /// Its name.
        remote: String,
        /// What was found.
        why: String,
    },
    /// A remote can only be read, though results were to go there.
    RemoteReadOnly {
        /// Its name.
        remote: String,
    },
    /// Something about one file of a remote did not work.
    RemoteTrouble {
        /// The remote's name.
        remote: String,
        /// What was attempted, such as `fetch a blob`.
        what: &'static str,
        /// Why it failed.
        why: String,
    },
    /// Results were seen and not used, because nobody signed them who is trusted.
    Untrusted {
        /// How many records.
        records: u64,
        /// Who made the first, as it says itself.
        by: String,
    },
    /// Rows are there and not used, because nobody signed them who is trusted.
    RowsUntrusted {
        /// The remote that has them; `None` for the cache itself.
        remote: Option<String>,
    },
    /// A remote has something under a blob's name that is not the blob.
    BlobRefused {
        /// The remote's name.
        remote: String,
        /// The blob's name.
        digest: Digest,
        /// What was found instead.
        why: String,
    },
    /// A result that was found in a remote could not be kept here.
    NotKept {
        /// The remote's name.
        remote: String,
        /// Why.
        why: String,
    },
    /// Results did not get to a remote; they are safe here.
    NotPushed {
        /// The remote's name.
        remote: String,
        /// How many.
        results: u64,
        /// Why the first did not.
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
            Self::RecordIgnored { path, why } => write!(f, "ignored the record `{}`: {why}", path.display()),
            Self::BlobQuarantined { digest, why } => {
                write!(f, "put blob `{}` into quarantine: {why}", digest.short())
            }
            Self::BlobUnreadable { digest, why } => {
                write!(f, "cannot read blob `{}`, so it counts as missing: {why}", digest.short())
            }
            Self::RowsDamaged { path, why } => write!(f, "ignored damaged rows in `{}`: {why}", path.display()),
            Self::PartialDamaged { path } => {
                write!(f, "ignored damaged training state in `{}`", path.display())
            }
            Self::PartialUntrusted { path } => {
                write!(f, "did not resume from the saved work in `{}`: no trusted signature", path.display())
            }
            Self::Unresumable { why } => {
                write!(
                    f,
                    "stopped work cannot be resumed in this cache, which others can write: no key to sign it ({why})"
                )
            }
            Self::RemoteDown { remote, why } => write!(f, "going on without the remote `{remote}`: {why}"),
            Self::RemoteReadOnly { remote } => {
                write!(f, "the remote `{remote}` can only be read by this user; nothing is written there")
            }
            Self::RemoteTrouble { remote, what, why } => write!(f, "cannot {what} in the remote `{remote}`: {why}"),
            Self::Untrusted { records, by } => write!(
                f,
                "{records} {} not used: no trusted signature (the first is by {by}); `retort cache key trust` trusts a \
                 signer, and `retort audit` signs a result that it computes again and finds the same",
                if *records == 1 { "result exists but is" } else { "results exist but are" }
            ),
            Self::RowsUntrusted { remote } => {
                let of = remote.as_ref().map_or_else(String::new, |remote| format!(" of the remote `{remote}`"));
                write!(f, "rows{of} exist but are not used: no trusted signature; they are computed or asked for again")
            }
            Self::BlobRefused { remote, digest, why } => {
                write!(f, "refused blob `{}` of the remote `{remote}`: {why}", digest.short())
            }
            Self::NotKept { remote, why } => {
                write!(f, "cannot keep here what was found in the remote `{remote}`: {why}")
            }
            Self::NotPushed { remote, results, why } => write!(
                f,
                "{results} results are not in the remote `{remote}` yet ({why}); `retort cache push` brings them there"
            ),
        }
    }
}

impl Notice {
    /// Says what it is about: of two that are about the same, one is enough, however each of them puts it.
    fn subject(&self) -> String {
        match self {
            Self::RecordIgnored { path, .. } | Self::RowsDamaged { path, .. } => path.display().to_string(),
            Self::BlobQuarantined { digest, .. } | Self::BlobUnreadable { digest, .. } => digest.to_string(),
            Self::BlobRefused { remote, digest, .. } => format!("{remote}: {digest}"),
            other => other.to_string(),
        }
    }
}

/// Collects notices until somebody takes them; each is said once, however often somebody takes them.
#[derive(Debug, Default)]
pub(super) struct Notices {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    waiting: Vec<Notice>,
    /// What was said, or is about to be.
    subjects: BTreeSet<String>,
}

/// More than so many are of no use to anyone, and a hostile directory must not fill the memory.
const WAITING_MAX: usize = 1000;

/// So many are remembered to be said once.
const SUBJECTS_MAX: usize = 4 * WAITING_MAX;

impl Notices {
    pub(super) fn push(&self, notice: Notice) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let subject = notice.subject();
        if known.waiting.len() >= WAITING_MAX || known.subjects.contains(&subject) {
            return;
        }
        if known.subjects.len() < SUBJECTS_MAX {
            known.subjects.insert(subject);
        }
        known.waiting.push(notice);
    }

    pub(super) fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner).waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once_however_often_notices_are_taken() {
        let notices = Notices::default();
        let refused = |digest: &[u8], why: &str| Notice::BlobRefused {
            remote: "team".into(),
            digest: Digest::of(digest),
            why: why.into(),
        };
        notices.push(refused(b"a", "its 3 bytes have the digest 12"));
        notices.push(refused(b"a", "it has 3 bytes, and its record says 4"));
        notices.push(refused(b"b", "it has 3 bytes, and its record says 4"));
        assert_eq!(notices.take().len(), 2);
        notices.push(refused(b"a", "its 3 bytes have the digest 12"));
        notices.push(Notice::IndexNew);
        assert_eq!(notices.take(), [Notice::IndexNew]);
    }
}
