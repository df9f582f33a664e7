//! What the cache has, computed again in a store that has it not: for `check --from-scratch` and `audit`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::args::Global;
use super::super::exit::Failure;
use super::super::reach::Environment;
use super::super::reporter;
use super::super::session::{Devices, Ground, Session};
use super::run::{options, reporter_options};
use crate::artifact::Checkpoint;
use crate::engine::{self, Outcome, World};
use crate::fingerprint::{Digest, Fingerprint, KeyManifest};
use crate::plan::{Counts, Earlier, History};
use crate::stage::Stop;
use crate::store::Store;

/// What is computed again, and where.
pub(super) struct Afresh<'a> {
    pub(super) session: &'a Session,
    pub(super) wanted: &'a [bool],
    pub(super) ground: &'a Ground,
    pub(super) store: &'a Store,
    pub(super) devices: &'a Devices,
}

impl Afresh<'_> {
    /// Runs it; `command` names the run.
    pub(super) fn run(&self, global: &Global, command: &str, expected: Counts) -> Result<Outcome, Failure> {
        let Self { session, wanted, ground, store, devices } = *self;
        let stop = Stop::new();
        let options = options(session, None, format!("{command}-{}", std::process::id()));
        let world = World {
            experiment: &session.experiment,
            graph: &session.graph,
            wanted,
            named: &vec![false; wanted.len()],
            externals: &ground.externals,
            numerics: ground.numerics,
            store,
            devices,
            reach: &Environment,
            history: &Nothing,
            stop: &stop,
        };
        let mut screen = reporter::make(reporter_options(global));
        Ok(engine::run(world, &options, expected, &mut *screen)?)
    }
}

/// Returns the parts of two results that differ, or that only one of them has; but for weights of single steps, of which a
/// training keeps as many as it is asked to.
pub(super) fn different_parts<'p>(
    one: &'p BTreeMap<String, Digest>,
    other: &'p BTreeMap<String, Digest>,
) -> Vec<&'p String> {
    let parts: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let is_kept_by_both = |part: &str| one.contains_key(part) && other.contains_key(part);
    let counts = |part: &&String| Checkpoint::step_of(part).is_none() || is_kept_by_both(part);
    parts.into_iter().filter(counts).filter(|part| one.get(*part) != other.get(*part)).collect()
}

/// What is computed afresh is compared with nothing earlier.
struct Nothing;

impl History for Nothing {
    fn namesake(&self, _name: &str) -> Option<&Earlier> {
        None
    }

    fn neighbours(&self, _name: &str, _stage: &str) -> Vec<&Earlier> {
        Vec::new()
    }

    fn manifest(&self, _fingerprint: &Fingerprint) -> Option<(Arc<KeyManifest>, u64)> {
        None
    }
}
