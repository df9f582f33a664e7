//! Opening a cache directory, and what every part of an opened store shares.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Store;
use super::commit::Committer;
use super::disk::{self, Locked, Locking};
use super::error::{StoreError, failed};
use super::index::{Index, OpenFailure};
use super::layer::{self, LayerOptions, Layers, ObjectsAt, Pusher};
use super::layout::{Area, Component, Layout};
use super::lease::Pulse;
use super::notice::{Notice, Notices};
use super::session::{self, Session, TempFile, unique};
use super::sightings::Sightings;
use super::trust::{Trust, TrustOptions};
use retort_fingerprint::{Digest, Fingerprint};

/// What stands in the file that tells backup programs to pass by, and Retort that this is a cache.
pub(super) const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This directory is a cache of Retort: everything in it can be computed again.\n\
    # See https://bford.info/cachedir/ for this file.\n";

/// Tells the time in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

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
    /// Who runs this: names the roots, the index and the claims.
    pub user: String,
    /// This machine's name.
    pub host: String,
    /// The program and its version, as claims record it.
    pub program: String,
    /// How to open it.
    pub mode: Mode,
    /// Where the index goes when the root is on a network file system; memory serves where this is `None`.
    pub local_index: Option<PathBuf>,
    /// The clock that claims, runs and `gc` go by.
    pub clock: Clock,
    /// Other caches that are looked into when something is not here, in their order.
    pub layers: Vec<LayerOptions>,
    /// Recipes whose results are not looked for in the layers, as when one is to be made again; rows are not either then.
    pub blind_to: Vec<Fingerprint>,
    /// Whom to trust, and with what to sign.
    pub trust: TrustOptions,
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
            local_index: None,
            clock: Arc::new(now),
            layers: Vec::new(),
            blind_to: Vec::new(),
            trust: TrustOptions::default(),
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

/// What the parts of one opened store share.
pub(super) struct Core {
    pub(super) layout: Layout,
    pub(super) writable: bool,
    pub(super) user: String,
    pub(super) host: String,
    pub(super) program: String,
    pub(super) clock: Clock,
    pub(super) index: Index,
    pub(super) notices: Arc<Notices>,
    pub(super) layers: Layers,
    pub(super) trust: Arc<Trust>,
    pub(super) sightings: Sightings,
    /// Whether each recipe has a head, so that one look finds its claim.
    pub(super) heads: bool,
    session: Session,
    /// Held for as long as the index is, so that no second process opens it.
    _index_lock: Option<Locked>,
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
    /// [`StoreError::Layer`] when the bucket cannot be reached or written, or its server heeds no conditions.
    pub fn share_bucket(at: &ObjectsAt, timeout: Duration) -> Result<(), StoreError> {
        let failed = |why| StoreError::Layer { name: at.bucket.last_part().to_owned(), why };
        layer::share(at, timeout).map_err(failed)
    }

