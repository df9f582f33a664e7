//! Why an instance runs: the field that differs from the nearest earlier recipe, and the first ancestor that diverged.

use crate::event::Why;
use crate::fingerprint::{Fingerprint, KeyChange, KeyManifest};

/// An instance of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its name then.
    pub name: String,
    /// The name of its stage then.
    pub stage: String,
    /// Its recipe then.
    pub fingerprint: Fingerprint,
}

/// What was run before: instances of earlier runs, latest run first, and the manifests of their recipes.
pub trait History {
    /// Returns the instances of earlier runs of the experiment, latest first.
    fn earlier(&self) -> &[Earlier];

    /// Returns the manifest of a recipe that was run, and how long that took in milliseconds.
    fn manifest(&self, fingerprint: &Fingerprint) -> Option<(KeyManifest, u64)>;
}

/// How a recipe differs from the nearest earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct Divergence {
    /// The earlier instance.
    pub from: Earlier,
    /// The fields that differ; none when the recipe is the very same.
    pub changes: Vec<KeyChange>,
    /// How long the earlier one took, in milliseconds.
    pub took_ms: u64,
}

/// Finds the earlier recipe that is nearest: the latest of the same name if there is one, else that of the same stage (or
/// failing that, of the same kind) with the fewest differing fields.
pub fn divergence(name: &str, stage: &str, manifest: &KeyManifest, history: &dyn History) -> Option<Divergence> {
    let compare = |from: &Earlier| {
        let (earlier, took_ms) = history.manifest(&from.fingerprint)?;
        let changes = earlier.changes(manifest);
        (earlier.kind == manifest.kind).then(|| Divergence { from: from.clone(), changes, took_ms })
    };
    let earlier = history.earlier();
    let same_name = earlier.iter().find(|from| from.name == name).and_then(compare);
    let nearest = |same: &dyn Fn(&Earlier) -> bool| {
        earlier.iter().filter(|from| same(from)).filter_map(compare).min_by_key(|found| found.changes.len())
    };
    same_name
        .or_else(|| nearest(&|from| from.stage == stage))
        .or_else(|| nearest(&|_| true).filter(|found| found.changes.len() <= 1))
}

/// Says why an instance runs.
pub fn why(name: &str, stage: &str, manifest: &KeyManifest, history: &dyn History) -> Why {
    match divergence(name, stage, manifest, history) {
        None => Why::New,
        Some(found) if found.changes.is_empty() => Why::Lost { part: "result".into() },
        Some(found) => Why::Changed { from: (found.from.name != name).then_some(found.from.name), changes: found.changes },
    }
}
