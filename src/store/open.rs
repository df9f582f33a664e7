//! Opening a cache directory.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Store;
use super::cache::Core;
use super::commit::Committer;
use super::disk;
use super::error::{StoreError, failed};
use super::files::{Clock, Files, Who};
use super::found::{self, Found};
use super::holding::Holds;
use super::layout::{Area, Layout};
use super::lease::Pulse;
use super::notice::{Notice, Notices};
use super::remote::{self, ObjectsAt, RemoteOptions, Remotes};
use super::session::{self, TempFile, unique};
use super::sharing::Pusher;
use super::sightings::Sightings;
use super::trust::{Trust, TrustOptions};
use super::{guard, private};
use retort_fingerprint::Fingerprint;

/// How a cache directory is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For reading and writing; made when it is not there.
    Create,
    /// For reading and writing; an error when it is not there.
    Existing,
    /// For reading alone: nothing below the root is touched.
    ReadOnly,
}

/// What the store has to know about its surroundings, since it does not look for itself.
#[derive(Clone)]
pub struct StoreOptions {
    /// The cache directory.
    pub root: PathBuf,
    /// Who runs this: names the roots, the index and the records.
    pub user: String,
    /// This machine's name.
    pub host: String,
    /// The program and its version, as records name it.
    pub program: String,
    /// How to open it.
    pub mode: Mode,
    /// A folder of this user's own, on this machine, for what nobody else may write: the index where others can write the
    /// cache or it is on a network file system, and the key that saved work is signed with. Where this is `None`, memory
    /// serves, and no saved work is gone on with there.
    pub private: Option<PathBuf>,
    /// The clock that records, runs and `gc` go by.
    pub clock: Clock,
    /// Other caches that are looked into when something is not here, in their order.
    pub remotes: Vec<RemoteOptions>,
    /// Actions whose results are not looked for in the remotes, as when one is to be made again; rows are not either then.
    pub blind_to: Vec<Fingerprint>,
    /// Whom to trust, and with what to sign.
    pub trust: TrustOptions,
    /// What enters the key of every row, as it enters actions: another one disowns the rows before it.
    pub salt: Option<String>,
}

impl StoreOptions {
    /// Describes a cache that is made when it is not there, with the system's clock.
    pub fn new(root: impl Into<PathBuf>, user: &str, host: &str) -> Self {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        Self {
            root: root.into(),
            user: user.to_owned(),
            host: host.to_owned(),
            program: concat!("retort ", env!("CARGO_PKG_VERSION")).to_owned(),
            mode: Mode::Create,
            private: None,
            clock: Arc::new(now),
            remotes: Vec::new(),
            blind_to: Vec::new(),
            trust: TrustOptions::default(),
            salt: None,
        }
    }
}

/// A store and what a person should hear about its opening.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// What was set right or gone without.
    pub notices: Vec<Notice>,
}

impl Store {
    /// Makes a directory that a group shares: whoever is in the group of the folder may read it and add to it.
    ///
    /// The folder it is made in decides the group; a directory that is there and empty keeps its own.
    ///
    /// # Errors
    /// [`StoreError::Occupied`] when something is there that is no such cache; [`StoreError::Io`].
    pub fn share(root: &Path) -> Result<(), StoreError> {
        let failed = failed("make a shared cache");
        let layout = Layout::new(root.to_owned());
        if layout.tag().exists() && layout.area(Area::Heads).is_dir() {
            return Ok(());
        }
        if !disk::is_absent_or_empty(root) {
            return Err(StoreError::Occupied { root: root.to_owned() });
        }
        disk::make_folder(root).map_err(&failed)?;
        if !disk::is_shared(root) {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(disk::SHARED_FOLDER);
            fs_err::set_permissions(root, mode).map_err(&failed)?;
        }
        put_tag(&layout).map_err(&failed)?;
        for area in [Area::Objects, Area::Actions, Area::Heads] {
            for shard in 0..=255u8 {
                disk::make_folder(&layout.area(area).join(format!("{shard:02x}"))).map_err(&failed)?;
            }
        }
        make_folders(&layout).map_err(&failed)
    }

    /// Makes a cache for a team in a bucket of object storage; what calls there, waits `timeout` for each answer.
    ///
    /// # Errors
    /// [`StoreError::Remote`] when the bucket cannot be reached or written, or its server heeds no conditions.
    pub fn share_bucket(at: &ObjectsAt, timeout: Duration) -> Result<(), StoreError> {
        let failed = |why| StoreError::Remote { name: at.bucket.last_part().to_owned(), why };
        remote::share(at, timeout).map_err(failed)
    }

