//! What two runs or two pipelines differ in: actions, accuracies, and the questions that changed.

mod metrics;
mod side;

use std::collections::BTreeSet;

use retort_fingerprint::KeyChange;
use retort_spec::Language;
use retort_store::Store;
use serde::Serialize;

pub use metrics::{Accuracies, ChangedAnswer, Compared, Measured, Trained};
use side::Instance;
pub use side::Side;

use super::SessionError;

/// How one instance differs between the two sides.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// The instance's name.
    pub instance: String,
    /// `changed`, `added` or `removed`.
    pub state: &'static str,
    /// The fields of its action that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<KeyChange>,
    /// How the accuracies compare, where it answers questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracies>,
    /// The ends of the trainings, where it trains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trained: Option<(Option<Trained>, Option<Trained>)>,
}

/// Lists the instances that differ between two sides, by name; what their results are is read from the store.
///
/// # Errors
/// [`SessionError::Store`] where the store fails.
pub fn differences(
    store: &Store,
    language: Language,
    before: &Side,
    after: &Side,
) -> Result<Vec<Difference>, SessionError> {
    let names: BTreeSet<&String> = before.instances.keys().chain(after.instances.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let (was, is) = (before.instances.get(name), after.instances.get(name));
        let (state, changes) = match (was, is) {
            (Some(was), Some(is)) if was.same(is) => continue,
            (Some(was), Some(is)) => ("changed", was.changes(is)),
            (None, _) => ("added", Vec::new()),
            (_, None) => ("removed", Vec::new()),
        };
        let read =
            |instance: Option<&Instance>| metrics::read(store, language, instance?.fingerprint.as_ref()?).transpose();
        let (was, is) = (read(was).transpose()?, read(is).transpose()?);
        let ends = (metrics::trained(was.as_ref()), metrics::trained(is.as_ref()));
        found.push(Difference {
            instance: name.clone(),
            state,
            changes,
            accuracy: metrics::accuracies(was.as_ref(), is.as_ref())?,
            trained: (ends.0.is_some() || ends.1.is_some()).then_some(ends),
        });
    }
    Ok(found)
}
