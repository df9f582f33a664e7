//! The keyed index: what can be found again from files, kept where one look-up is cheap.
//!
//! Nothing here is ever the only copy. sled holds it between runs; when sled is locked, damaged or fails in the
//! middle, maps in memory take over for the rest of the process and every operation goes on.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use super::notice::{Notice, Notices};

/// One keyed table of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// Blob digest → the stamp under which its bytes were last found right.
    Verified,
    /// Fingerprint → the record that is used for it.
    Records,
    /// (device, inode) of an external input → its stamp and digest.
    Inputs,
    /// Kind and row key → the place in a pack.
    Rows,
    /// Kind and pack → nothing; there when the pack's rows are in [`Table::Rows`].
    Packs,
    /// Remote and blob digest → nothing; there when the remote was found to have something else under the blob's name.
    Refused,
}

impl Table {
    pub(super) const ALL: [Self; 6] =
        [Self::Verified, Self::Records, Self::Inputs, Self::Rows, Self::Packs, Self::Refused];

    const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Records => "claims",
            Self::Inputs => "inputs",
            Self::Rows => "rows",
            Self::Packs => "packs",
            Self::Refused => "refused",
        }
    }
}

/// An entry to be written: key and value.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// The cache of sled's pages, in bytes; sled's own default is 1 GiB.
const PAGES_BYTES: u64 = 32 * 1024 * 1024;

/// sled lets go of its lock by closing the file, of which a child process that was just being started may hold a copy
/// for a moment.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The index of one user on one machine, or a substitute in memory.
pub(super) struct Index {
    kept: Option<Kept>,
    failed: AtomicBool,
    memory: [Mutex<BTreeMap<Vec<u8>, Vec<u8>>>; Table::ALL.len()],
    notices: Arc<Notices>,
}

struct Kept {
    database: sled::Db,
    trees: [sled::Tree; Table::ALL.len()],
}

/// Why sled could not be opened.
pub(super) enum OpenFailure {
    /// Another process has it.
    Locked,
    /// Its files are not what they should be.
    Damaged(String),
}

impl Index {
    pub(super) fn in_memory(notices: Arc<Notices>) -> Self {
        let memory = std::array::from_fn(|_| Mutex::default());
        Self { kept: None, failed: AtomicBool::new(false), memory, notices }
    }

    /// Opens sled in a folder, which it makes when it lacks. The caller holds a lock of its own on the index.
    pub(super) fn open(folder: &Path, notices: &Arc<Notices>) -> Result<Self, OpenFailure> {
        let mut attempts = LOCK_ATTEMPTS;
        loop {
            match Self::try_open(folder, Arc::clone(notices)) {
                Err(OpenFailure::Locked) if attempts > 0 => attempts -= 1,
                other => return other,
            }
            std::thread::sleep(LOCK_PAUSE);
        }
    }

    fn try_open(folder: &Path, notices: Arc<Notices>) -> Result<Self, OpenFailure> {
        let open = || -> sled::Result<Kept> {
            let database =
                sled::Config::new().path(folder).cache_capacity(PAGES_BYTES).flush_every_ms(Some(1000)).open()?;
            let mut trees = Vec::new();
            for table in Table::ALL {
                trees.push(database.open_tree(table.name())?);
            }
            match trees.try_into() {
                Ok(trees) => Ok(Kept { database, trees }),
                Err(_) => Err(sled::Error::Unsupported("one tree for each table".into())),
            }
        };
        // sled's recovery asserts where a file is not as it wrote it, so damage may arrive as a panic.
        match quietly(open) {
            Ok(Ok(kept)) => Ok(Self { kept: Some(kept), ..Self::in_memory(notices) }),
            Ok(Err(error)) if error.to_string().contains("could not acquire lock") => Err(OpenFailure::Locked),
            Ok(Err(error)) => Err(OpenFailure::Damaged(error.to_string())),
            Err(_) => Err(OpenFailure::Damaged("its files cannot be read back".into())),
        }
    }

    /// Counts how often everything known was lost: once, when sled fails in the middle.
    pub(super) fn losses(&self) -> u32 {
        u32::from(self.failed.load(Ordering::Relaxed))
    }

    /// Tells whether entries outlive the process.
    pub(super) fn is_kept(&self) -> bool {
        self.kept.is_some() && !self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Vec<u8>> {
        match self.ask(|kept| Ok(kept.trees[table as usize].get(key)?.map(|value| value.to_vec()))) {
            Some(found) => found,
            None => self.memory(table, |map| map.get(key).cloned()),
        }
    }

    pub(super) fn put(&self, table: Table, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let done = self.ask(|kept| {
            let tree = &kept.trees[table as usize];
            for (key, value) in &entries {
                tree.insert(key, value.as_slice())?;
            }
            Ok(())
        });
        if done.is_none() {
            self.memory(table, |map| map.extend(entries));
        }
    }

    pub(super) fn remove(&self, table: Table, key: &[u8]) {
        if self.ask(|kept| kept.trees[table as usize].remove(key).map(drop)).is_none() {
            self.memory(table, |map| map.remove(key));
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for table in Table::ALL {
            self.ask(|kept| kept.trees[table as usize].clear());
            self.memory(table, BTreeMap::clear);
        }
    }

    /// Makes what was put durable. Nothing depends on it; it spares later runs from finding things again.
    pub(super) fn flush(&self) {
        self.ask(|kept| kept.database.flush().map(drop));
    }

    /// Asks sled; `None` when there is none, or when it fails, which it is allowed to do once.
    fn ask<T>(&self, question: impl FnOnce(&Kept) -> sled::Result<T>) -> Option<T> {
        let kept = self.kept.as_ref().filter(|_| !self.failed.load(Ordering::Relaxed))?;
        let why = match quietly(|| question(kept)) {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its pages cannot be read back".to_owned(),
        };
        if !self.failed.swap(true, Ordering::Relaxed) {
            self.notices.push(Notice::IndexFailed { why });
        }
        None
    }

    fn memory<T>(&self, table: Table, act: impl FnOnce(&mut BTreeMap<Vec<u8>, Vec<u8>>) -> T) -> T {
        act(&mut self.memory[table as usize].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

thread_local! {
    /// Whether this thread is asking sled.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Asks sled, which panics where its files are damaged; nobody is to see that on stderr, as it is told in a notice.
fn quietly<T>(question: impl FnOnce() -> T) -> std::thread::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // sled has threads of its own, one of which writes what it was given.
            let of_sled =
                || std::thread::current().name().is_some_and(|name| name.starts_with("sled") || name == "log flusher");
            if !ASKING.get() && !of_sled() {
                before(info);
            }
        }));
    });
    let outer = ASKING.replace(true);
    let answer = catch_unwind(AssertUnwindSafe(question));
    ASKING.set(outer);
    answer
}
