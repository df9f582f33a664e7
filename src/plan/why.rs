//! Why an instance runs: the field that differs from the nearest earlier action, and the first ancestor that diverged.

use std::sync::Arc;

use super::{Facts, Found};
use retort_event::Why;
use retort_fingerprint::{Fingerprint, KeyChange, KeyManifest};
use retort_spec::{Experiment, InstanceId};

/// An instance of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its name then.
    pub name: String,
    /// The name of its stage then.
    pub stage: String,
    /// Its action then.
    pub fingerprint: Fingerprint,
}

/// What was run before.
pub trait History {
    /// Returns the latest earlier instance of this name, if there is one.
    fn namesake(&self, name: &str) -> Option<&Earlier>;

    /// Returns a few earlier instances that are likely to be nearest to one of another name, likeliest first: of the same
    /// stage with one coordinate changed, then any of the stage, then any at all.
    fn neighbours(&self, name: &str, stage: &str) -> Vec<&Earlier>;

    /// Returns the manifest of an action that was run, and how long that took in milliseconds.
    fn manifest(&self, fingerprint: &Fingerprint) -> Option<(Arc<KeyManifest>, u64)>;
}

/// How an action differs from the nearest earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct Divergence {
    /// The earlier instance.
    pub from: Earlier,
    /// The fields that differ; none when the action is the very same.
    pub changes: Vec<KeyChange>,
    /// How long the earlier one took, in milliseconds.
    pub took_ms: u64,
}

/// Finds the earlier action that is nearest: the latest of the same name if there is one, else that of the same stage (or
/// failing that, of one of the same kind that is no more) with the fewest differing fields, preferring an instance that is no more.
pub fn divergence(
    experiment: &Experiment,
    id: InstanceId,
    manifest: &KeyManifest,
    history: &dyn History,
) -> Option<Divergence> {
    let (name, stage) = (experiment.instance(id).name.as_str(), experiment.stage_of(id).name.as_str());
    let compare = |from: &Earlier| {
        let (earlier, took_ms) = history.manifest(&from.fingerprint)?;
        let same_kind = earlier.kind == manifest.kind;
        same_kind.then(|| Divergence { from: from.clone(), changes: earlier.changes(manifest), took_ms })
    };
    let same_name = history.namesake(name).and_then(compare);
    let nearest = || {
        // Of another stage only one that was renamed: a sibling that is still there says nothing of a new stage.
        let near = |found: &Divergence| {
            found.from.stage == stage || (found.changes.len() <= 1 && experiment.find(&found.from.name).is_none())
        };
        history.neighbours(name, stage).into_iter().filter_map(compare).filter(near).min_by_key(|found| {
            (found.from.stage != stage, found.changes.len(), experiment.find(&found.from.name).is_some())
        })
    };
    same_name.or_else(nearest)
}

/// Says why a result is made again whose bytes are needed and not there.
pub fn gone(found: &Found, facts: &dyn Facts) -> Why {
    let lost = || found.parts.iter().filter(|(_, digest)| !facts.holds(digest));
    match lost().find(|(_, digest)| facts.was_evicted(digest)).or_else(|| lost().next()) {
        Some((part, digest)) if facts.was_evicted(digest) => Why::Evicted { part: part.clone() },
        Some((part, _)) => Why::Lost { part: part.clone() },
        None => Why::Lost { part: "result".into() },
    }
}

/// Says why an instance runs.
pub fn why(experiment: &Experiment, id: InstanceId, manifest: &KeyManifest, history: &dyn History) -> Why {
    let name = experiment.instance(id).name.as_str();
    match divergence(experiment, id, manifest, history) {
        None => Why::New,
        Some(found) if found.changes.is_empty() => Why::Lost { part: "result".into() },
        Some(found) => {
            Why::Changed { from: (found.from.name != name).then_some(found.from.name), changes: found.changes }
        }
    }
}
