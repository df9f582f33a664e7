//! The scheduler: facts in, decisions out. It does nothing itself, so every order of events can be tried in a test.
//!
//! An instance is first *open* (some producer is not done), then *undecided* (its inputs are known, so its key can be
//! looked up), and then either done at once (a hit) or *ready*, *running* and done. Between undecided and done it may be
//! set aside because another process works on it, or wait for a producer whose bytes are gone and must be made again.

use std::collections::BTreeSet;

use retort_graph::InstanceGraph;
use retort_spec::InstanceId;
use retort_stage::Slot;

/// Where an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is no part of this run.
    Left,
    /// This many producers are not done.
    Open(usize),
    Undecided,
    Ready,
    Running(Slot),
    /// Its work is done and its result is being made durable.
    Publishing,
    SetAside,
    Done,
    /// It failed, was stopped or was skipped.
    Lost,
}

/// Decides what is looked up, what starts and what is given up.
#[derive(Debug)]
pub struct Scheduler {
    states: Vec<State>,
    awaiters: Vec<Vec<InstanceId>>,
    undecided: BTreeSet<InstanceId>,
    ready_workers: BTreeSet<InstanceId>,
    ready_device: BTreeSet<InstanceId>,
    set_aside: BTreeSet<InstanceId>,
    workers_free: usize,
    device_free: bool,
    unended: usize,
}

impl Scheduler {
    /// Starts with the instances marked in `wanted`, and room for `workers` of them at a time besides the device.
    pub fn new(graph: &InstanceGraph, wanted: &[bool], workers: usize) -> Self {
        let mut scheduler = Self {
            states: vec![State::Left; graph.len()],
            awaiters: vec![Vec::new(); graph.len()],
            undecided: BTreeSet::new(),
            ready_workers: BTreeSet::new(),
            ready_device: BTreeSet::new(),
            set_aside: BTreeSet::new(),
            workers_free: workers.max(1),
            device_free: true,
            unended: wanted.iter().filter(|wanted| **wanted).count(),
        };
        for id in (0..graph.len()).map(InstanceId::at).filter(|id| wanted[id.index()]) {
            let producers = graph.producers(id);
            for producer in &producers {
                scheduler.awaiters[producer.index()].push(id);
            }
            scheduler.open(id, producers.len());
        }
        scheduler
    }

    /// Returns the next instance whose key can be looked up.
    pub fn next_undecided(&mut self) -> Option<InstanceId> {
        self.undecided.pop_first()
    }

    /// Takes the fact that an undecided instance is a hit.
    pub fn hit(&mut self, id: InstanceId) {
        self.done(id);
    }

    /// Takes the fact that an undecided instance must run, in the given slot.
    pub fn stale(&mut self, id: InstanceId, slot: Slot) {
        self.states[id.index()] = State::Ready;
        match slot {
            Slot::Worker => self.ready_workers.insert(id),
            Slot::Device => self.ready_device.insert(id),
        };
    }

    /// Takes the fact that an undecided instance must run, but producers that are done must be made again before it.
    ///
    /// # Errors
    /// The first of them that was lost in this run, so that it will not be there; nothing changes then.
    pub fn needs_again(&mut self, id: InstanceId, producers: &BTreeSet<InstanceId>) -> Result<(), InstanceId> {
        let is_lost = |producer: &&InstanceId| self.states[producer.index()] == State::Lost;
        if let Some(lost) = producers.iter().find(is_lost) {
            return Err(*lost);
        }
        for &producer in producers {
            if self.states[producer.index()] == State::Done {
                self.unended += 1;
                self.states[producer.index()] = State::Undecided;
                self.undecided.insert(producer);
            }
            self.awaiters[producer.index()].push(id);
        }
        self.open(id, producers.len());
        Ok(())
    }

    /// Returns the next instance to start, if one is ready and there is room for it.
    pub fn next_start(&mut self) -> Option<(InstanceId, Slot)> {
        if self.device_free
            && let Some(id) = self.ready_device.pop_first()
        {
            self.device_free = false;
            self.states[id.index()] = State::Running(Slot::Device);
            return Some((id, Slot::Device));
        }
        if self.workers_free > 0
            && let Some(id) = self.ready_workers.pop_first()
        {
            self.workers_free -= 1;
            self.states[id.index()] = State::Running(Slot::Worker);
            return Some((id, Slot::Worker));
        }
        None
    }

