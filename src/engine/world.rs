//! What a run works in.

use super::retention::Passing;
use retort_graph::InstanceGraph;
use retort_plan::{Externals, History};
use retort_spec::{Experiment, InstanceId};
use retort_stage::{DeviceSlot, Reach, Stop};
use retort_store::Store;

/// What a run works in.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// Its graph.
    pub graph: &'a InstanceGraph,
    /// The instances that are to be there in the end, by index.
    pub wanted: &'a [bool],
    /// The instances whose bytes are to be there in the end, by index.
    pub named: &'a [bool],
    /// The files outside the experiment.
    pub externals: &'a Externals,
    /// The numerics class of the device.
    pub numerics: &'a str,
    /// The store.
    pub store: &'a Store,
    /// The device.
    pub devices: &'a dyn DeviceSlot,
    /// How teachers are reached.
    pub reach: &'a dyn Reach,
    /// What was run before.
    pub history: &'a dyn History,
    /// Says whether the run was asked to stop.
    pub stop: &'a Stop,
}

impl Passing for World<'_> {
    fn is_passing(&self, id: InstanceId) -> bool {
        !self.experiment.instance(id).bound.passing_parts().is_empty()
    }

    fn reads(&self, id: InstanceId, producer: InstanceId) -> bool {
        let passing = self.experiment.instance(producer).bound.passing_parts();
        let instance = self.experiment.instance(id);
        instance.inputs.iter().any(|(port, producers)| {
            let parts = instance.bound.parts(port);
            let reads = |part: &&str| parts.as_ref().is_none_or(|parts| parts.iter().any(|read| read == part));
            producers.contains(&producer) && passing.iter().any(reads)
        })
    }

    fn stage(&self, id: InstanceId) -> usize {
        self.experiment.instance(id).stage.index()
    }
}
