//! Which instances have a result, and which one.

use std::sync::Arc;

use retort_plan::Found;
use retort_spec::InstanceId;

/// The results of the instances of a pipeline.
#[derive(Debug, Clone, Default)]
pub struct Results(Vec<Option<Arc<Found>>>);

impl Results {
    pub(crate) fn of(found: Vec<Option<Arc<Found>>>) -> Self {
        Self(found)
    }

    /// Takes results that were looked for once more; what was not looked for stays.
    pub(crate) fn renew(&mut self, newer: Vec<Option<Arc<Found>>>) {
        for (old, new) in self.0.iter_mut().zip(newer).filter(|(_, new)| new.is_some()) {
            *old = new;
        }
    }

    /// Returns the result of an instance; `None` where it has none.
    pub fn get(&self, id: InstanceId) -> Option<&Arc<Found>> {
        self.0.get(id.index())?.as_ref()
    }

    /// Lists the instances that have a result, with it, in the order of instances.
    pub fn iter(&self) -> impl Iterator<Item = (InstanceId, &Arc<Found>)> {
        self.0.iter().enumerate().filter_map(|(index, found)| Some((InstanceId::at(index), found.as_ref()?)))
    }
}
