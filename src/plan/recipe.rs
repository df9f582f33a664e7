//! From an instance whose inputs are known to its key, and from its key to a decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Externals;
use retort_artifact::ArtifactKind;
use retort_fingerprint::{Digest, Fingerprint, InputKey, KeyManifest};
use retort_spec::{Experiment, Instance, InstanceId};
use retort_stage::{Arrival, Order, Slot};
use retort_store::{BlobRef, ClaimSummary, Store, StoreError};

/// A result that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The recipe it is the result of.
    pub fingerprint: Fingerprint,
    /// The digest of each part.
    pub parts: BTreeMap<String, Digest>,
    /// Who made it, as `user@host`.
    pub by: String,
    /// The layer it was found in; `None` where it was in the cache.
    pub from: Option<String>,
    /// How long it took to make, in milliseconds.
    pub took_ms: u64,
}

impl Found {
    /// Takes what matters of a claim.
    pub fn of(fingerprint: Fingerprint, claim: ClaimSummary) -> Self {
        let digest = |(part, blob): (String, BlobRef)| (part, blob.digest);
        Self {
            fingerprint,
            parts: claim.outputs.into_iter().map(digest).collect(),
            by: format!("{}@{}", claim.producer.user, claim.producer.host),
            from: claim.from,
            took_ms: claim.took_ms,
        }
    }
}

/// An instance's key and its work order.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The readable pre-image of the fingerprint.
    pub manifest: KeyManifest,
    /// What a stage is given to run it.
    pub order: Order,
    /// Where models from the hub came from, by port; recorded beside the result, never part of its key.
    pub origins: BTreeMap<String, String>,
}

/// What is known of the world when decisions are made.
pub trait Facts {
    /// Returns a result of a recipe, if there is one.
    fn result(&self, fingerprint: &Fingerprint) -> Result<Option<Found>, StoreError>;

    /// Says whether the bytes of a digest are there.
    fn holds(&self, digest: &Digest) -> bool;

    /// Says whether the bytes of a digest are not there on purpose.
    fn was_evicted(&self, _digest: &Digest) -> bool {
        false
    }

    /// Says whether looking for a result takes so long that many are best looked for at once.
    fn is_far(&self) -> bool {
        false
    }

    /// Looks for the results of many recipes at once; whoever asks for one of them then, hears soon.
    fn look_ahead(&self, fingerprints: &[Fingerprint]) -> Result<Vec<Option<Found>>, StoreError> {
        fingerprints.iter().map(|fingerprint| self.result(fingerprint)).collect()
    }
}

impl Facts for Store {
    fn result(&self, fingerprint: &Fingerprint) -> Result<Option<Found>, StoreError> {
        Ok(self.find(fingerprint)?.map(|claim| Found::of(*fingerprint, claim)))
    }

    fn holds(&self, digest: &Digest) -> bool {
        self.contains(digest)
    }

    fn was_evicted(&self, digest: &Digest) -> bool {
        self.is_evicted(digest)
    }

    fn is_far(&self) -> bool {
        self.has_far_layers()
    }

    fn look_ahead(&self, fingerprints: &[Fingerprint]) -> Result<Vec<Option<Found>>, StoreError> {
        let claims = self.find_many(fingerprints)?;
        Ok(claims.into_iter().zip(fingerprints).map(|(claim, of)| claim.map(|claim| Found::of(*of, claim))).collect())
    }
}

/// What is to be done with an instance whose inputs are known.
#[derive(Debug)]
pub enum Decision {
    /// Its result is there.
    Hit(Found),
    /// It must run, and everything it reads is there. With it comes the result that was made before, where there is one
    /// whose bytes are gone.
    Run(Option<Found>),
    /// It must run, but the bytes of these producers are gone and must be made again first.
    Remake(Vec<InstanceId>),
}

/// Builds the key and the work order of an instance; `results` holds what its producers made.
///
/// # Panics
/// When a producer's result is not known: the caller asks in topological order.
pub fn recipe(
    experiment: &Experiment,
    id: InstanceId,
    results: &[Option<Arc<Found>>],
    externals: &Externals,
    numerics: &str,
) -> Recipe {
    let instance = &experiment.instances[id.index()];
    let bound = &*instance.bound;
    let mut inputs = BTreeMap::new();
    let mut keys = Vec::new();
    for (port, producers) in &instance.inputs {
        let gathers = bound.edges().iter().any(|edge| *edge.port == **port && edge.gathers);
        let producers =
            if gathers { in_stable_order(experiment, instance, port, producers) } else { producers.clone() };
        let arrivals = arrivals(experiment, instance, port, &producers, results);
        for (index, arrival) in arrivals.iter().enumerate() {
            let at = match (gathers, bound.labels_inputs()) {
                (false, _) => port.to_string(),
                (true, false) => format!("{port}[{index}]"),
                (true, true) => format!("{port}[{index}: {}]", labels(arrival)),
            };
            let key =
                |(part, digest): (&String, &Digest)| InputKey { port: at.clone(), part: part.clone(), digest: *digest };
            keys.extend(arrival.parts.iter().map(key));
        }
        inputs.insert(port.to_string(), arrivals);
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
    let order = Order { fingerprint: manifest.fingerprint(), inputs, externals: files };
    Recipe { manifest, order, origins }
}

/// What is asked of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A result, whether or not its bytes are there; only something stale would need them.
    Result,
    /// A result whose bytes are there.
    Bytes,
    /// Bytes that are to be made again, whatever the store says.
    Remake,
}

