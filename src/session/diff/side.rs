//! One side of a comparison: the instances of a run, or those of a pipeline as they would be run now.

use std::collections::BTreeMap;

use retort_fingerprint::{Fingerprint, KeyChange, KeyManifest};
use retort_plan::Verdict;
use retort_store::Store;

use crate::{Demand, Session, SessionError, find_run};

/// What is compared: a run, or a pipeline as it would be run now.
#[derive(Debug)]
pub struct Side {
    /// How it is called.
    pub name: String,
    /// The experiment's name.
    pub experiment: String,
    /// Its instances by name.
    pub(super) instances: BTreeMap<String, Instance>,
}

/// One instance and what is known of its action.
#[derive(Debug)]
pub(super) struct Instance {
    /// Its key; `None` while what it reads is not known.
    pub(super) fingerprint: Option<Fingerprint>,
    /// The readable action; `None` where its record is gone.
    manifest: Option<KeyManifest>,
}

impl Instance {
    /// Says whether both have one action, as far as it is known.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self.fingerprint, other.fingerprint) {
            (Some(one), Some(two)) => one == two,
            // Parameters alone can be compared: where they are the same, whatever comes before tells what differs.
            _ => self.changes(other).is_empty(),
        }
    }

    /// Lists the fields that differ; those of inputs only where both sides know them.
    pub(super) fn changes(&self, other: &Self) -> Vec<KeyChange> {
        let (Some(one), Some(two)) = (&self.manifest, &other.manifest) else { return Vec::new() };
        if self.fingerprint.is_some() && other.fingerprint.is_some() {
            return one.changes(two);
        }
        let bare = |manifest: &KeyManifest| KeyManifest {
            inputs: Vec::new(),
            env: BTreeMap::new(),
            numerics: None,
            ..manifest.clone()
        };
        bare(one).changes(&bare(two))
    }
}

impl Side {
    /// Returns how many instances it has.
    pub fn len(&self) -> usize {
        self.instances.len()
    }

    /// Says whether it has no instances.
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// Reads a run by its name.
    ///
    /// # Errors
    /// [`SessionError::Invalid`] where none or several are meant.
    pub fn of_run(name: &str, store: &Store) -> Result<Self, SessionError> {
        let run = find_run(store, name)?;
        let mut instances = BTreeMap::new();
        for entry in run.instances()? {
            let manifest = store.record(&entry.fingerprint)?.map(|(_, record)| record.manifest);
            instances.insert(entry.name, Instance { fingerprint: Some(entry.fingerprint), manifest });
        }
        Ok(Self { name: run.id().to_string(), experiment: run.info().experiment.clone(), instances })
    }

    /// Plans a pipeline.
    ///
    /// # Errors
    /// [`SessionError::Device`] where the device cannot be used.
    pub fn of_pipeline(session: &Session) -> Result<Self, SessionError> {
        let (experiment, store) = (&session.pipeline.experiment, &session.store);
        let planned = session.plan(session.pipeline.all(), Demand::Device)?;
        let mut instances = BTreeMap::new();
        for (id, verdict) in planned.verdicts() {
            let instance = match verdict {
                Verdict::Hit(found) | Verdict::Doubtful(found, _) => {
                    let manifest = store.record(&found.fingerprint)?.map(|(_, record)| record.manifest);
                    Instance { fingerprint: Some(found.fingerprint), manifest }
                }
                Verdict::Run(action) | Verdict::Remake(action, _) => {
                    let manifest = action.manifest.clone();
                    Instance { fingerprint: Some(manifest.fingerprint()), manifest: Some(manifest) }
                }
                Verdict::Left | Verdict::SameAs(_) | Verdict::Awaits(_) | Verdict::Lacks(_) => {
                    let bound = &experiment.instance(id).bound;
                    let manifest = KeyManifest {
                        kind: bound.kind().name.to_owned(),
                        revision: bound.kind().revision,
                        params: bound.params(),
                        inputs: Vec::new(),
                        env: BTreeMap::new(),
                        numerics: None,
                    };
                    Instance { fingerprint: None, manifest: Some(manifest) }
                }
            };
            instances.insert(session.name(id), instance);
        }
        Ok(Self { name: experiment.path.display().to_string(), experiment: experiment.name.clone(), instances })
    }
}
