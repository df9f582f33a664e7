//! From an instance whose inputs are known to its key, and from its key to a decision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Externals;
use retort_artifact::ArtifactKind;
use retort_fingerprint::{Digest, Fingerprint, InputKey, KeyManifest};
use retort_spec::{Experiment, Instance, InstanceId};
use retort_stage::{Arrival, Job, Slot};
use retort_store::{BlobRef, RecordSummary, Store, StoreError};

/// A result that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The action it is the result of.
    pub fingerprint: Fingerprint,
    /// The digest of each part.
    pub parts: BTreeMap<String, Digest>,
    /// Who made it, as `user@host`.
    pub by: String,
    /// The remote it was found in; `None` where it was in the cache.
    pub from: Option<String>,
    /// How long it took to make, in milliseconds.
    pub took_ms: u64,
}

impl Found {
    /// Takes what matters of a record.
    pub fn of(fingerprint: Fingerprint, record: RecordSummary) -> Self {
        let digest = |(part, blob): (String, BlobRef)| (part, blob.digest);
        Self {
            fingerprint,
            parts: record.outputs.into_iter().map(digest).collect(),
            by: format!("{}@{}", record.producer.user, record.producer.host),
            from: record.from,
            took_ms: record.took_ms,
        }
    }
}

/// A part of a result that an instance reads, and whose it is.
///
/// The digest and the instance that made it are only ever named together, as they arrive: nobody has to find out afterwards,
/// by their places in two lists, which belongs to which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// Whose result it is a part of.
    pub producer: InstanceId,
    /// The part.
    pub part: String,
    /// Its bytes.
    pub digest: Digest,
}

/// An instance's key and its job.
#[derive(Debug, Clone)]
pub struct Action {
    /// The readable pre-image of the fingerprint.
    pub manifest: KeyManifest,
    /// What a stage is given to run it.
    pub job: Job,
    /// Every part that it reads of what came before.
    pub reads: Vec<Read>,
    /// Where models from the hub came from, by port; recorded beside the result, never part of its key.
    pub origins: BTreeMap<String, String>,
}

/// What is known of the world when decisions are made.
pub trait Facts {
    /// Returns a result of an action, if there is one.
    fn result(&self, fingerprint: &Fingerprint) -> Result<Option<Found>, StoreError>;

    /// Says whether the bytes of a digest can be had: that something has its name is not enough.
    fn holds(&self, digest: &Digest) -> bool;

    /// Says whether the bytes of a digest are not there on purpose.
    fn was_evicted(&self, _digest: &Digest) -> bool {
        false
    }

    /// Says whether looking for a result takes so long that many are best looked for at once.
    fn is_far(&self) -> bool {
        false
    }

    /// Looks for the results of many actions at once; whoever asks for one of them then, hears soon.
    fn look_ahead(&self, fingerprints: &[Fingerprint]) -> Result<Vec<Option<Found>>, StoreError> {
        fingerprints.iter().map(|fingerprint| self.result(fingerprint)).collect()
    }
}

impl Facts for Store {
    fn result(&self, fingerprint: &Fingerprint) -> Result<Option<Found>, StoreError> {
        Ok(self.find(fingerprint)?.map(|record| Found::of(*fingerprint, record)))
    }

    fn holds(&self, digest: &Digest) -> bool {
        Store::holds(self, digest)
    }

    fn was_evicted(&self, digest: &Digest) -> bool {
        self.is_evicted(digest)
    }

    fn is_far(&self) -> bool {
        self.has_far_remotes()
    }

    fn look_ahead(&self, fingerprints: &[Fingerprint]) -> Result<Vec<Option<Found>>, StoreError> {
        let records = self.find_many(fingerprints)?;
        Ok(records
            .into_iter()
            .zip(fingerprints)
            .map(|(record, of)| record.map(|record| Found::of(*of, record)))
            .collect())
    }
}

