//! What was run before, read from the store's runs.

use crate::fingerprint::{Fingerprint, KeyManifest};
use crate::plan::{Earlier, History};
use crate::store::{Store, StoreError};

/// How many earlier runs are looked at: enough to find the last state of an instance that was left out for a while.
const RUNS_MAX: usize = 20;

/// The history of an experiment, latest run first.
pub(super) struct StoredHistory<'s> {
    store: &'s Store,
    earlier: Vec<Earlier>,
}

impl<'s> StoredHistory<'s> {
    /// Reads the last runs of an experiment; runs of other experiments follow, since recipes are shared between them.
    pub(super) fn read(store: &'s Store, experiment: &str) -> Result<Self, StoreError> {
        let runs: Vec<_> = store.runs()?.iter().rev().take(RUNS_MAX).filter_map(|id| store.open_run(id).ok()).collect();
        let (own, others): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.info().experiment == experiment);
        let mut earlier = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for record in own.iter().chain(&others).flat_map(|run| run.instances().unwrap_or_default()) {
            if seen.insert((record.name.clone(), record.fingerprint)) {
                earlier.push(Earlier { name: record.name, stage: record.stage, fingerprint: record.fingerprint });
            }
        }
        Ok(Self { store, earlier })
    }

    /// Returns how long an instance of this name last took, in milliseconds.
    pub(super) fn last_cost(&self, name: &str) -> Option<u64> {
        let earlier = self.earlier.iter().find(|earlier| earlier.name == name)?;
        self.manifest(&earlier.fingerprint).map(|(_, took_ms)| took_ms)
    }
}

impl History for StoredHistory<'_> {
    fn earlier(&self) -> &[Earlier] {
        &self.earlier
    }

    fn manifest(&self, fingerprint: &Fingerprint) -> Option<(KeyManifest, u64)> {
        let (_, claim) = self.store.claim(fingerprint).ok()??;
        Some((claim.manifest, claim.took_ms))
    }
}
