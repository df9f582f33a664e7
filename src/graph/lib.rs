//! The graph of instances, and how it is drawn.
//!
//! An [`InstanceGraph`] holds who produces what for whom. It knows nothing of keys, of the store or of what is stale; the
//! drawings take the state of each stage from the caller.

mod draw;
mod svg;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use retort_spec::{Experiment, InstanceId};

pub use draw::{Drawing, DrawnStage, Shade, dot, mermaid};
pub use svg::svg;

/// Who produces what for whom; every producer comes before its consumers in the order of [`InstanceId`].
#[derive(Debug)]
pub struct InstanceGraph {
    graph: DiGraph<(), ()>,
}

impl InstanceGraph {
    /// Builds the graph of an experiment, whose instances are in topological order.
    pub fn new(experiment: &Experiment) -> Self {
        let producers = |id: InstanceId| -> Vec<InstanceId> {
            let mut producers: Vec<_> =
                experiment.instance(id).inputs.iter().flat_map(|(_, ids)| ids).copied().collect();
            producers.sort_unstable();
            producers.dedup();
            producers
        };
        Self::of(experiment.instances.len(), producers)
    }

    /// Builds a graph of so many instances; `producers` names those that an instance reads, all before it, each once.
    pub fn of(instances: usize, producers: impl Fn(InstanceId) -> Vec<InstanceId>) -> Self {
        let mut graph = DiGraph::with_capacity(instances, instances);
        for consumer in 0..instances {
            let node = graph.add_node(());
            for producer in producers(InstanceId::at(consumer)) {
                graph.add_edge(NodeIndex::new(producer.index()), node, ());
            }
        }
        Self { graph }
    }

    /// Returns how many instances there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Says whether there is no instance.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the instances whose outputs this one reads, in rising order.
    pub fn producers(&self, id: InstanceId) -> Vec<InstanceId> {
        self.neighbours(id, Direction::Incoming)
    }

    /// Returns the instances that read this one's output, in rising order.
    pub fn consumers(&self, id: InstanceId) -> Vec<InstanceId> {
        self.neighbours(id, Direction::Outgoing)
    }

    /// Marks the given instances and everything they need, by index.
    pub fn needed_by(&self, targets: impl IntoIterator<Item = InstanceId>) -> Vec<bool> {
        let mut needed = vec![false; self.len()];
        for target in targets {
            needed[target.index()] = true;
        }
        for index in (0..self.len()).rev().map(InstanceId::at) {
            if needed[index.index()] {
                for producer in self.producers(index) {
                    needed[producer.index()] = true;
                }
            }
        }
        needed
    }

    fn neighbours(&self, id: InstanceId, direction: Direction) -> Vec<InstanceId> {
        let found = self.graph.neighbors_directed(NodeIndex::new(id.index()), direction);
        let mut ids: Vec<_> = found.map(|node| InstanceId::at(node.index())).collect();
        ids.sort_unstable();
        ids
    }
}