/// What is to be done with an instance whose inputs are known.
#[derive(Debug)]
pub enum Decision {
    /// Its result is there.
    Hit(Found),
    /// It must run.
    Run {
        /// The result that was made before, where there is one whose bytes are gone.
        before: Option<Found>,
        /// What it reads and cannot be had: these parts must be made again first.
        lacks: Vec<Read>,
    },
}

/// Builds the key and the job of an instance; `results` holds what its producers made.
///
/// # Panics
/// When a producer's result is not known: the caller asks in topological order.
pub fn action(
    experiment: &Experiment,
    id: InstanceId,
    results: &[Option<Arc<Found>>],
    externals: &Externals,
    numerics: &str,
) -> Action {
    let instance = &experiment.instances[id.index()];
    let bound = &*instance.bound;
    let mut inputs = BTreeMap::new();
    let (mut keys, mut reads) = (Vec::new(), Vec::new());
    for (port, producers) in &instance.inputs {
        let gathers = bound.edges().iter().any(|edge| *edge.port == **port && edge.gathers);
        let producers =
            if gathers { in_stable_order(experiment, instance, port, producers) } else { producers.clone() };
        let arrivals = arrivals(experiment, instance, port, &producers, results);
        for (index, (producer, arrival)) in arrivals.iter().enumerate() {
            let at = match (gathers, bound.labels_inputs()) {
                (false, _) => port.to_string(),
                (true, false) => format!("{port}[{index}]"),
                (true, true) => format!("{port}[{index}: {}]", labels(arrival)),
            };
            let key =
                |(part, digest): (&String, &Digest)| InputKey { port: at.clone(), part: part.clone(), digest: *digest };
            keys.extend(arrival.parts.iter().map(key));
            let read =
                |(part, digest): (&String, &Digest)| Read { producer: *producer, part: part.clone(), digest: *digest };
            reads.extend(arrival.parts.iter().map(read));
        }
        inputs.insert(port.to_string(), arrivals.into_iter().map(|(_, arrival)| arrival).collect());
    }
    let (mut files, mut origins) = (BTreeMap::new(), BTreeMap::new());
    for external in bound.externals() {
        let found = externals.files(experiment, external);
        let key = |(name, _, digest): &(String, _, Digest)| InputKey {
            port: external.port.clone(),
            part: name.clone(),
            digest: *digest,
        };
        keys.extend(found.iter().map(key));
        files.insert(external.port.clone(), found.to_vec());
        origins.extend(externals.origin(experiment, external).map(|of| (external.port.clone(), of.to_owned())));
    }
    let manifest = KeyManifest {
        kind: bound.kind().name.to_owned(),
        revision: bound.kind().revision,
        params: bound.params(),
        inputs: keys,
        env: externals.env().clone(),
        numerics: (bound.slot() == Slot::Device).then(|| numerics.to_owned()),
    };
    let job = Job { fingerprint: manifest.fingerprint(), inputs, externals: files };
    Action { manifest, job, reads, origins }
}

/// What is asked of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A result, whether or not its bytes are there; only something stale would need them.
    Result,
    /// A result whose bytes are there.
    Bytes,
    /// A result of which the bytes of these parts are there, as something that runs reads them.
    Parts(Arc<BTreeSet<String>>),
}

impl Need {
    /// Says what is asked of an instance that somebody named, or nobody. A report is there to be read.
    pub fn of(experiment: &Experiment, id: InstanceId, is_named: bool) -> Self {
        let is_read = is_named || experiment.instance(id).bound.kind().output == ArtifactKind::Report;
        if is_read { Self::Bytes } else { Self::Result }
    }

    /// Says whether a result that was found will do.
    pub fn is_met(&self, found: &Found, facts: &dyn Facts) -> bool {
        match self {
            Self::Result => true,
            Self::Bytes => found.parts.values().all(|digest| facts.holds(digest)),
            Self::Parts(parts) => {
                parts.iter().all(|part| found.parts.get(part).is_some_and(|digest| facts.holds(digest)))
            }
        }
    }
}

