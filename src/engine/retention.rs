//! When the bytes of results may go that are kept only until everything that reads them is done.

use std::collections::{BTreeMap, BTreeSet};

use retort_fingerprint::Fingerprint;
use retort_graph::InstanceGraph;
use retort_spec::InstanceId;

/// What is to be known of the instances of a run.
pub(super) trait Passing {
    /// Says whether parts of an instance's result are kept only until everything that reads them is done.
    fn is_passing(&self, id: InstanceId) -> bool;

    /// Says whether an instance reads such a part of another.
    fn reads(&self, id: InstanceId, producer: InstanceId) -> bool;

    /// Returns the index of an instance's stage.
    fn stage(&self, id: InstanceId) -> usize;
}

/// Decides what may go. Like the scheduler it takes facts and does nothing itself.
///
/// A result goes when whatever reads it is done: of its own instance, and of every other that has the same action. As long
/// as the action of an instance of the same stage is unknown it may turn out to be such a one, so nothing of the stage goes.
#[derive(Debug)]
pub(super) struct Retention {
    /// For each instance whose result passes, the instances that read it; `None` for all others.
    readers: Vec<Option<Vec<InstanceId>>>,
    stages: Vec<usize>,
    /// How many instances of each stage have no known action yet.
    unknown: BTreeMap<usize, usize>,
    actions: BTreeMap<InstanceId, Fingerprint>,
    mates: BTreeMap<Fingerprint, BTreeSet<InstanceId>>,
    /// Instances whose last reader may have ended.
    due: BTreeSet<InstanceId>,
}

impl Retention {
    /// Starts with the instances marked in `wanted`; those marked in `kept` are to be there in the end.
    pub(super) fn new(graph: &InstanceGraph, wanted: &[bool], kept: &[bool], passing: &dyn Passing) -> Self {
        let ids = || (0..graph.len()).map(InstanceId::at);
        let readers = |id: InstanceId| {
            let passes = wanted[id.index()] && !kept[id.index()] && passing.is_passing(id);
            let reads = |reader: &InstanceId| passing.reads(*reader, id);
            // A result that nothing reads is there for its own sake.
            let readers = passes.then(|| graph.consumers(id).into_iter().filter(reads).collect::<Vec<_>>());
            readers.filter(|readers| !readers.is_empty())
        };
        let readers: Vec<_> = ids().map(readers).collect();
        let stages: Vec<usize> = ids().map(|id| passing.stage(id)).collect();
        let mut unknown: BTreeMap<usize, usize> =
            ids().filter(|id| readers[id.index()].is_some()).map(|id| (stages[id.index()], 0)).collect();
        for id in ids().filter(|id| wanted[id.index()]) {
            if let Some(count) = unknown.get_mut(&stages[id.index()]) {
                *count += 1;
            }
        }
        let (actions, mates, due) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { readers, stages, unknown, actions, mates, due }
    }

    /// Takes the fact that an instance has an action; it may come again, and be another where what it reads came out otherwise.
    pub(super) fn known(&mut self, id: InstanceId, action: Fingerprint) {
        if self.unknown.is_empty() {
            return;
        }
        match self.actions.insert(id, action) {
            None => {
                if let Some(unknown) = self.unknown.get_mut(&self.stages[id.index()]) {
                    *unknown -= 1;
                }
            }
            Some(before) => {
                self.mates.get_mut(&before).map(|mates| mates.remove(&id));
            }
        }
        self.mates.entry(action).or_default().insert(id);
    }

    /// Takes the fact that an instance is done with what `producers` made, and returns every instance whose result may go now:
    /// all of an action together.
    pub(super) fn done(
        &mut self,
        producers: impl IntoIterator<Item = InstanceId>,
        is_done: &dyn Fn(InstanceId) -> bool,
    ) -> BTreeSet<InstanceId> {
        self.due.extend(producers.into_iter().filter(|id| self.readers[id.index()].is_some()));
        let mut gone = BTreeSet::new();
        for id in self.due.iter().copied().collect::<Vec<_>>() {
            if self.unknown[&self.stages[id.index()]] > 0 {
                continue;
            }
            self.due.remove(&id);
            if self.may_go(id, is_done) {
                gone.extend(&self.mates[&self.actions[&id]]);
            }
        }
        gone
    }

