//! What the cache has, computed again in a store that has it not, and compared byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use retort_artifact::Checkpoint;
use retort_engine::{self as engine, World};
use retort_event::Reporter;
use retort_fingerprint::{Digest, Fingerprint, KeyManifest};
use retort_plan::{Counts, Earlier, History};
use retort_spec::InstanceId;
use retort_stage::Stop;
use retort_store::{Mode, RecordId, RemoteAt, RemoteOptions, Store, StoreOptions, Writes};

use super::{Demand, Ground, Selection, Session, SessionError};

/// How long the cache may take to answer an audit; it is on this machine.
const TIMEOUT: Duration = Duration::from_mins(10);

/// Instances that were computed again.
#[derive(Debug)]
pub struct Recomputed {
    /// How many there are.
    pub instances: usize,
    /// The parts that differ, each with the instance it belongs to.
    pub different: Vec<(InstanceId, String)>,
}

/// What became of one record on a result that was computed again.
#[derive(Debug)]
pub struct Audited {
    /// The record.
    pub record: RecordId,
    /// Who made it, as `user@host`.
    pub by: String,
    /// The parts that differ; none where the record holds.
    pub different: Vec<String>,
    /// Whether the record was countersigned, as one that holds is where there is a key.
    pub countersigned: bool,
}

impl Session {
    /// Computes the wanted instances again in an empty cache in `folder`, which is removed in the end, and compares them with
    /// what this cache has; `None` where a stage failed. What a teacher behind a server said is taken over: it could only be
    /// bought again.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where the cache has no current result for one of them.
    pub fn from_scratch(
        &self,
        selection: &Selection,
        folder: &Path,
        reporter: &mut dyn Reporter,
    ) -> Result<Option<Recomputed>, SessionError> {
        let ids: Vec<InstanceId> = selection.ids().collect();
        let cached = ids.iter().map(|id| self.current(*id)).collect::<Result<Vec<_>, _>>()?;
        let workspace = self.pipeline.workspace();
        // What others made is not fresh either, so there are no remotes.
        let store = workspace.store_with(StoreOptions { mode: Mode::Create, ..workspace.settings.store(folder) })?;
        let again = self.elsewhere(store);
        again.take_bought_rows(&self.store)?;
        let ground = again.ground(selection, Demand::All)?;
        let expected = Counts { runs: ids.len(), ..Counts::default() };
        let outcome = again.compute(selection, &ground, "check", expected, reporter)?;
        drop(again);
        fs_err::remove_dir_all(folder)?;
        if outcome.tally.failed > 0 {
            return Ok(None);
        }
        let mut different = Vec::new();
        for (id, cached) in ids.iter().zip(&cached) {
            let fresh = outcome.results[id.index()].as_ref();
            let fresh = fresh.ok_or_else(|| SessionError::unusable("the check did not end"))?;
            let differing = different_parts(&cached.parts, &fresh.parts).into_iter();
            different.extend(differing.map(|part| (*id, part.clone())));
        }
        Ok(Some(Recomputed { instances: ids.len(), different }))
    }

    /// Computes an instance again in a cache of its own in `folder`, which is removed in the end, and compares it with every
    /// record on its result; those that hold are countersigned where there is a key. `None` where a stage failed.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where the cache has no current result for it.
    pub fn audit(
        &self,
        id: InstanceId,
        folder: &Path,
        reporter: &mut dyn Reporter,
    ) -> Result<Option<Vec<Audited>>, SessionError> {
        let fingerprint = self.current(id)?.fingerprint;
        let records = self.store.records(&fingerprint)?;
        let fresh = self.again(id, &fingerprint, folder, reporter);
        fs_err::remove_dir_all(folder)?;
        let Some(fresh) = fresh? else { return Ok(None) };
        let mut audited = Vec::new();
        for (record, said) in &records {
            let parts = said.outputs.iter().map(|(part, blob)| (part.clone(), blob.digest)).collect();
            let different: Vec<String> = different_parts(&parts, &fresh).into_iter().cloned().collect();
            let by = format!("{}@{}", said.producer.user, said.producer.host);
            let countersigned = different.is_empty() && self.store.countersign(&record.digest())?;
            audited.push(Audited { record: *record, by, different, countersigned });
        }
        Ok(Some(audited))
    }

    /// Computes an instance in a cache of its own, with the real one as a remote that knows no result of it.
    fn again(
        &self,
        id: InstanceId,
        fingerprint: &Fingerprint,
        folder: &Path,
        reporter: &mut dyn Reporter,
    ) -> Result<Option<BTreeMap<String, Digest>>, SessionError> {
        let planned = self.plan(self.pipeline.needed_by(id), Demand::All)?;
        let workspace = self.pipeline.workspace();
        let remote = RemoteOptions {
            name: "cache".to_owned(),
            at: RemoteAt::Directory(std::path::absolute(self.store.root())?),
            writes: Writes::Never,
            timeout: TIMEOUT,
        };
        let others = workspace.settings.remotes.iter().cloned();
        let others = others.map(|remote| RemoteOptions { writes: Writes::Never, ..remote });
        let again = self.elsewhere(workspace.store_with(StoreOptions {
            mode: Mode::Create,
            remotes: std::iter::once(remote).chain(others).collect(),
            blind_to: vec![*fingerprint],
            ..workspace.settings.store(folder)
        })?);
        again.take_bought_rows(&self.store)?;
        let outcome = again.compute(&planned.selection, &planned.ground, "audit", planned.plan.counts(), reporter)?;
        Ok(outcome.results[id.index()].as_ref().map(|found| found.parts.clone()))
    }

    /// Takes over rows that cannot be computed again, only bought again.
    fn take_bought_rows(&self, from: &Store) -> Result<(), SessionError> {
        for rows in self.pipeline.workspace().language().kinds.iter().flat_map(|kind| kind.bought_rows) {
            self.store.take_rows(from, rows)?;
        }
        Ok(())
    }

    /// Runs instances without a log of the run; `name` names it in what is told.
    fn compute(
        &self,
        selection: &Selection,
        ground: &Ground,
        name: &str,
        expected: Counts,
        reporter: &mut dyn Reporter,
    ) -> Result<engine::Outcome, SessionError> {
        let stop = Stop::new();
        let options = self.carried_out(None, format!("{name}-{}", std::process::id()));
        let world = World {
            experiment: &self.pipeline.experiment,
            graph: &self.pipeline.graph,
            wanted: &selection.wanted,
            named: &vec![false; selection.wanted.len()],
            externals: &ground.externals,
            numerics: ground.numerics,
            store: &self.store,
            devices: &*self.devices,
            reach: self.pipeline.workspace().reach(),
            history: &Nothing,
            stop: &stop,
        };
        Ok(engine::run(world, &options, expected, reporter)?)
    }
}

/// Returns the parts of two results that differ, or that only one of them has; but for weights of single steps, of which a
/// training keeps as many as it is asked to.
fn different_parts<'p>(one: &'p BTreeMap<String, Digest>, other: &'p BTreeMap<String, Digest>) -> Vec<&'p String> {
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
