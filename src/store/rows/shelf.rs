//! The rows of one kind: this store's journal, the journals of others, and the packs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fs_err::File;

use super::journal::{self, Journal, Rows};
use super::listed::{index_pack, seal_rows};
use super::scope::{Scope, read_row};
use super::{JOURNAL, PACK, Place, ROW_BYTES_MAX, RowHash, SEAL_BYTES, aside, hash, pack, rescue};
use crate::cache::Core;
use crate::disk::{self, Locked, Locking};
use crate::error::{StoreError, failed};
use crate::index::Table;
use crate::layout::Component;
use crate::notice::Notice;
use crate::session::unique;
use crate::stamp::{Stamp, now_ns};
use retort_fingerprint::{Digest, RowKey, Term};

/// The rows of one kind, shared by all workers of a store.
///
/// A row that was put can be found at once, by this process and by others. It survives a killed process; rows of the
/// last second, or the last thousand, may be lost when the power fails, unless [`RowStore::flush`] returned.
pub struct RowStore {
    core: Arc<Core>,
    kind: Component,
    scope: Scope,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    journal: Option<(PathBuf, Journal)>,
    /// The rows of the journal, and what was written: others may be able to write its file as well.
    own: BTreeMap<RowKey, (Place, RowHash)>,
    others: BTreeMap<String, Other>,
    /// Packs whose rows are in the index.
    indexed: BTreeSet<Digest>,
    /// Packs held open, so that a look-up need not open one.
    open: BTreeMap<Digest, Arc<File>>,
    /// The folder as it was when it was last listed.
    listed: Option<Stamp>,
    /// How often the index had lost everything when `indexed` was true.
    losses: u32,
}

/// Another store's journal and what was read of it so far.
struct Other {
    file: File,
    end: u64,
    /// How long it was then; behind the end there may be what is not written to its end, or damaged.
    scanned: u64,
    rows: Rows,
}

/// More open packs than this are closed all at once; a process may not open files without end.
const OPEN_PACKS_MAX: usize = 64;

/// How old the journal of a process on another machine must be to count as left behind.
const ABANDONED_AFTER_MS: u64 = 7 * 24 * 3600 * 1000;

impl RowStore {
    /// Finds a row; `None` when nobody has put it, or what was put is damaged.
    pub fn get(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
        let key = &self.salted(*key);
        let mut state = self.state();
        if let Some(found) = self.look(&mut state, key)? {
            return Ok(Some(found));
        }
        if self.refresh(&mut state)? { self.look(&mut state, key) } else { Ok(None) }
    }

    /// Returns the key under which a row is kept: another one for each salt.
    fn salted(&self, key: RowKey) -> RowKey {
        let Some(salt) = &self.core.salt else { return key };
        RowKey::of(&Term::record([("row", Term::Text(key.hex())), ("salt", Term::Text(salt.clone()))]))
    }

    /// Keeps a row.
    ///
    /// # Errors
    /// [`StoreError::RowTooLarge`], [`StoreError::ReadOnly`], [`StoreError::Full`].
    pub fn put(&self, key: RowKey, payload: &[u8]) -> Result<(), StoreError> {
        self.core.files.require_writable("keep a row")?;
        if payload.len() > ROW_BYTES_MAX {
            return Err(StoreError::RowTooLarge { bytes: payload.len(), limit: ROW_BYTES_MAX });
        }
        let failed = self.core.files.write_failed("keep a row", payload.len() as u64);
        let key = self.salted(key);
        let voucher = journal::voucher(&self.core.files, &self.kind, &key, payload);
        let mut state = self.state();
        if state.journal.is_none() {
            state.journal = Some(self.start_journal().map_err(&failed)?);
        }
        if let Some((_, journal)) = &mut state.journal {
            let place = journal.append(&key, payload, voucher).map_err(&failed)?;
            let is_full = journal.bytes() >= SEAL_BYTES;
            state.own.insert(key, (place, hash(&key, payload)));
            if is_full {
                self.seal(&mut state)?;
            }
        }
        Ok(())
    }

    /// Makes every row that was put durable.
    pub fn flush(&self) -> Result<(), StoreError> {
        match &mut self.state().journal {
            Some((_, journal)) => journal.sync().map_err(self.core.files.write_failed("keep rows", journal.bytes())),
            None => Ok(()),
        }
    }

