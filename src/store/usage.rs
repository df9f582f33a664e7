//! How much space results take by experiment, by stage, or by the person who made them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Store;
use super::error::StoreError;
use retort_fingerprint::{Digest, Fingerprint};

/// What the size of results is broken down by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageBy {
    /// The experiment of a run that needed it.
    Experiment,
    /// The stage of a run that needed it.
    Stage,
    /// Who made it.
    Person,
}

/// What the results of one experiment, stage or person take.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// The experiment, stage or person; `None` for results that no recorded run needed.
    pub name: Option<String>,
    /// How many results.
    pub results: u64,
    /// Blobs of theirs that are there.
    pub blobs: u64,
    /// The size of those.
    pub bytes: u64,
    /// The size of those that no other has a part in.
    pub own_bytes: u64,
    /// How long making the results took.
    pub took_ms: u64,
}

impl Store {
    /// Measures results by experiment, stage or person, the largest first. What several need counts for each of them.
    pub fn usage(&self, by: UsageBy) -> Result<Vec<Usage>, StoreError> {
        let core = &*self.core;
        let owners = match by {
            UsageBy::Person => BTreeMap::new(),
            UsageBy::Experiment | UsageBy::Stage => self.owners(by)?,
        };
        let mut usages: BTreeMap<Option<String>, Usage> = BTreeMap::new();
        let mut blobs: BTreeMap<Digest, (u64, BTreeSet<Option<String>>)> = BTreeMap::new();
        for fingerprint in core.files.list_actions()? {
            for (_, record, _) in core.files.records(&fingerprint)? {
                let names: BTreeSet<Option<String>> = match by {
                    UsageBy::Person => [Some(record.producer.user.clone())].into(),
                    _ => owners
                        .get(&fingerprint)
                        .map_or_else(|| [None].into(), |names| names.iter().cloned().map(Some).collect()),
                };
                for name in &names {
                    let usage = usages.entry(name.clone()).or_default();
                    usage.results += 1;
                    usage.took_ms += record.took_ms;
                }
                for blob in record.outputs.values() {
                    if let Some(bytes) = core.files.blob_bytes(&blob.digest) {
                        blobs.entry(blob.digest).or_insert((bytes, BTreeSet::new())).1.extend(names.clone());
                    }
                }
            }
        }
        for (bytes, names) in blobs.into_values() {
            let is_own = names.len() == 1;
            for name in names {
                let usage = usages.entry(name).or_default();
                usage.blobs += 1;
                usage.bytes += bytes;
                usage.own_bytes += if is_own { bytes } else { 0 };
            }
        }
        let mut usages: Vec<Usage> = usages.into_iter().map(|(name, usage)| Usage { name, ..usage }).collect();
        usages.sort_by(|one, other| (other.bytes, &one.name).cmp(&(one.bytes, &other.name)));
        Ok(usages)
    }

    /// Says which experiments, or stages, needed each action in some recorded run.
    fn owners(&self, by: UsageBy) -> Result<BTreeMap<Fingerprint, BTreeSet<String>>, StoreError> {
        let mut owners: BTreeMap<Fingerprint, BTreeSet<String>> = BTreeMap::new();
        for id in self.runs()? {
            // A run whose description cannot be read says nothing.
            let Ok(run) = self.open_run(&id) else { continue };
            for entry in run.instances()? {
                let name = if by == UsageBy::Stage { entry.stage } else { run.info().experiment.clone() };
                owners.entry(entry.fingerprint).or_default().insert(name);
            }
        }
        Ok(owners)
    }
}
