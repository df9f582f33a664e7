//! One side of a comparison: the instances of a run, or those of a pipeline file as they would be run now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::super::args::{Diff, Global, Pipeline};
use super::super::super::exit::Failure;
use super::super::super::session::{Devices, Session};
use super::super::runs::find;
use crate::fingerprint::{Fingerprint, KeyChange, KeyManifest};
use crate::plan::Verdict;
use crate::spec::InstanceId;
use crate::store::Store;

/// What is compared.
pub(super) struct Side {
    /// How it is called.
    pub(super) name: String,
    /// The experiment's name.
    pub(super) experiment: String,
    /// Its instances by name.
    pub(super) instances: BTreeMap<String, Instance>,
}

/// One instance and what is known of its recipe.
pub(super) struct Instance {
    /// Its key; `None` while what it reads is not known.
    pub(super) fingerprint: Option<Fingerprint>,
    /// The readable recipe; `None` where its claim is gone.
    manifest: Option<KeyManifest>,
}

impl Instance {
    /// Says whether both have one recipe, as far as it is known.
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
    /// Reads a run by its name, or a pipeline by its file.
    pub(super) fn of(global: &Global, args: &Diff, name: &str, store: &Store) -> Result<Self, Failure> {
        let path = Path::new(name);
        let is_file = path.is_file() || path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if is_file { Self::of_pipeline(global, args, path, store) } else { Self::of_run(name, store) }
    }

    fn of_run(name: &str, store: &Store) -> Result<Self, Failure> {
        let run = find(store, name)?;
        let mut instances = BTreeMap::new();
        for record in run.instances()? {
            let manifest = store.claim(&record.fingerprint)?.map(|(_, claim)| claim.manifest);
            instances.insert(record.name, Instance { fingerprint: Some(record.fingerprint), manifest });
        }
        Ok(Self { name: run.id().to_string(), experiment: run.info().experiment.clone(), instances })
    }

    fn of_pipeline(global: &Global, args: &Diff, file: &Path, store: &Store) -> Result<Self, Failure> {
        let pipeline = Pipeline { file: PathBuf::from(file), set: Vec::new(), roots: args.roots.clone(), device: None };
        let session = Session::load(global, &pipeline)?;
        let wanted = session.wanted(&[])?;
        let devices = Devices::new(&session.settings, global);
        let ground = session.survey(&wanted, store, &devices)?;
        let plan = session.plan(&wanted, &ground, store)?;
        let mut instances = BTreeMap::new();
        for (index, verdict) in plan.verdicts.iter().enumerate() {
            let id = InstanceId::at(index);
            let known = |fingerprint| -> Result<Instance, Failure> {
                let manifest = store.claim(&fingerprint)?.map(|(_, claim)| claim.manifest);
                Ok(Instance { fingerprint: Some(fingerprint), manifest })
            };
            let instance = match verdict {
                Verdict::Hit(found) | Verdict::Doubtful(found, _) => known(found.fingerprint)?,
                Verdict::Run(recipe) | Verdict::Remake(recipe, _) => {
                    let manifest = recipe.manifest.clone();
                    Instance { fingerprint: Some(manifest.fingerprint()), manifest: Some(manifest) }
                }
                Verdict::Left | Verdict::Shares(_) | Verdict::Awaits(_) | Verdict::Lacks(_) => {
                    let bound = &session.experiment.instance(id).bound;
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
        Ok(Self { name: file.display().to_string(), experiment: session.experiment.name, instances })
    }
}