/// Decides what is to be done with an instance.
pub fn decide(action: &Action, facts: &dyn Facts, need: &Need) -> Result<Decision, StoreError> {
    let before = match facts.result(&action.job.fingerprint)? {
        Some(found) if need.is_met(&found, facts) => return Ok(Decision::Hit(found)),
        found => found,
    };
    let lacks = action.reads.iter().filter(|read| !facts.holds(&read.digest)).cloned().collect();
    Ok(Decision::Run { before, lacks })
}

/// Returns what an instance reads of those of its producers whose results are known.
pub(super) fn known_reads(experiment: &Experiment, id: InstanceId, results: &[Option<Arc<Found>>]) -> Vec<Read> {
    let instance = experiment.instance(id);
    let mut reads = Vec::new();
    for (port, producers) in &instance.inputs {
        let wanted = instance.bound.parts(port);
        for producer in producers {
            let parts = results[producer.index()].iter().flat_map(|found| &found.parts);
            let read = parts.filter(|(part, _)| wanted.as_ref().is_none_or(|wanted| wanted.contains(*part)));
            reads.extend(read.map(|(part, digest)| Read { producer: *producer, part: part.clone(), digest: *digest }));
        }
    }
    reads
}

/// Puts together what arrives at a port, each with the instance that it comes from.
fn arrivals(
    experiment: &Experiment,
    instance: &Instance,
    port: &str,
    producers: &[InstanceId],
    results: &[Option<Arc<Found>>],
) -> Vec<(InstanceId, Arrival)> {
    let wanted = instance.bound.parts(port);
    let one_stage =
        producers.windows(2).all(|pair| experiment.instance(pair[0]).stage == experiment.instance(pair[1]).stage);
    let arrive = |producer: &InstanceId| {
        let from = experiment.instance(*producer);
        let found = results[producer.index()].as_ref().expect("producers come first");
        let reads = |part: &String| wanted.as_ref().is_none_or(|wanted| wanted.contains(part));
        let arrival = Arrival {
            // One stage's name tells nothing apart, and would make a rename change the key.
            stage: if one_stage && !instance.bound.names_inputs(port) {
                String::new()
            } else {
                experiment.stage_of(*producer).name.clone()
            },
            coords: from.coords.iter().map(|at| (at.axis.to_string(), at.value.to_string())).collect(),
            parts: found
                .parts
                .iter()
                .filter(|(part, _)| reads(part))
                .map(|(part, digest)| (part.clone(), *digest))
                .collect(),
        };
        (*producer, arrival)
    };
    producers.iter().map(arrive).collect()
}

/// Orders what is gathered by the place of its stage in the port's list, then by the place of its values on each axis, as
/// the axis declares them, axes by name: moving stages or axes about in the file moves nothing here, whichever combinations
/// are left out.
fn in_stable_order(
    experiment: &Experiment,
    instance: &Instance,
    port: &str,
    producers: &[InstanceId],
) -> Vec<InstanceId> {
    let coords = |id: &InstanceId| &experiment.instance(*id).coords;
    let axes: BTreeSet<&str> = producers.iter().flat_map(coords).map(|at| &*at.axis).collect();
    let listed: Vec<&str> =
        instance.bound.edges().iter().filter(|edge| edge.port == port).map(|edge| edge.stage.as_str()).collect();
    let rank = |id: &InstanceId| {
        let stage = listed.iter().position(|name| *name == experiment.stage_of(*id).name);
        let on = |axis: &&str| coords(id).iter().find(|at| &*at.axis == *axis).map(|at| at.position);
        (stage, axes.iter().map(on).collect::<Vec<_>>())
    };
    let mut ordered = producers.to_vec();
    ordered.sort_by_cached_key(rank);
    ordered
}

fn labels(arrival: &Arrival) -> String {
    let stage = Some(("stage".to_owned(), arrival.stage.clone())).filter(|(_, name)| !name.is_empty());
    let coords = arrival.coords.iter().map(|(axis, value)| (axis.clone(), value.clone()));
    let all: Vec<String> = stage.into_iter().chain(coords).map(|(axis, value)| format!("{axis}={value:?}")).collect();
    all.join(",")
}
