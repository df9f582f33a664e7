//! Leases keep several processes from doing the same work at once. Nothing goes wrong without them.
//!
//! A lease is a file that its holder keeps locked and touches now and then. It is free again when the holder releases it,
//! when the holder's machine sees that the lock is gone (a killed process holds none), or when it has not been touched
//! for a minute by the clock of the file system, so that no client's clock matters.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use fs_err::File;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW};
use serde::{Deserialize, Serialize};

use super::disk::{self, Locked, Locking};
use super::error::{StoreError, failed};
use super::files::Files;
use super::record::RecordSummary;
use super::stamp::Stamp;
use retort_fingerprint::Fingerprint;

/// How often a holder says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// A holder that was silent for so long is taken for dead.
const STALE_AFTER_MS: u64 = 60_000;

/// A lease without a holder that is younger than this is being written.
const FRESH_FOR_MS: u64 = 3_000;

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The person.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The process on that machine.
    pub pid: u32,
    /// Since when, in milliseconds since 1970 by the holder's clock.
    pub since_ms: u64,
}

/// What came of asking for a lease.
#[derive(Debug)]
pub enum LeaseState {
    /// It is ours until the guard is dropped.
    Held(Lease),
    /// Another worker or process has it; who that is may not be written down yet.
    Busy(Option<Holder>),
}

/// What came of waiting for a lease.
#[derive(Debug)]
pub enum Waited {
    /// The lease is ours, and nobody has published a result.
    Held(Lease),
    /// Somebody published a result meanwhile.
    Published(RecordSummary),
    /// The caller asked to stop.
    Stopped,
}

/// A held lease; it is renewed in the background and released when dropped.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    file: Arc<Locked>,
    pulse: Arc<Pulse>,
    /// The leases on the same action in remotes, kept until the result has been pushed there.
    elsewhere: Vec<Lease>,
    release: Option<Box<dyn Release>>,
}

/// Lets go of leases in remotes once what was made before has been pushed there.
pub(super) trait Release: std::fmt::Debug + Send + Sync {
    /// Takes the leases, to be let go of in time.
    fn release(&self, leases: Vec<Lease>);
}

/// What came of one attempt to take a lease.
pub(super) enum Attempt {
    /// It is ours.
    Held(Locked),
    /// Another has it.
    Busy(Option<Holder>),
    /// The file was released or taken over between two steps; try again.
    Vanished,
}

/// Tells whether a time is at most so long ago. One that is to come by more than a lease's life was never touched by a holder:
/// the file system's clock is the same for all.
fn is_within(at_ms: u64, ms: u64, now_ms: u64) -> bool {
    at_ms.saturating_add(ms) >= now_ms && at_ms <= now_ms.saturating_add(STALE_AFTER_MS)
}

fn is_still(path: &Path, stamp: &Stamp) -> bool {
    disk::stamp_at(path).is_some_and(|now| now.same_file(stamp))
}

