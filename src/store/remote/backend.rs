//! What a remote is asked, whatever it is made of: a directory, or a bucket of object storage.
//!
//! Every call may block, and may fail as a file system does; the remote decides how long it waits and what a failure means.
//! An implementation trusts nothing that it holds, and reads no more of it than the caller expects.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::BlobRef;
use crate::head::WholeRecord;
use crate::layout::Component;
use crate::lease::Attempt;
use crate::run::RunId;
use retort_fingerprint::{Digest, Fingerprint};

/// What a backend has to know of the remote it serves.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// What the remote is called in messages.
    pub(crate) name: String,
    /// Whether anything is to be put there.
    pub(crate) wants_writes: bool,
    /// How long it may take to answer.
    pub(crate) timeout: Duration,
}

/// What came of copying a blob.
#[derive(Debug)]
pub(crate) enum Copied {
    /// The target has the right bytes, and so many.
    Whole(u64),
    /// The source has none of that name.
    Absent,
    /// What has the name is not to be had; why.
    Refused(String),
    /// The target could not be written.
    Unwritten(io::Error),
}

/// What came of putting something into a remote.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is there now; so many bytes were moved.
    New(u64),
    /// It was there already.
    There,
    /// It was not put there; why.
    Refused(String),
}

/// What a blob may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// The size that a record gives it.
    pub(crate) bytes: Option<u64>,
    /// There is no room for more.
    pub(crate) bytes_max: u64,
}

impl Expected {
    /// Says why a blob of so many bytes is not fetched.
    pub(crate) fn refuses(self, bytes: u64) -> Option<String> {
        match self.bytes {
            Some(said) if said != bytes => Some(format!("it has {bytes} bytes, and its record says {said}")),
            _ if bytes > self.bytes_max => {
                Some(format!("it has {bytes} bytes, and there is room for {}", self.bytes_max))
            }
            _ => None,
        }
    }
}

/// The actions and blobs whose names begin in some way.
pub(crate) type Named = (Vec<Fingerprint>, Vec<Digest>);

/// Where a remote's blobs, records, rows and runs are.
///
/// `moved` counts up whenever a call that takes long has got on.
pub(crate) trait Backend: Send + Sync {
    /// Tells whether this user may put anything there, as far as is known.
    fn is_writable(&self) -> bool;

    /// How much longer than any other call one may take that sends bytes, without a sign of getting on.
    fn sending_takes(&self) -> Duration {
        Duration::ZERO
    }

    /// Finds the record for an action.
    fn record(&self, fingerprint: &Fingerprint) -> io::Result<Option<WholeRecord>>;

    /// Returns the size of a blob; `None` when it is not there.
    fn blob_bytes(&self, digest: &Digest) -> io::Result<Option<u64>>;

    /// Copies a blob into a new file, or only reads it, and finds out on the way whether it is the one.
    fn copy_blob(
        &self,
        digest: &Digest,
        expected: Expected,
        to: Option<&Path>,
        moved: &AtomicU64,
    ) -> io::Result<Copied>;

    /// Reads what has a blob's name into memory; `None` when it is not there.
    fn read_blob(&self, digest: &Digest, bytes_max: u64) -> io::Result<Option<Vec<u8>>>;

    /// Puts a blob there from a file. What has its name and its size is taken for it, unless it is to be replaced.
    fn put_blob(&self, from: &Path, blob: BlobRef, replace: bool, moved: &AtomicU64) -> io::Result<Put>;

    /// Puts a record there with its signatures, whose blobs are there already. That it `is_first` of its action is a guess,
    /// which spares a look where it is right.
    fn put_record(
        &self,
        fingerprint: &Fingerprint,
        record: &WholeRecord,
        is_first: bool,
        moved: &AtomicU64,
    ) -> io::Result<Put>;

    /// Tells whether a blob that is not there is not there on purpose.
    fn is_evicted(&self, digest: &Digest) -> io::Result<bool>;

    /// Says that a blob is not there on purpose.
    fn mark_evicted(&self, digest: &Digest) -> io::Result<()>;

    /// Makes durable what was put there.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Tries to take the lease on an action; `None` where there are none to be had. With it comes the path of its file.
    fn lease(&self, _fingerprint: &Fingerprint) -> io::Result<Option<(PathBuf, Attempt)>> {
        Ok(None)
    }

    /// Lists the actions and blobs whose names begin so; the beginning has two digits at least.
    fn named(&self, beginning: &str) -> io::Result<Named>;

    /// Lists the runs whose logs are there.
    fn runs(&self) -> io::Result<Vec<RunId>>;

    /// Reads a file of a run's log; `None` when it is not there.
    fn run_file(&self, run: &RunId, name: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>>;

    /// Writes a file of a run's log, which grows until the run has ended.
    fn put_run_file(&self, run: &RunId, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Says that the results of a user's run are to be kept.
    fn put_root(&self, user: &str, run: &RunId, experiment: &str) -> io::Result<()>;

    /// Lists the kinds of rows that are there.
    fn row_kinds(&self) -> io::Result<Vec<Component>>;

    /// Lists the packs of a kind, in order.
    fn row_packs(&self, kind: &Component) -> io::Result<Vec<Digest>>;

    /// Reads what has a pack's name; `None` when it is not there.
    fn row_pack(&self, kind: &Component, pack: &Digest, bytes_max: u64) -> io::Result<Option<Vec<u8>>>;

    /// Puts a pack there.
    fn put_row_pack(&self, kind: &Component, pack: &Digest, bytes: &[u8]) -> io::Result<()>;
}

/// The failure of something that is not what its name says; others may be.
pub(crate) fn unsound(why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why.into())
}