    /// Tells whether a directory is a cache of Retort.
    pub fn is_at(root: &Path) -> bool {
        matches!(found::at(&Layout::new(root.to_owned())), Ok(Found::Cache))
    }

    /// Opens a cache directory. One that holds something else is left alone.
    ///
    /// A directory that this user cannot write is opened for reading, with a notice. What killed processes left in
    /// `tmp/` is removed on the way.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] or [`StoreError::NotACache`] when something else is there, or nothing is and nothing was to be
    /// made; [`StoreError::Io`] otherwise.
    pub fn open(options: StoreOptions) -> Result<Opened, StoreError> {
        let layout = Layout::new(options.root.clone());
        let notices = Arc::new(Notices::default());
        let found = found::at(&layout).map_err(failed("open the cache"))?;
        match (&found, options.mode) {
            // For reading, nothing at all is an empty cache; so is a folder that another process is about to fill.
            (Found::Cache, _) | (Found::Nothing, Mode::Create | Mode::ReadOnly) => {}
            (Found::Foreign { why }, Mode::Create) => {
                return Err(StoreError::Foreign { root: options.root, why: why.clone() });
            }
            (Found::Nothing | Found::Foreign { .. }, _) => return Err(StoreError::NotACache { root: options.root }),
        }
        let writable = options.mode != Mode::ReadOnly && prepare(&layout, &found, &notices)?;
        let now_ms = (options.clock)();
        if writable {
            for left in session::abandoned(&layout, &options.host, now_ms).map_err(failed("sweep temporary files"))? {
                // A neighbour may be sweeping the same folder.
                let _ = disk::remove_tree(&left);
            }
        }
        let guarded = guard::is_guarded_folder(layout.root());
        let StoreOptions { user, host, program, clock, private: own, .. } = options;
        let who = Who { user, host, program, clock, private: own };
        let (index, index_lock) = private::open_index(&layout, &who, (writable, guarded), &notices);
        let trust = Arc::new(Trust::new(&options.trust));
        let core = Arc::new(Core {
            remotes: Remotes::new(&options.remotes, &options.blind_to, &who, (&notices, &trust)),
            files: Files::new(layout, writable, guarded, &who, &notices, &trust),
            index,
            sightings: Sightings::default(),
            holds: Holds::default(),
            salt: options.salt,
            _index_lock: index_lock,
        });
        let pusher = Pusher::new(&core);
        let store = Store {
            rows: std::sync::Mutex::default(),
            committer: Committer::new(Arc::clone(&core), pusher.handle()),
            pusher,
            pulse: Arc::new(Pulse::default()),
            core,
        };
        Ok(Opened { store, notices: notices.take() })
    }
}

/// Makes the folders; `false` when the directory is there but this user cannot write it.
fn prepare(layout: &Layout, found: &Found, notices: &Notices) -> Result<bool, StoreError> {
    let is_new = *found == Found::Nothing;
    match make_folders(layout) {
        Ok(()) => Ok(true),
        Err(error)
            if !is_new && matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) =>
        {
            notices.push(Notice::ReadOnly { why: error.to_string() });
            Ok(false)
        }
        Err(error) => Err(failed("make the cache directory")(error)),
    }
}

fn make_folders(layout: &Layout) -> io::Result<()> {
    disk::make_folder(layout.root())?;
    // First of all, so that a directory that is only half made is known for what it is.
    put_tag(layout)?;
    let is_shared = disk::is_shared(layout.root());
    for area in Area::ALL.into_iter().filter(|area| is_shared || *area != Area::Heads) {
        let path = layout.area(area);
        // Without a folder for the index the store goes on without an index.
        if area == Area::Index && fs_err::symlink_metadata(&path).is_ok() {
            continue;
        }
        found::require_folder(layout.root(), &path)?;
        if !path.is_dir() {
            disk::make_folder(&path)?;
        }
    }
    // Temporary files are what every write begins with, so this is the folder to ask about.
    rustix::fs::access(layout.area(Area::Tmp), rustix::fs::Access::WRITE_OK).map_err(|errno| {
        io::Error::new(io::Error::from(errno).kind(), format!("`{}` is not writable", layout.root().display()))
    })
}

fn put_tag(layout: &Layout) -> io::Result<()> {
    if layout.tag().exists() {
        return Ok(());
    }
    let temp = TempFile::new(layout.root().join(format!("{}{}", found::TAG_TO_BE, unique("tag"))));
    let mut file = disk::create_new(temp.path(), disk::GROWING)?;
    io::Write::write_all(&mut file, found::TAG.as_bytes())?;
    temp.persist(&layout.tag())
}