    /// Opens a cache directory.
    ///
    /// A directory that this user cannot write is opened for reading, with a notice. What killed processes left in
    /// `tmp/` is removed on the way.
    ///
    /// # Errors
    /// [`StoreError::NotACache`] when something else is there, or nothing is and nothing was to be made; [`StoreError::Io`] otherwise.
    pub fn open(options: StoreOptions) -> Result<Opened, StoreError> {
        let layout = Layout::new(options.root.clone());
        let notices = Arc::new(Notices::default());
        // For reading, nothing at all is an empty cache; so is a folder that another process is about to fill.
        let reads_nothing = || options.mode == Mode::ReadOnly && disk::is_absent_or_empty(layout.root());
        if options.mode != Mode::Create && !layout.tag().exists() && !reads_nothing() {
            return Err(StoreError::NotACache { root: options.root });
        }
        let writable = options.mode != Mode::ReadOnly && prepare(&layout, &notices)?;
        let now_ms = (options.clock)();
        if writable {
            for left in session::abandoned(&layout, &options.host, now_ms).map_err(failed("sweep temporary files"))? {
                // A neighbour may be sweeping the same folder.
                let _ = disk::remove_tree(&left);
            }
        }
        let (index, index_lock) = open_index(&layout, &options, writable, &notices);
        let trust = Arc::new(Trust::new(&options.trust));
        let core = Arc::new(Core {
            layers: Layers::new(&options, &notices, &trust),
            trust,
            sightings: Sightings::default(),
            session: Session::new(&layout, &options.host),
            heads: layout.area(Area::Heads).is_dir(),
            layout,
            writable,
            user: options.user,
            host: options.host,
            program: options.program,
            clock: options.clock,
            index,
            notices: Arc::clone(&notices),
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
fn prepare(layout: &Layout, notices: &Notices) -> Result<bool, StoreError> {
    let is_new = !layout.tag().exists();
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
    let is_shared = disk::is_shared(layout.root());
    for area in Area::ALL.into_iter().filter(|area| is_shared || *area != Area::Heads) {
        let path = layout.area(area);
        // Without a folder for the index the store goes on without an index.
        if !path.is_dir() && (area != Area::Index || !path.exists()) {
            disk::make_folder(&path)?;
        }
    }
    // Temporary files are what every write begins with, so this is the folder to ask about.
    rustix::fs::access(layout.area(Area::Tmp), rustix::fs::Access::WRITE_OK).map_err(|errno| {
        io::Error::new(io::Error::from(errno).kind(), format!("`{}` is not writable", layout.root().display()))
    })?;
    if !layout.tag().exists() {
        let temp = TempFile::new(layout.root().join(format!(".tag-{}", unique("tag"))));
        let mut file = disk::create_new(temp.path(), disk::GROWING)?;
        io::Write::write_all(&mut file, TAG.as_bytes())?;
        temp.persist(&layout.tag())?;
    }
    Ok(())
}

fn open_index(
    layout: &Layout,
    options: &StoreOptions,
    writable: bool,
    notices: &Arc<Notices>,
) -> (Index, Option<Locked>) {
    let in_memory = || (Index::in_memory(Arc::clone(notices)), None);
    if !writable {
        return in_memory();
    }
    let owner = format!("{}@{}", Component::of(&options.user).as_str(), Component::of(&options.host).as_str());
    let folder = if disk::is_network(layout.root()) {
        let Some(local) = &options.local_index else { return in_memory() };
        local.join(Digest::of(layout.root().as_os_str().as_encoded_bytes()).short()).join(owner)
    } else {
        layout.area(Area::Index).join(owner)
    };
    match open_kept(layout, &folder, &options.user, notices) {
        Ok(opened) => opened,
        Err(why) => {
            notices.push(Notice::IndexDamaged { moved_to: None, why });
            in_memory()
        }
    }
}

fn open_kept(
    layout: &Layout,
    folder: &Path,
    user: &str,
    notices: &Arc<Notices>,
) -> Result<(Index, Option<Locked>), String> {
    let text = |error: io::Error| error.to_string();
    if !folder.is_dir() {
        disk::make_folder(folder).map_err(text)?;
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
    if !database.exists() && layout.roots_of(user).is_dir() {
        notices.push(Notice::IndexNew);
    }
    let why = match Index::open(&database, notices) {
        Ok(index) => return Ok((index, Some(lock))),
        Err(OpenFailure::Locked) => return locked(),
        Err(OpenFailure::Damaged(why)) => why,
    };
    let aside = layout.area(Area::Trash).join(format!("index-{}", unique(&why)));
    disk::rename(&database, &aside).map_err(text)?;
    match Index::open(&database, notices) {
        Ok(index) => {
            notices.push(Notice::IndexDamaged { moved_to: Some(aside), why });
            Ok((index, Some(lock)))
        }
        Err(_) => Err(why),
    }
}

impl Core {
    /// Opens another cache as a layer: its files alone, without an index.
    pub(super) fn of_layer(
        layout: Layout,
        writable: bool,
        from: &StoreOptions,
        notices: &Arc<Notices>,
        trust: &Arc<Trust>,
    ) -> Self {
        Self {
            session: Session::new(&layout, &from.host),
            heads: layout.area(Area::Heads).is_dir(),
            layout,
            writable,
            user: from.user.clone(),
            host: from.host.clone(),
            program: from.program.clone(),
            clock: Arc::clone(&from.clock),
            index: Index::in_memory(Arc::clone(notices)),
            notices: Arc::clone(notices),
            layers: Layers::default(),
            trust: Arc::clone(trust),
            sightings: Sightings::default(),
            _index_lock: None,
        }
    }

    /// Fails when nothing may be written.
    pub(super) fn require_writable(&self, action: &'static str) -> Result<(), StoreError> {
        if self.writable {
            return Ok(());
        }
        Err(StoreError::ReadOnly { action, root: self.layout.root().to_owned() })
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
        action: &'static str,
        needed_bytes: u64,
    ) -> impl Fn(io::Error) -> StoreError + '_ {
        move |why| match why.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                let root = self.layout.root().to_owned();
                let available_bytes = disk::available_bytes(&root);
                StoreError::Full { action, root, needed_bytes, available_bytes }
            }
            ErrorKind::FileTooLarge => StoreError::FileLimit { action, root: self.layout.root().to_owned() },
            _ => StoreError::Io { action, why },
        }
    }
}