    /// Seals what was put into a pack; this also happens when the store is dropped.
    pub fn finish(&self) -> Result<(), StoreError> {
        self.seal(&mut self.state())
    }

    pub(crate) fn open(core: Arc<Core>, kind: Component) -> Result<Self, StoreError> {
        let folder = core.files.layout.rows_of(&kind);
        let scope = Scope::of(&core.files.trust, &kind);
        let rows = Self { core, kind, scope, folder, state: Mutex::default() };
        if rows.core.files.writable {
            disk::make_folder(&rows.folder).map_err(rows.core.files.write_failed("keep rows", 0))?;
            rows.adopt()?;
            rows.core.take_rows_from_remotes(&rows.kind);
        }
        rows.refresh(&mut rows.state())?;
        Ok(rows)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_journal(&self) -> io::Result<(PathBuf, Journal)> {
        loop {
            let host = Component::of(&self.core.files.host);
            let path = self.folder.join(format!("{}.{}{JOURNAL}", host.as_str(), unique(self.kind.as_str())));
            if let Some(journal) = Journal::create(&path)? {
                return Ok((path, journal));
            }
        }
    }

    fn look(&self, state: &mut State, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = failed("read a row");
        if let (Some((place, hash)), Some((_, journal))) = (state.own.get(key), &state.journal) {
            return journal::read_exactly(journal.file(), key, *place, hash).map_err(failed);
        }
        for other in state.others.values() {
            if let Some(place) = other.rows.get(key)
                && let Some(payload) = journal::read(&other.file, key, *place).map_err(&failed)?
                && self.may_use(other, key, &payload).map_err(&failed)?
            {
                return Ok(Some(payload));
            }
        }
        let index_key = self.scope.key(key.as_bytes());
        let Some(value) = self.core.index.get(Table::Rows, &index_key) else { return Ok(None) };
        if let Some((digest, place, hash)) = read_row(&value)
            && let Some(file) = self.open_pack(state, &digest).map_err(&failed)?
        {
            let found = match hash {
                Some(hash) => journal::read_exactly(&file, key, place, &hash),
                None => journal::read(&file, key, place),
            };
            if let Some(payload) = found.map_err(&failed)? {
                return Ok(Some(payload));
            }
            let why = format!("the row at byte {} is damaged", place.offset);
            self.core.files.notices.push(Notice::RowsDamaged { path: self.pack_path(&digest), why });
        }
        // The pack was merged into another or is damaged; when another one has the row, a refresh finds it.
        self.core.index.remove(Table::Rows, &index_key);
        state.listed = None;
        Ok(None)
    }

    /// Tells whether a row of another store's journal may be used: where trust is required, one's own alone.
    fn may_use(&self, other: &Other, key: &RowKey, payload: &[u8]) -> io::Result<bool> {
        Ok(!self.core.files.trust.require
            || journal::is_vouched(&self.core.files, &self.kind, &other.file, &other.rows, key, payload)?)
    }

    fn pack_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}{PACK}"))
    }

    fn open_pack(&self, state: &mut State, digest: &Digest) -> io::Result<Option<Arc<File>>> {
        if let Some(file) = state.open.get(digest) {
            return Ok(Some(Arc::clone(file)));
        }
        let Some(file) = pack::open(&self.pack_path(digest))? else { return Ok(None) };
        if state.open.len() >= OPEN_PACKS_MAX {
            state.open.clear();
        }
        let file = Arc::new(file);
        state.open.insert(*digest, Arc::clone(&file));
        Ok(Some(file))
    }

    /// Looks for what others have added; `true` when there may be rows that were not there before.
    fn refresh(&self, state: &mut State) -> Result<bool, StoreError> {
        let failed = failed("list rows");
        let losses = self.core.index.losses();
        if losses != state.losses {
            state.losses = losses;
            state.indexed.clear();
            state.listed = None;
        }
        let now = disk::stamp_at(&self.folder);
        let mut is_new = false;
        if now != state.listed || now.is_none() {
            let listed_ns = now_ns();
            let names = disk::names(&self.folder).map_err(&failed)?;
            for name in &names {
                if let Some(digest) = name.strip_suffix(PACK).and_then(|name| name.parse().ok()) {
                    is_new |= index_pack(&self.core, &self.kind, &digest, &mut state.indexed);
                } else if name.ends_with(JOURNAL) && !state.others.contains_key(name) && !state.is_own(name) {
                    let path = self.folder.join(name);
                    if let disk::Opened::Regular(file, _) = disk::open_plain(&path).map_err(&failed)? {
                        state.others.insert(name.clone(), Other { file, end: 0, scanned: 0, rows: Rows::new() });
                    }
                }
            }
            // A sealed journal's rows are in a pack by now.
            state.others.retain(|name, _| names.binary_search(name).is_ok());
            // A name added within this tick of the clock would not show, so a young stamp is not relied on.
            state.listed = now.filter(|stamp| stamp.is_settled(listed_ns, 0));
        }
        for (name, other) in &mut state.others {
            let bytes = other.file.metadata().map_err(&failed)?.len();
            if bytes > other.end && bytes != other.scanned {
                let scan = journal::scan(&other.file, other.end).map_err(&failed)?;
                other.scanned = bytes;
                if let Some(damaged) = scan.damaged {
                    let why = format!("the entry at byte {damaged} is damaged");
                    self.core.files.notices.push(Notice::RowsDamaged { path: self.folder.join(name), why });
                }
                is_new |= !scan.rows.is_empty();
                other.end = scan.end;
                other.rows.extend(scan.rows);
            }
        }
        Ok(is_new)
    }

    fn seal(&self, state: &mut State) -> Result<(), StoreError> {
        let Some((path, journal)) = &mut state.journal else { return Ok(()) };
        let failed = self.core.files.write_failed("seal rows", journal.bytes());
        let mut rows = BTreeMap::new();
        for (key, (place, hash)) in &state.own {
            if let Some(payload) = journal::read_exactly(journal.file(), key, *place, hash).map_err(&failed)? {
                rows.insert(*key, payload);
            }
        }
        seal_rows(&self.core, &self.kind, self.core.files.trust.signer(), &rows, &mut state.indexed)
            .map_err(&failed)?;
        if rows.len() == state.own.len() {
            disk::remove_if_there(path).map_err(&failed)?;
        } else {
            let why = format!("{} rows are not what was written", state.own.len() - rows.len());
            self.core.files.notices.push(Notice::RowsDamaged { path: path.clone(), why });
            aside::set_aside(&self.core.files, path).map_err(&failed)?;
        }
        state.journal = None;
        state.own.clear();
        Ok(())
    }

    /// Seals the journals of processes that are gone.
    fn adopt(&self) -> Result<(), StoreError> {
        let failed = self.core.files.write_failed("seal rows left behind", 0);
        let ours = format!("{}.", Component::of(&self.core.files.host).as_str());
        for name in disk::names(&self.folder).map_err(&failed)? {
            let path = self.folder.join(&name);
            if !name.ends_with(JOURNAL) {
                continue;
            }
            let disk::Opened::Regular(file, stamp) = disk::open_plain(&path).map_err(&failed)? else { continue };
            let old = stamp.newest_ms().saturating_add(ABANDONED_AFTER_MS) < self.core.files.now_ms();
            let is_ours = name.starts_with(&ours);
            let left = match Locked::try_new(file) {
                Locking::Taken(file) => (is_ours || old).then_some(file),
                Locking::Busy(_) => None,
                Locking::Unsupported(file) => old.then(|| Locked::pretend(file)),
            };
            // Another store may have sealed and removed it before the lock was ours.
            if let Some(file) = left.filter(|_| disk::stamp_at(&path).is_some_and(|now| now.same_file(&stamp))) {
                let mut state = self.state();
                rescue::adopt(&self.core, &self.kind, &path, &file, &mut state.indexed).map_err(&failed)?;
            }
        }
        Ok(())
    }
}

impl State {
    fn is_own(&self, name: &str) -> bool {
        self.journal.as_ref().is_some_and(|(path, _)| path.file_name().is_some_and(|own| own == name))
    }
}

impl Drop for RowStore {
    fn drop(&mut self) {
        // What cannot be sealed now stays in its journal, which the next store to be opened seals.
        let _ = self.finish();
    }
}