/// Reads who holds a lease; a holder that is just writing itself down is not known.
fn read_holder(file: &mut File) -> Option<Holder> {
    const BYTES_MAX: u64 = 4096;
    let mut text = Vec::new();
    file.rewind().ok()?;
    file.take(BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

impl Files {
    /// Tries to take a lease once.
    pub(super) fn try_lease(&self, path: &Path) -> io::Result<Attempt> {
        let (file, is_new) = disk::append(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        // Whoever finds a lease that nobody holds takes its file away and makes another: the file may be somebody else's.
        let remove = || {
            if is_still(path, &stamp) {
                disk::remove_if_there(path)?;
            }
            Ok(Attempt::Vanished)
        };
        let mut file = match Locked::try_new(file) {
            Locking::Taken(_) if !is_still(path, &stamp) => return Ok(Attempt::Vanished),
            Locking::Taken(file) if is_new => file,
            Locking::Taken(mut file) => {
                let holder = read_holder(&mut file);
                // Locks may not reach from machine to machine, so elsewhere's lease is free only when it is stale. One that is
                // empty may be being written there.
                let elsewhere = holder.as_ref().is_some_and(|holder| holder.host != self.host);
                let is_busy =
                    (elsewhere && !self.is_stale(&stamp)?) || (stamp.bytes() == 0 && self.is_fresh(&stamp)?);
                return if is_busy { Ok(Attempt::Busy(holder)) } else { remove() };
            }
            Locking::Busy(_) if is_new => return remove(),
            // Without locks the making of the file decides, and its heartbeat.
            Locking::Unsupported(file) if is_new => Locked::pretend(file),
            Locking::Busy(mut file) | Locking::Unsupported(mut file) => {
                return if self.is_stale(&stamp)? { remove() } else { Ok(Attempt::Busy(read_holder(&mut file))) };
            }
        };
        let holder = Holder {
            user: self.user.clone(),
            host: self.host.clone(),
            pid: std::process::id(),
            since_ms: self.now_ms(),
        };
        let text = serde_json::to_vec(&holder).map_err(io::Error::other)?;
        file.write_all(&text)?;
        Ok(Attempt::Held(file))
    }

    /// Tells whether a lease was made so recently that its holder may still be writing itself down.
    fn is_fresh(&self, stamp: &Stamp) -> io::Result<bool> {
        Ok(is_within(stamp.modified_ms(), FRESH_FOR_MS, self.file_system_ms()?))
    }

    fn is_stale(&self, stamp: &Stamp) -> io::Result<bool> {
        Ok(!is_within(stamp.modified_ms(), STALE_AFTER_MS, self.file_system_ms()?))
    }

    /// The time by the clock of the cache's file system: the mtime of a file made now, where one may be made.
    pub(super) fn file_system_ms(&self) -> io::Result<u64> {
        if !self.writable {
            return Ok(self.now_ms());
        }
        let temp = self.temp()?;
        let file = disk::create_new(temp.path(), disk::GROWING)?;
        Ok(Stamp::of(&file.metadata()?).modified_ms())
    }

    /// Lists the actions somebody is at work on.
    pub(super) fn live_leases(&self) -> Result<Vec<Fingerprint>, StoreError> {
        let folder = self.layout.area(super::layout::Area::Leases);
        let mut live = Vec::new();
        for name in disk::names(&folder).map_err(failed("list leases"))? {
            let (Ok(fingerprint), Some(stamp)) = (name.parse(), disk::stamp_at(&folder.join(&name))) else { continue };
            if !self.is_stale(&stamp).map_err(failed("list leases"))? {
                live.push(fingerprint);
            }
        }
        Ok(live)
    }

    /// Removes the lease files that nobody holds any more.
    pub(super) fn sweep_leases(&self) -> Result<(), StoreError> {
        let failed = failed("sweep leases");
        let folder = self.layout.area(super::layout::Area::Leases);
        for name in disk::names(&folder).map_err(&failed)? {
            let path = folder.join(&name);
            // What has no action's name is none of ours.
            if name.parse::<Fingerprint>().is_ok()
                && let Some(stamp) = disk::stamp_at(&path)
                && self.is_stale(&stamp).map_err(&failed)?
            {
                disk::remove_if_there(&path).map_err(&failed)?;
            }
        }
        Ok(())
    }
}

impl Lease {
    /// Starts the heartbeat of a lease that is ours.
    pub(super) fn begin(path: PathBuf, file: Locked, pulse: &Arc<Pulse>, release: Option<Box<dyn Release>>) -> Self {
        let file = Arc::new(file);
        pulse.add(&file);
        Self { path, file, pulse: Arc::clone(pulse), elsewhere: Vec::new(), release }
    }

    /// Takes the lease on the same action in a remote.
    pub(super) fn and(&mut self, elsewhere: Self) {
        self.elsewhere.push(elsewhere);
    }

    /// Says that the holder is alive; this also happens by itself.
    pub fn renew(&self) -> Result<(), StoreError> {
        touch(&self.file).map_err(failed("renew a lease"))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // In the remotes it ends only once what was published meanwhile has been pushed there.
        if let Some(release) = self.release.take().filter(|_| !self.elsewhere.is_empty()) {
            release.release(std::mem::take(&mut self.elsewhere));
        }
        self.pulse.remove(&self.file);
        // Only our own file: after a long silence another process may have taken the lease over.
        if self.file.metadata().is_ok_and(|metadata| is_still(&self.path, &Stamp::of(&metadata))) {
            let _ = disk::remove_if_there(&self.path);
        }
    }
}

/// Sets the mtime to the file system's own idea of now.
fn touch(file: &File) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Ok(rustix::fs::futimens(file.file(), &Timestamps { last_access: now, last_modification: now })?)
}

/// The held leases of one store, and the thread that touches them while there are any.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    state: Mutex<PulseState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PulseState {
    /// By the address of the open file, which is its own as long as it is here.
    held: BTreeMap<usize, Arc<Locked>>,
    is_beating: bool,
}

impl Pulse {
    fn add(self: &Arc<Self>, file: &Arc<Locked>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held.insert(Arc::as_ptr(file).addr(), Arc::clone(file));
        if !state.is_beating {
            let pulse = Arc::downgrade(self);
            let thread = std::thread::Builder::new().name("retort-lease".into());
            // Without the thread the lease goes stale after a minute, which is harmless.
            state.is_beating = thread.spawn(move || beat(&pulse)).is_ok();
        }
    }

    fn remove(&self, file: &Arc<Locked>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held.remove(&Arc::as_ptr(file).addr());
    }

    /// Ends the thread; called when the store goes.
    pub(super) fn stop(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_beating = false;
        self.changed.notify_all();
    }
}

fn beat(pulse: &Weak<Pulse>) {
    while let Some(pulse) = pulse.upgrade() {
        let state = pulse.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = pulse.changed.wait_timeout_while(state, HEARTBEAT, |state| state.is_beating);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !state.is_beating {
            return;
        }
        for file in state.held.values() {
            let _ = touch(file);
        }
    }
}
