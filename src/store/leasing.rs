//! Taking the lease on an action, here and in the remotes that get our results.

use std::path::PathBuf;
use std::time::Duration;

use super::Store;
use super::disk::Locked;
use super::error::StoreError;
use super::lease::{Attempt, Holder, Lease, LeaseState, Release, Waited};
use retort_fingerprint::Fingerprint;

/// How often a lease is tried anew when it vanishes under our hands.
const ATTEMPTS: u32 = 16;

impl Store {
    /// Asks for the lease on an action without waiting.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`]; [`StoreError::Io`] when the folder of leases cannot be used.
    pub fn lease(&self, fingerprint: &Fingerprint) -> Result<LeaseState, StoreError> {
        self.core.files.require_writable("take a lease")?;
        let path = self.core.files.layout.lease(fingerprint);
        for _ in 0..ATTEMPTS {
            match self.core.files.try_lease(&path).map_err(self.core.files.write_failed("take a lease", 0))? {
                Attempt::Held(file) => return Ok(self.with_remotes(fingerprint, self.lease_of(path, file))),
                Attempt::Busy(holder) => return Ok(LeaseState::Busy(holder)),
                Attempt::Vanished => {}
            }
        }
        Ok(LeaseState::Busy(None))
    }

    /// Starts the heartbeat of a lease that is ours.
    fn lease_of(&self, path: PathBuf, file: Locked) -> Lease {
        let release = self.pusher.handle().map(|handle| Box::new(handle) as Box<dyn Release>);
        Lease::begin(path, file, &self.pulse, release)
    }

    /// Takes the leases on an action in the remotes that get our results, so that no two people make the same thing at once.
    fn with_remotes(&self, fingerprint: &Fingerprint, mut lease: Lease) -> LeaseState {
        for remote in self.core.remotes.fed_on_success() {
            match remote.lease(fingerprint) {
                Some((path, Attempt::Held(file))) => lease.and(self.lease_of(path, file)),
                Some((_, Attempt::Busy(holder))) => return LeaseState::Busy(holder),
                // Without a lease the same thing may be made twice, which is harmless.
                Some((_, Attempt::Vanished)) | None => {}
            }
        }
        LeaseState::Held(lease)
    }

    /// Waits until the lease on an action is ours or somebody has published a result.
    ///
    /// Every `poll` it looks again; before each wait `on_wait` hears who holds the lease, and stops the waiting by
    /// returning `false`.
    pub fn wait_for_lease(
        &self,
        fingerprint: &Fingerprint,
        poll: Duration,
        mut on_wait: impl FnMut(Option<&Holder>) -> bool,
    ) -> Result<Waited, StoreError> {
        loop {
            let state = self.lease(fingerprint)?;
            // Looked up after the lease is ours: a holder publishes before it lets go.
            if let Some(summary) = self.find(fingerprint)? {
                return Ok(Waited::Published(summary));
            }
            match state {
                LeaseState::Held(lease) => return Ok(Waited::Held(lease)),
                LeaseState::Busy(holder) if on_wait(holder.as_ref()) => std::thread::sleep(poll),
                LeaseState::Busy(_) => return Ok(Waited::Stopped),
            }
        }
    }
}
