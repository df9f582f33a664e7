//! The scheduler: facts in, decisions out. It does nothing itself, so every order of events can be tried in a test.
//!
//! An instance is first *open* (some producer is not done), then *undecided* (its inputs are known, so its key can be
//! looked up), and then either done at once (a hit) or *ready*, *running* and done. Between undecided and done it may be
//! set aside because another process works on it, or wait for a producer whose bytes are gone and must be made again.

use std::collections::BTreeSet;

use crate::graph::InstanceGraph;
use crate::spec::InstanceId;
use crate::stage::Slot;

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
    pub fn needs_again(&mut self, id: InstanceId, producers: &[InstanceId]) {
        let mut waits = 0;
        for &producer in producers {
            match self.states[producer.index()] {
                State::Done => {
                    self.unended += 1;
                    self.states[producer.index()] = State::Undecided;
                    self.undecided.insert(producer);
                }
                State::Lost => return self.end(id, State::Lost),
                _ => {}
            }
            waits += 1;
            self.awaiters[producer.index()].push(id);
        }
        self.open(id, waits);
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
