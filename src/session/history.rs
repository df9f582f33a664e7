//! What was run before, read from the store's runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use retort_fingerprint::{Fingerprint, KeyManifest};
use retort_plan::{Earlier, History};
use retort_store::{Store, StoreError};

/// How many earlier runs are looked at: enough to find the last state of an instance that was left out for a while.
const RUNS_MAX: usize = 20;

/// How many earlier instances are compared with one that has no namesake.
const NEIGHBOURS_MAX: usize = 8;

type Known = BTreeMap<Fingerprint, Option<(Arc<KeyManifest>, u64)>>;

/// What an experiment was run as before, latest run first.
pub struct StoredHistory<'s> {
    store: &'s Store,
    earlier: Vec<Earlier>,
    /// The latest instance of each name.
    by_name: BTreeMap<String, usize>,
    /// Instances by their name with one coordinate left out.
    by_rest: BTreeMap<String, Vec<usize>>,
    by_stage: BTreeMap<String, Vec<usize>>,
    manifests: Mutex<Known>,
}

impl<'s> StoredHistory<'s> {
    /// Reads the last runs of an experiment; runs of other experiments follow, since actions are shared between them.
    pub fn read(store: &'s Store, experiment: &str) -> Result<Self, StoreError> {
        let runs: Vec<_> = store.runs()?.iter().rev().take(RUNS_MAX).filter_map(|id| store.open_run(id).ok()).collect();
        let (own, others): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.info().experiment == experiment);
        let mut history = Self {
            store,
            earlier: Vec::new(),
            by_name: BTreeMap::new(),
            by_rest: BTreeMap::new(),
            by_stage: BTreeMap::new(),
            manifests: Mutex::default(),
        };
        for entry in own.iter().chain(&others).flat_map(|run| run.instances().unwrap_or_default()) {
            if !history.by_name.contains_key(&entry.name) {
                history.add(Earlier { name: entry.name, stage: entry.stage, fingerprint: entry.fingerprint });
            }
        }
        Ok(history)
    }

    fn add(&mut self, earlier: Earlier) {
        let index = self.earlier.len();
        for rest in rests(&earlier.name) {
            self.by_rest.entry(rest).or_default().push(index);
        }
        self.by_stage.entry(earlier.stage.clone()).or_default().push(index);
        self.by_name.insert(earlier.name.clone(), index);
        self.earlier.push(earlier);
    }

    /// Returns how long an instance of this name last took, in milliseconds.
    pub fn last_cost(&self, name: &str) -> Option<u64> {
        self.manifest(&self.namesake(name)?.fingerprint).map(|(_, took_ms)| took_ms)
    }
}

impl History for StoredHistory<'_> {
    fn namesake(&self, name: &str) -> Option<&Earlier> {
        self.by_name.get(name).map(|index| &self.earlier[*index])
    }

    fn neighbours(&self, name: &str, stage: &str) -> Vec<&Earlier> {
        fn listed<'l>(lists: &'l BTreeMap<String, Vec<usize>>, key: &str) -> impl Iterator<Item = usize> + use<'l> {
            lists.get(key).map_or(&[][..], Vec::as_slice).iter().copied()
        }
        let one_apart = rests(name).flat_map(|rest| listed(&self.by_rest, &rest));
        let mut found: Vec<usize> = Vec::new();
        let all = 0..self.earlier.len();
        for index in one_apart.chain(listed(&self.by_stage, stage)).chain(all).take(4 * NEIGHBOURS_MAX) {
            if !found.contains(&index) {
                found.push(index);
            }
        }
        found.into_iter().take(NEIGHBOURS_MAX).map(|index| &self.earlier[index]).collect()
    }

    fn manifest(&self, fingerprint: &Fingerprint) -> Option<(Arc<KeyManifest>, u64)> {
        let mut known = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let (_, record) = self.store.record(fingerprint).ok()??;
            Some((Arc::new(record.manifest), record.took_ms))
        };
        known.entry(*fingerprint).or_insert_with(read).clone()
    }
}

/// Lists an instance's name with each of its coordinates left out in turn.
fn rests(name: &str) -> impl Iterator<Item = String> + '_ {
    let (stage, coords) = name.split_once('[').unwrap_or((name, ""));
    let coords: Vec<&str> = coords.trim_end_matches(']').split(',').filter(|coord| !coord.is_empty()).collect();
    (0..coords.len()).map(move |left_out| {
        let axis = coords[left_out].split('=').next().unwrap_or_default();
        let others = coords.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, coord)| *coord);
        format!("{stage}[{}]/{axis}", others.collect::<Vec<_>>().join(","))
    })
}

/// History that is read only when something is stale.
pub(crate) struct LazyHistory<'a> {
    pub(crate) store: &'a Store,
    pub(crate) experiment: &'a str,
    pub(crate) read: OnceLock<Option<StoredHistory<'a>>>,
}

impl LazyHistory<'_> {
    fn get(&self) -> Option<&StoredHistory<'_>> {
        self.read.get_or_init(|| StoredHistory::read(self.store, self.experiment).ok()).as_ref()
    }
}

impl History for LazyHistory<'_> {
    fn namesake(&self, name: &str) -> Option<&Earlier> {
        self.get()?.namesake(name)
    }

    fn neighbours(&self, name: &str, stage: &str) -> Vec<&Earlier> {
        self.get().map_or_else(Vec::new, |history| history.neighbours(name, stage))
    }

    fn manifest(&self, fingerprint: &Fingerprint) -> Option<(Arc<KeyManifest>, u64)> {
        self.get()?.manifest(fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_one_coordinate_share_a_rest() {
        let of = |name: &str| rests(name).collect::<Vec<_>>();
        assert_eq!(of("tuned[run=0,fraction=0.4]"), ["tuned[fraction=0.4]/run", "tuned[run=0]/fraction"]);
        assert!(of("tuned[run=0,fraction=0.5]").contains(&"tuned[run=0]/fraction".to_owned()));
        assert!(of("questions").is_empty());
    }
}