    /// Takes the fact that there is room for no more than what runs already; says whether that is news.
    pub fn make_do(&mut self) -> bool {
        std::mem::take(&mut self.workers_free) > 0
    }

    /// Takes the fact that a running instance needs its slot no more, though its result is still being made durable.
    pub fn vacated(&mut self, id: InstanceId) {
        if let State::Running(slot) = self.states[id.index()] {
            match slot {
                Slot::Worker => self.workers_free += 1,
                Slot::Device => self.device_free = true,
            }
            self.states[id.index()] = State::Publishing;
        }
    }

    /// Takes the fact that an instance finished with a result.
    pub fn finished(&mut self, id: InstanceId) {
        self.vacated(id);
        self.done(id);
    }

    /// Takes the fact that a running instance is being made by another process; it is looked up again later.
    pub fn busy_elsewhere(&mut self, id: InstanceId) {
        self.vacated(id);
        self.states[id.index()] = State::SetAside;
        self.set_aside.insert(id);
    }

    /// Takes the fact that a running instance could not read its inputs, and is looked up again at once.
    pub fn try_again(&mut self, id: InstanceId) {
        self.vacated(id);
        self.states[id.index()] = State::Undecided;
        self.undecided.insert(id);
    }

    /// Looks up again what other processes were working on.
    pub fn retry_set_aside(&mut self) {
        for id in std::mem::take(&mut self.set_aside) {
            self.states[id.index()] = State::Undecided;
            self.undecided.insert(id);
        }
    }

    /// Takes the fact that an instance failed or was stopped; returns everything that is given up because of it.
    pub fn lost(&mut self, id: InstanceId) -> Vec<InstanceId> {
        self.vacated(id);
        self.end(id, State::Lost);
        let mut given_up = BTreeSet::new();
        let mut frontier = vec![id];
        while let Some(lost) = frontier.pop() {
            for awaiter in std::mem::take(&mut self.awaiters[lost.index()]) {
                if matches!(self.states[awaiter.index()], State::Open(_)) {
                    self.end(awaiter, State::Lost);
                    given_up.insert(awaiter);
                    frontier.push(awaiter);
                }
            }
        }
        given_up.into_iter().collect()
    }

    /// Gives up everything that is not running, for a run that was asked to stop; returns what was given up.
    pub fn give_up_the_rest(&mut self) -> Vec<InstanceId> {
        self.undecided.clear();
        self.ready_workers.clear();
        self.ready_device.clear();
        self.set_aside.clear();
        let idle = |state: &State| matches!(state, State::Open(_) | State::Undecided | State::Ready | State::SetAside);
        let mut given_up = Vec::new();
        for id in (0..self.states.len()).map(InstanceId::at) {
            if idle(&self.states[id.index()]) {
                self.end(id, State::Lost);
                given_up.push(id);
            }
        }
        given_up
    }

    /// Says whether an instance has its result, and is not being made again.
    pub fn is_done(&self, id: InstanceId) -> bool {
        self.states[id.index()] == State::Done
    }

    /// Says whether something waits for another process.
    pub fn waits_elsewhere(&self) -> bool {
        !self.set_aside.is_empty()
    }

    /// Says whether every instance of the run has ended.
    pub fn is_over(&self) -> bool {
        self.unended == 0
    }

    fn open(&mut self, id: InstanceId, waits: usize) {
        if waits == 0 {
            self.states[id.index()] = State::Undecided;
            self.undecided.insert(id);
        } else {
            self.states[id.index()] = State::Open(waits);
        }
    }

    fn end(&mut self, id: InstanceId, state: State) {
        self.states[id.index()] = state;
        self.unended -= 1;
    }