impl Need {
    /// Says what is asked of an instance that somebody named, or nobody. A report is there to be read.
    pub fn of(experiment: &Experiment, id: InstanceId, is_named: bool) -> Self {
        let is_read = is_named || experiment.instance(id).bound.kind().output == ArtifactKind::Report;
        if is_read { Self::Bytes } else { Self::Result }
    }

    /// Says whether a result that was found will do.
    pub fn is_met(self, found: &Found, facts: &dyn Facts) -> bool {
        match self {
            Self::Result => true,
            Self::Bytes => found.parts.values().all(|digest| facts.holds(digest)),
            Self::Remake => false,
        }
    }
}

/// Decides what is to be done with an instance.
pub fn decide(
    experiment: &Experiment,
    id: InstanceId,
    recipe: &Recipe,
    facts: &dyn Facts,
    need: Need,
) -> Result<Decision, StoreError> {
    let found = if need == Need::Remake { None } else { facts.result(&recipe.order.fingerprint)? };
    let without_bytes = match found {
        Some(found) if need.is_met(&found, facts) => return Ok(Decision::Hit(found)),
        found => found,
    };
    let gone = missing_producers(experiment, id, &recipe.order, facts);
    Ok(if gone.is_empty() { Decision::Run(without_bytes) } else { Decision::Remake(gone) })
}

/// Returns the producers of an instance of whose parts some are gone, in rising order.
fn missing_producers(experiment: &Experiment, id: InstanceId, order: &Order, facts: &dyn Facts) -> Vec<InstanceId> {
    let mut gone = Vec::new();
    for (port, producers) in &experiment.instance(id).inputs {
        for (producer, arrival) in producers.iter().zip(&order.inputs[&**port]) {
            if !arrival.parts.values().all(|digest| facts.holds(digest)) {
                gone.push(*producer);
            }
        }
    }
    gone.sort_unstable();
    gone.dedup();
    gone
}

fn arrivals(
    experiment: &Experiment,
    instance: &Instance,
    port: &str,
    producers: &[InstanceId],
    results: &[Option<Arc<Found>>],
) -> Vec<Arrival> {
    let wanted = instance.bound.parts(port);
    let one_stage =
        producers.windows(2).all(|pair| experiment.instance(pair[0]).stage == experiment.instance(pair[1]).stage);
    let arrive = |producer: &InstanceId| {
        let from = experiment.instance(*producer);
        let found = results[producer.index()].as_ref().expect("producers come first");
        let reads = |part: &String| wanted.as_ref().is_none_or(|wanted| wanted.contains(part));
        Arrival {
            // One stage's name tells nothing apart, and would make a rename change the key.
            stage: if one_stage { String::new() } else { experiment.stage_of(*producer).name.clone() },
            coords: from.coords.iter().map(|at| (at.axis.to_string(), at.value.to_string())).collect(),
            parts: found
                .parts
                .iter()
                .filter(|(part, _)| reads(part))
                .map(|(part, digest)| (part.clone(), *digest))
                .collect(),
        }
    };
    producers.iter().map(arrive).collect()
}

/// Orders what is gathered by the place of its stage in the port's list, then by the place of its values on each axis,
/// axes by name: moving stages or axes about in the file moves nothing here.
fn in_stable_order(
    experiment: &Experiment,
    instance: &Instance,
    port: &str,
    producers: &[InstanceId],
) -> Vec<InstanceId> {
    let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for at in producers.iter().flat_map(|id| &experiment.instance(*id).coords) {
        let values = seen.entry(&at.axis).or_default();
        if !values.contains(&&*at.value) {
            values.push(&at.value);
        }
    }
    let listed: Vec<&str> =
        instance.bound.edges().iter().filter(|edge| edge.port == port).map(|edge| edge.stage.as_str()).collect();
    let place = |id: &InstanceId| {
        let stage = listed.iter().position(|name| *name == experiment.stage_of(*id).name);
        let coords = &experiment.instance(*id).coords;
        let on = |(axis, values): (&&str, &Vec<&str>)| {
            let value = coords.iter().find(|at| &*at.axis == *axis).map(|at| &*at.value);
            value.and_then(|value| values.iter().position(|seen| *seen == value))
        };
        (stage, seen.iter().map(on).collect::<Vec<_>>())
    };
    let mut ordered = producers.to_vec();
    ordered.sort_by_cached_key(place);
    ordered
}

fn labels(arrival: &Arrival) -> String {
    let stage = Some(("stage".to_owned(), arrival.stage.clone())).filter(|(_, name)| !name.is_empty());
    let coords = arrival.coords.iter().map(|(axis, value)| (axis.clone(), value.clone()));
    let all: Vec<String> = stage.into_iter().chain(coords).map(|(axis, value)| format!("{axis}={value:?}")).collect();
    all.join(",")
}
