//! Blobs that are not to be evicted, because something in this process counts on them.
//!
//! Equal bytes of several results are one blob. Whoever publishes, or takes a result that is there, holds its
//! blobs first, and eviction happens under the same lock: a blob is either gone before it is held, or stays while it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use retort_fingerprint::Digest;

/// Which blobs are held, and which are about to be evicted.
#[derive(Debug, Default)]
pub(super) struct Holds(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// How many hold each blob.
    held: BTreeMap<Digest, usize>,
    /// The last request to evict each blob that was not carried out yet.
    doomed: BTreeMap<Digest, u64>,
    requests: u64,
}

/// Keeps blobs from being evicted by this process until it is dropped.
#[derive(Debug)]
#[must_use = "what is held is let go of when this is dropped"]
pub struct Hold {
    digests: Vec<Digest>,
    state: Arc<Mutex<State>>,
}

/// A request to evict a blob. Holding the blob before it is carried out cancels it.
#[derive(Debug)]
pub(super) struct Doomed {
    pub(super) digest: Digest,
    request: u64,
}

impl Holds {
    pub(super) fn hold(&self, digests: impl IntoIterator<Item = Digest>) -> Hold {
        let digests: Vec<Digest> = digests.into_iter().collect();
        let mut state = locked(&self.0);
        for digest in &digests {
            *state.held.entry(*digest).or_default() += 1;
            state.doomed.remove(digest);
        }
        drop(state);
        Hold { digests, state: Arc::clone(&self.0) }
    }

    /// Asks for a blob to be evicted; `None` where it is held.
    pub(super) fn doom(&self, digest: &Digest) -> Option<Doomed> {
        let mut state = locked(&self.0);
        if state.held.contains_key(digest) {
            return None;
        }
        state.requests += 1;
        let request = state.requests;
        state.doomed.insert(*digest, request);
        Some(Doomed { digest: *digest, request })
    }

    /// Evicts a blob unless it was held since it was asked for, or was asked for once more; nobody can begin to hold it
    /// meanwhile.
    pub(super) fn carry_out<T>(&self, doomed: &Doomed, evict: impl FnOnce() -> T) -> Option<T> {
        let mut state = locked(&self.0);
        if state.doomed.get(&doomed.digest) != Some(&doomed.request) {
            return None;
        }
        state.doomed.remove(&doomed.digest);
        Some(evict())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        for digest in &self.digests {
            if let Some(count) = state.held.get_mut(digest) {
                *count -= 1;
                if *count == 0 {
                    state.held.remove(digest);
                }
            }
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest() -> Digest {
        Digest::of(b"weights")
    }

    #[test]
    fn what_is_held_is_not_evicted_until_the_last_lets_go() {
        let holds = Holds::default();
        let (one, other) = (holds.hold([digest(), digest()]), holds.hold([digest()]));
        assert!(holds.doom(&digest()).is_none());
        drop(one);
        assert!(holds.doom(&digest()).is_none());
        drop(other);
        let doomed = holds.doom(&digest()).unwrap();
        assert_eq!(holds.carry_out(&doomed, || "gone"), Some("gone"));
        assert_eq!(holds.carry_out(&doomed, || "gone"), None, "once for each request");
        assert!(locked(&holds.0).held.is_empty());
    }

    #[test]
    fn holding_cancels_an_eviction_that_was_asked_for() {
        let holds = Holds::default();
        let early = holds.doom(&digest()).unwrap();
        drop(holds.hold([digest()]));
        assert_eq!(holds.carry_out(&early, || ()), None, "it was held in between");
        let late = holds.doom(&digest()).unwrap();
        assert_eq!(holds.carry_out(&early, || ()), None, "what was published since is still to be brought to remotes");
        assert_eq!(holds.carry_out(&late, || ()), Some(()));
    }
}