    fn may_go(&self, id: InstanceId, is_done: &dyn Fn(InstanceId) -> bool) -> bool {
        let Some(mates) = self.actions.get(&id).and_then(|action| self.mates.get(action)) else { return false };
        // A mate of another stage may be kept for good, or is read by others.
        mates.iter().all(|mate| match &self.readers[mate.index()] {
            Some(readers) => is_done(*mate) && readers.iter().all(|reader| is_done(*reader)),
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Students 0..n of two stages, each with its action, and readers of them after.
    struct Sweep {
        actions: Vec<u8>,
        reads: Vec<usize>,
    }

    impl Sweep {
        fn students(&self) -> usize {
            self.actions.len()
        }

        fn graph(&self) -> InstanceGraph {
            InstanceGraph::of(self.students() + self.reads.len(), |id| {
                id.index().checked_sub(self.students()).map(|i| InstanceId::at(self.reads[i])).into_iter().collect()
            })
        }

        fn action(&self, student: usize) -> Fingerprint {
            Fingerprint::from_bytes([self.actions[student]; 32])
        }
    }

    impl Passing for Sweep {
        fn is_passing(&self, id: InstanceId) -> bool {
            id.index() < self.students()
        }

        fn reads(&self, _id: InstanceId, _producer: InstanceId) -> bool {
            true
        }

        fn stage(&self, id: InstanceId) -> usize {
            if id.index() < self.students() { id.index() % 2 } else { 2 }
        }
    }

    proptest! {
        #[test]
        fn what_goes_is_read_by_nothing_any_more(
            actions in prop::collection::vec(0..3u8, 1..6),
            reads in prop::collection::vec(0..6usize, 0..12),
            kept in prop::collection::vec(any::<bool>(), 6),
            order in Just((0..18usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let reads: Vec<usize> = reads.into_iter().filter(|student| *student < actions.len()).collect();
            let sweep = Sweep { actions, reads };
            let graph = sweep.graph();
            let wanted = vec![true; graph.len()];
            let mut kept = kept[..sweep.students()].to_vec();
            kept.resize(graph.len(), false);
            let mut retention = Retention::new(&graph, &wanted, &kept, &sweep);
            let mut done = BTreeSet::new();
            let mut gone = BTreeSet::new();
            // A student's action becomes known and it is done; a reader comes after what it reads.
            let mut waiting: Vec<InstanceId> = order.into_iter().filter(|i| *i < graph.len()).map(InstanceId::at).collect();
            while !waiting.is_empty() {
                let at = waiting.iter().position(|id| graph.producers(*id).iter().all(|p| done.contains(p))).unwrap();
                let id = waiting.remove(at);
                if id.index() < sweep.students() {
                    retention.known(id, sweep.action(id.index()));
                }
                done.insert(id);
                let went = retention.done(graph.producers(id), &|id| done.contains(&id));
                let of_one_action = |one: &InstanceId, other: &InstanceId| sweep.actions[one.index()] == sweep.actions[other.index()];
                for known in retention.actions.keys().filter(|known| went.iter().any(|id| of_one_action(id, known))) {
                    prop_assert!(went.contains(known), "instances of one action go together");
                }
                for id in went {
                    gone.insert(sweep.actions[id.index()]);
                    for student in (0..sweep.students()).filter(|i| sweep.actions[*i] == sweep.actions[id.index()]) {
                        let other = InstanceId::at(student);
                        let is_read = graph.consumers(other).iter().any(|reader| !done.contains(reader));
                        // Of a stage that has yet to know all its actions it may be unknown.
                        let settled = retention.unknown[&sweep.stage(id)] == 0;
                        if done.contains(&other) || (settled && sweep.stage(other) == sweep.stage(id)) {
                            prop_assert!(done.contains(&other) && !is_read && !kept[student]);
                        }
                    }
                }
            }
            // In the end all went that something reads and nobody keeps.
            for action in 0..3u8 {
                let mates: Vec<usize> = (0..sweep.students()).filter(|i| sweep.actions[*i] == action).collect();
                let passes = |i: &usize| !kept[*i] && !graph.consumers(InstanceId::at(*i)).is_empty();
                prop_assert!(gone.contains(&action) || mates.is_empty() || !mates.iter().all(passes));
            }
        }
    }
}