    fn done(&mut self, id: InstanceId) {
        self.end(id, State::Done);
        for awaiter in std::mem::take(&mut self.awaiters[id.index()]) {
            if let State::Open(waits) = self.states[awaiter.index()] {
                self.open(awaiter, waits - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What the world has in store for an instance once it is decided or run.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fate {
        Hit,
        Works(bool),
        /// Another process has it for so many tries, and then it is a hit.
        Elsewhere(u8),
        Fails,
    }

    fn fates() -> impl Strategy<Value = Fate> {
        prop_oneof![
            2 => Just(Fate::Hit),
            4 => any::<bool>().prop_map(Fate::Works),
            1 => (1u8..3).prop_map(Fate::Elsewhere),
            1 => Just(Fate::Fails),
        ]
    }

    type World = (Vec<Vec<usize>>, Vec<Fate>, usize, Vec<prop::sample::Index>, Vec<bool>);

    fn worlds() -> impl Strategy<Value = World> {
        (1usize..14).prop_flat_map(|count| {
            let edges = prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), count);
            let producers = edges.prop_map(|picks| {
                let one = |(consumer, picks): (usize, Vec<prop::sample::Index>)| {
                    let mut producers: Vec<usize> =
                        picks.iter().filter(|_| consumer > 0).map(|pick| pick.index(consumer)).collect();
                    producers.sort_unstable();
                    producers.dedup();
                    producers
                };
                picks.into_iter().enumerate().map(one).collect::<Vec<_>>()
            });
            let order = prop::collection::vec(any::<prop::sample::Index>(), 64);
            let gone = prop::collection::vec(any::<bool>(), count);
            (producers, prop::collection::vec(fates(), count), 1usize..4, order, gone)
        })
    }

    proptest! {
        /// Whatever the order of events, and whatever bytes of hits are gone and needed by what runs: nothing starts before its
        /// producers are done and their bytes are there, nothing that was a hit is made again more than once, slots are never
        /// exceeded, every instance ends, and exactly the descendants of failures are given up.
        #[test]
        fn every_world_comes_to_its_end((producers, fates, workers, order, gone) in worlds()) {
            let ids = |indices: &[usize]| indices.iter().copied().map(InstanceId::at).collect::<Vec<_>>();
            let graph = InstanceGraph::of(producers.len(), |id| ids(&producers[id.index()]));
            let mut scheduler = Scheduler::new(&graph, &vec![true; producers.len()], workers);
            let mut fates: BTreeMap<usize, Fate> = fates.into_iter().enumerate().collect();
            let failing: Vec<usize> =
                fates.iter().filter(|(_, fate)| **fate == Fate::Fails).map(|(id, _)| *id).collect();
            let (mut running, mut done, mut lost) = (Vec::new(), BTreeSet::new(), Vec::new());
            // The hits whose bytes are gone, and those that are being made again.
            let mut gone: BTreeSet<usize> =
                (0..gone.len()).filter(|id| gone[*id] && fates[id] == Fate::Hit).collect();
            let mut again: BTreeSet<usize> = BTreeSet::new();
            let mut picks = order.into_iter().cycle();
            for _ in 0..1_000 {
                if scheduler.is_over() {
                    break;
                }
                if running.is_empty() {
                    scheduler.retry_set_aside();
                }
                while let Some(id) = scheduler.next_undecided() {
                    prop_assert!(producers[id.index()].iter().all(|producer| done.contains(producer)));
                    let fate = fates[&id.index()];
                    let is_hit = matches!(fate, Fate::Hit | Fate::Elsewhere(0)) && !again.contains(&id.index());
                    let lacks: BTreeSet<InstanceId> =
                        producers[id.index()].iter().filter(|p| gone.contains(p)).map(|p| InstanceId::at(*p)).collect();
                    if is_hit {
                        scheduler.hit(id);
                        done.insert(id.index());
                    } else if !lacks.is_empty() {
                        match scheduler.needs_again(id, &lacks) {
                            Ok(()) => again.extend(lacks.iter().map(|id| id.index())),
                            Err(because) => {
                                prop_assert!(lost.contains(&because.index()));
                                lost.push(id.index());
                                lost.extend(scheduler.lost(id).iter().map(|id| id.index()));
                            }
                        }
                    } else {
                        scheduler.stale(id, if fate == Fate::Works(true) { Slot::Device } else { Slot::Worker });
                    }
                }
                while let Some(started) = scheduler.next_start() {
                    running.push(started);
                }
                let on = |slot| running.iter().filter(|(_, s)| *s == slot).count();
                prop_assert!(on(Slot::Device) <= 1 && on(Slot::Worker) <= workers);
                if running.is_empty() {
                    continue;
                }
                let pick = picks.next().expect("a cycle does not end").index(running.len());
                let (id, _) = running.swap_remove(pick);
                prop_assert!(producers[id.index()].iter().all(|producer| !gone.contains(producer)));
                match fates[&id.index()] {
                    Fate::Fails => {
                        lost.push(id.index());
                        lost.extend(scheduler.lost(id).iter().map(|id| id.index()));
                    }
                    Fate::Elsewhere(tries) => {
                        fates.insert(id.index(), Fate::Elsewhere(tries - 1));
                        scheduler.busy_elsewhere(id);
                    }
                    _ => {
                        scheduler.vacated(id);
                        scheduler.finished(id);
                        prop_assert!(done.insert(id.index()) || (again.remove(&id.index()) && gone.remove(&id.index())));
                    }
                }
            }
            prop_assert!(scheduler.is_over());
            prop_assert!(again.is_empty());
            let mut ended: Vec<usize> = done.iter().chain(&lost).copied().collect();
            ended.sort_unstable();
            prop_assert_eq!(ended, (0..producers.len()).collect::<Vec<_>>());
            for (id, producers) in producers.iter().enumerate() {
                let doomed = failing.contains(&id) || producers.iter().any(|producer| lost.contains(producer));
                prop_assert_eq!(lost.contains(&id), doomed, "instance {}", id);
            }
        }
    }

    #[test]
    fn a_producer_whose_bytes_are_gone_is_made_again_first() {
        let graph = InstanceGraph::of(2, |id| if id.index() == 1 { vec![InstanceId::at(0)] } else { Vec::new() });
        let mut scheduler = Scheduler::new(&graph, &[true, true], 1);
        let (producer, consumer) = (InstanceId::at(0), InstanceId::at(1));
        assert_eq!(scheduler.next_undecided(), Some(producer));
        scheduler.hit(producer);
        assert_eq!(scheduler.next_undecided(), Some(consumer));
        assert_eq!(scheduler.needs_again(consumer, &BTreeSet::from([producer])), Ok(()));
        assert_eq!(scheduler.next_undecided(), Some(producer));
        scheduler.stale(producer, Slot::Worker);
        assert_eq!(scheduler.next_start(), Some((producer, Slot::Worker)));
        assert_eq!(scheduler.next_undecided(), None);
        scheduler.finished(producer);
        assert_eq!(scheduler.next_undecided(), Some(consumer));
        scheduler.hit(consumer);
        assert!(scheduler.is_over());
    }

    #[test]
    fn whoever_needs_what_could_not_be_made_again_is_given_up() {
        let graph = InstanceGraph::of(4, |id| match id.index() {
            0 => Vec::new(),
            3 => vec![InstanceId::at(2)],
            _ => vec![InstanceId::at(0)],
        });
        let mut scheduler = Scheduler::new(&graph, &[true; 4], 1);
        let [producer, one, other, last] = [0, 1, 2, 3].map(InstanceId::at);
        let needed = BTreeSet::from([producer]);
        scheduler.next_undecided();
        scheduler.hit(producer);
        assert_eq!(scheduler.next_undecided(), Some(one));
        assert_eq!(scheduler.needs_again(one, &needed), Ok(()));
        assert_eq!(scheduler.next_undecided(), Some(producer));
        scheduler.stale(producer, Slot::Worker);
        scheduler.next_start();
        assert_eq!(scheduler.lost(producer), [one]);
        assert_eq!(scheduler.next_undecided(), Some(other));
        assert_eq!(scheduler.needs_again(other, &needed), Err(producer));
        assert_eq!(scheduler.lost(other), [last]);
        assert!(scheduler.is_over());
    }

    #[test]
    fn a_run_that_stops_lets_what_runs_end() {
        let graph = InstanceGraph::of(3, |id| if id.index() == 2 { vec![InstanceId::at(0)] } else { Vec::new() });
        let mut scheduler = Scheduler::new(&graph, &[true; 3], 1);
        let first = scheduler.next_undecided().expect("the first is undecided");
        scheduler.stale(first, Slot::Worker);
        scheduler.next_start();
        assert_eq!(scheduler.give_up_the_rest(), [InstanceId::at(1), InstanceId::at(2)]);
        assert!(!scheduler.is_over());
        scheduler.finished(first);
        assert!(scheduler.is_over());
    }
}
