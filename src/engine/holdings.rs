//! What a run keeps from being evicted: the bytes of every result it has, until nothing reads those that pass.

use retort_fingerprint::Digest;
use retort_plan::{Action, Decision, Found, Need, Read, decide};
use retort_spec::InstanceId;
use retort_store::{Hold, Store, StoreError};

/// What is held of each instance's result, by index. Equal bytes of several instances are one blob, which stays until the
/// last of them lets go.
#[derive(Debug)]
pub(super) struct Holdings(Vec<Option<Hold>>);

impl Holdings {
    pub(super) fn new(instances: usize) -> Self {
        Self((0..instances).map(|_| None).collect())
    }

    /// Takes what holds the result of an instance, in place of what held an earlier one.
    pub(super) fn keep(&mut self, id: InstanceId, hold: Hold) {
        self.0[id.index()] = Some(hold);
    }

    /// Lets go of the parts of a result that pass, and returns their bytes; all others stay held.
    pub(super) fn let_go(&mut self, id: InstanceId, found: &Found, passing: &[&str], store: &Store) -> Vec<Digest> {
        let (gone, stays): (Vec<_>, Vec<_>) =
            found.parts.iter().partition(|(part, _)| passing.contains(&part.as_str()));
        self.keep(id, store.hold(stays.into_iter().map(|(_, digest)| *digest)));
        gone.into_iter().map(|(_, digest)| *digest).collect()
    }
}

/// Holds every blob of a result.
pub(super) fn hold(found: &Found, store: &Store) -> Hold {
    store.hold(found.parts.values().copied())
}

/// Holds a result and then says whether it will do: bytes that were there before they were held may have gone.
pub(super) fn held(found: Found, need: &Need, store: &Store) -> Option<(Found, Hold)> {
    let hold = hold(&found, store);
    need.is_met(&found, store).then_some((found, hold))
}

/// What is to be done with an instance: a [`Decision`] whose result is held.
#[derive(Debug)]
pub(super) enum Decided {
    Hit(Found, Hold),
    Run { before: Option<Found>, lacks: Vec<Read> },
}

/// Decides what is to be done with an instance, and holds its result where there is one.
pub(super) fn decide_and_hold(action: &Action, store: &Store, need: &Need) -> Result<Decided, StoreError> {
    loop {
        match decide(action, store, need)? {
            Decision::Run { before, lacks } => return Ok(Decided::Run { before, lacks }),
            Decision::Hit(found) => {
                if let Some((found, hold)) = held(found, need, store) {
                    return Ok(Decided::Hit(found, hold));
                }
            }
        }
    }
}
