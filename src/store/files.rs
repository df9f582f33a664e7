//! The files of a cache, or of a directory that is a remote: where they lie, who works on them, and what they hold.
//!
//! What needs no more than the files stands in `impl Files`, each with its idea: blobs, records, signatures, heads, leases, runs.
//! What also needs the index, the remotes or what was sighted stands in `impl Core`.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::disk;
use super::error::StoreError;
use super::layout::{Area, Layout};
use super::notice::Notices;
use super::session::{Session, TempFile};
use super::trust::{SecretKey, Trust};

/// Tells the time in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Who works on a cache, and by which clock.
#[derive(Clone)]
pub(super) struct Who {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) program: String,
    pub(super) clock: Clock,
    /// A folder of theirs that nobody else may write.
    pub(super) private: Option<PathBuf>,
}

/// The files of a cache.
pub(super) struct Files {
    pub(super) layout: Layout,
    pub(super) writable: bool,
    pub(super) user: String,
    pub(super) host: String,
    pub(super) program: String,
    pub(super) clock: Clock,
    pub(super) notices: Arc<Notices>,
    pub(super) trust: Arc<Trust>,
    /// Whether each action has a head, so that one look finds its record.
    pub(super) heads: bool,
    /// Whether nobody else can write here.
    pub(super) guarded: bool,
    pub(super) private: Option<PathBuf>,
    pub(super) saving_key: OnceLock<Option<SecretKey>>,
    session: Session,
}

impl Files {
    /// Takes the files of a cache.
    pub(super) fn new(
        layout: Layout,
        writable: bool,
        guarded: bool,
        who: &Who,
        notices: &Arc<Notices>,
        trust: &Arc<Trust>,
    ) -> Self {
        let private = who.private.clone();
        Self { guarded, private, ..Self::of_remote(layout, writable, who, notices, trust) }
    }

    /// Takes the files of a directory that is a remote.
    pub(super) fn of_remote(
        layout: Layout,
        writable: bool,
        who: &Who,
        notices: &Arc<Notices>,
        trust: &Arc<Trust>,
    ) -> Self {
        Self {
            session: Session::new(&layout, &who.host),
            heads: layout.area(Area::Heads).is_dir(),
            // Nothing of a remote is believed as it stands.
            guarded: false,
            private: None,
            saving_key: OnceLock::new(),
            layout,
            writable,
            user: who.user.clone(),
            host: who.host.clone(),
            program: who.program.clone(),
            clock: Arc::clone(&who.clock),
            notices: Arc::clone(notices),
            trust: Arc::clone(trust),
        }
    }

    /// Fails when nothing may be written.
    pub(super) fn require_writable(&self, attempt: &'static str) -> Result<(), StoreError> {
        if self.writable {
            return Ok(());
        }
        Err(StoreError::ReadOnly { attempt, root: self.layout.root().to_owned() })
    }

    /// Returns a temporary file's path on the cache's file system.
    pub(super) fn temp(&self) -> io::Result<TempFile> {
        self.session.path().map(TempFile::new)
    }

    pub(super) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    /// Wraps an error met while writing, and tells a full disk apart.
    pub(super) fn write_failed(
        &self,
        attempt: &'static str,
        needed_bytes: u64,
    ) -> impl Fn(io::Error) -> StoreError + '_ {
        move |why| match why.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                let root = self.layout.root().to_owned();
                let available_bytes = disk::available_bytes(&root);
                StoreError::Full { attempt, root, needed_bytes, available_bytes }
            }
            ErrorKind::FileTooLarge => StoreError::FileLimit { attempt, root: self.layout.root().to_owned() },
            _ => StoreError::Io { attempt, why },
        }
    }
}
