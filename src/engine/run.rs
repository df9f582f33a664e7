//! The one loop: it owns the scheduler, hears the workers and tells the reporter.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::Scheduler;
use super::worker::{Failure, Job, Message};
use crate::event::{Event, Reporter, Tally, What, Why};
use crate::fingerprint::Fingerprint;
use crate::graph::InstanceGraph;
use crate::plan::{Counts, Decision, Externals, Found, History, Recipe, decide, recipe, why};
use crate::spec::{Experiment, InstanceId};
use crate::stage::{DeviceSlot, Reach, Stop};
use crate::store::{Producer, Store, StoreError};

/// How long the loop sleeps before it looks whether another process has finished.
const POLL: Duration = Duration::from_millis(200);

/// How a run is carried out; none of it enters a key.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Worker threads besides the device.
    pub jobs: usize,
    /// The identifier of the run.
    pub run: String,
    /// Who runs it, as claims record it.
    pub producer: Producer,
    /// The time, in milliseconds since the Unix epoch.
    pub wall_ms: fn() -> u64,
}

/// What a run works in.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// Its graph.
    pub graph: &'a InstanceGraph,
    /// The instances that are to be there in the end, by index.
    pub wanted: &'a [bool],
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

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// How many instances ended how.
    pub tally: Tally,
    /// The result of each instance that has one, by index.
    pub results: Vec<Option<Arc<Found>>>,
    /// The instances that were run to their end, by index.
    pub ran: BTreeSet<usize>,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed while a key was looked up.
    #[error("cannot look up `{instance}`: {source}")]
    Store {
        /// The instance.
        instance: String,
        /// What failed.
        source: StoreError,
    },
}

/// Runs what is stale among the wanted instances and tells the reporter everything.
///
/// `expected` is the plan's count, which opens the log. A failed instance stops its descendants, not its siblings.
pub fn run<'a>(
    world: World<'a>,
    options: &'a RunOptions,
    expected: Counts,
    reporter: &'a mut dyn Reporter,
) -> Result<Outcome, EngineError> {
    let began = Instant::now();
    let (sender, receiver) = unbounded();
    let mut engine = Loop {
        world,
        options,
        scheduler: Scheduler::new(world.graph, world.wanted, options.jobs),
        reporter,
        results: vec![None; world.graph.len()],
        remake: BTreeSet::new(),
        waiting: BTreeSet::new(),
        tried_again: BTreeSet::new(),
        in_flight: BTreeSet::new(),
        ready: vec![None; world.graph.len()],
        orders: vec![None; world.graph.len()],
        tally: Tally::default(),
        ran: BTreeSet::new(),
        stopping: false,
    };
    engine.tell(What::RunStarted {
        run: options.run.clone(),
        experiment: world.experiment.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instances: expected.hits + expected.runs + expected.shares + expected.awaits,
        hits: expected.hits,
        to_run: expected.runs,
    });
    std::thread::scope(|scope| engine.turn(scope, &sender, &receiver))?;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let tally = engine.tally;
    engine.tell(What::RunFinished { tally, took_ms });
    Ok(Outcome { tally, results: engine.results, ran: engine.ran })
}

struct Loop<'a> {
    world: World<'a>,
    options: &'a RunOptions,
    scheduler: Scheduler,
    reporter: &'a mut dyn Reporter,
    results: Vec<Option<Arc<Found>>>,
    /// Instances whose result is there but whose bytes must be made again.
    remake: BTreeSet<InstanceId>,
    /// Instances that were reported as waiting for another process.
    waiting: BTreeSet<InstanceId>,
    /// Instances whose inputs turned out to be damaged when they were read.
    tried_again: BTreeSet<InstanceId>,
    /// Recipes that are being run here; another instance of the same recipe waits for the one result.
    in_flight: BTreeSet<Fingerprint>,
    /// The work orders of instances that are ready.
    ready: Vec<Option<Box<Recipe>>>,
    /// The recipe that each instance has in flight.
    orders: Vec<Option<Fingerprint>>,
    tally: Tally,
    ran: BTreeSet<usize>,
    stopping: bool,
}

impl<'a> Loop<'a> {
    fn turn<'scope>(
        &mut self,
        scope: &'scope std::thread::Scope<'scope, 'a>,
        sender: &Sender<Message>,
        receiver: &Receiver<Message>,
    ) -> Result<(), EngineError>
    where
        'a: 'scope,
    {
        let mut looked = Instant::now();
        loop {
            if self.world.stop.asked() && !self.stopping {
                self.stopping = true;
                let message = "stopping at the next safe point; a second Ctrl-C stops at once".to_owned();
                self.tell(What::Warned { message });
                self.give_up_the_rest();
            }
            while let Some(id) = self.scheduler.next_undecided() {
                self.decide(id)?;
            }
            while let Some((id, _)) = self.scheduler.next_start() {
                self.start(id, scope, sender);
            }
            if self.scheduler.is_over() {
                return Ok(());
            }
            match receiver.recv_timeout(POLL) {
                Ok(message) => {
                    self.hear(message);
                    receiver.try_iter().for_each(|message| self.hear(message));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("the loop holds a sender"),
            }
            if looked.elapsed() >= POLL {
                looked = Instant::now();
                self.scheduler.retry_set_aside();
            }
        }
    }

    fn decide(&mut self, id: InstanceId) -> Result<(), EngineError> {
        let World { experiment, externals, numerics, store, .. } = self.world;
        let recipe = recipe(experiment, id, &self.results, externals, numerics);
        let remake = self.remake.contains(&id);
        let decision = decide(experiment, id, &recipe, store, remake)
            .map_err(|source| EngineError::Store { instance: self.name(id), source })?;
        match decision {
            Decision::Hit(found) => self.hit(id, found),
            Decision::Run if self.in_flight.contains(&recipe.order.fingerprint) => {
                self.scheduler.busy_elsewhere(id);
            }
            Decision::Run => {
                self.in_flight.insert(recipe.order.fingerprint);
                self.orders[id.index()] = Some(recipe.order.fingerprint);
                let slot = experiment.instances[id.index()].bound.slot();
                self.ready[id.index()] = Some(Box::new(recipe));
                self.scheduler.stale(id, slot);
            }
            Decision::Remake(producers) => {
                self.remake.extend(&producers);
                self.scheduler.needs_again(id, &producers);
            }
        }
        Ok(())
    }

    fn start<'scope>(&mut self, id: InstanceId, scope: &'scope std::thread::Scope<'scope, 'a>, sender: &Sender<Message>)
    where
        'a: 'scope,
    {
        let recipe = self.ready[id.index()].take().expect("a ready instance has a work order");
        let instance = &self.world.experiment.instances[id.index()];
        let remake = self.remake.contains(&id);
        if !self.waiting.contains(&id) {
            let reason = if remake {
                Why::Lost { part: "result".into() }
            } else {
                why(self.world.experiment, id, &recipe.manifest, self.world.history)
            };
            let fingerprint = recipe.order.fingerprint;
            self.tell(What::Started { instance: self.name(id), fingerprint, why: reason });
        }
        let job = Job {
            id,
            recipe,
            stage: &*instance.bound,
            store: self.world.store,
            devices: self.world.devices,
            reach: self.world.reach,
            stop: self.world.stop,
            remake,
            producer: &self.options.producer,
            wall_ms: self.options.wall_ms,
            messages: sender.clone(),
        };
        scope.spawn(move || job.work());
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Noted(id, note) => self.tell(What::Noted { instance: self.name(id), note }),
            Message::Vacated(id) => self.scheduler.vacated(id),
            Message::Busy(id, holder) => {
                self.grounded(id);
                self.scheduler.busy_elsewhere(id);
                if self.waiting.insert(id) {
                    self.tell(What::Waiting { instance: self.name(id), holder });
                }
            }
            Message::Appeared(id, found) => {
                self.landed(id);
                self.scheduler.vacated(id);
                self.hit(id, found);
            }
            Message::Published(id, found) => self.published(id, found),
            Message::Failed(id, failure) => self.failed(id, failure),
        }
    }

    fn hit(&mut self, id: InstanceId, found: Found) {
        self.tally.hits += 1;
        let (fingerprint, by, from) = (found.fingerprint, found.by.clone(), found.from.clone());
        self.tell(What::Hit { instance: self.name(id), fingerprint, by, from });
        self.results[id.index()] = Some(Arc::new(found));
        self.scheduler.finished(id);
    }

    fn published(&mut self, id: InstanceId, found: Found) {
        if self.remake.remove(&id) {
            // It was counted as a hit when its result was found and its bytes were not yet asked for.
            self.tally.hits -= 1;
        }
        self.tally.ran += 1;
        self.ran.insert(id.index());
        let (fingerprint, took_ms) = (found.fingerprint, found.took_ms);
        self.landed(id);
        self.tell(What::Finished { instance: self.name(id), fingerprint, took_ms });
        self.results[id.index()] = Some(Arc::new(found));
        self.scheduler.finished(id);
    }

    /// Forgets the recipe that an instance had in flight, and looks again at whatever waited for it.
    fn landed(&mut self, id: InstanceId) {
        if self.grounded(id) {
            self.scheduler.retry_set_aside();
        }
    }

    /// Forgets the recipe that an instance had in flight.
    fn grounded(&mut self, id: InstanceId) -> bool {
        self.orders[id.index()].take().is_some_and(|fingerprint| self.in_flight.remove(&fingerprint))
    }

    fn failed(&mut self, id: InstanceId, failure: Failure) {
        self.landed(id);
        // The store has moved the damaged bytes away, so their producer will be found stale; once is enough.
        if failure.lost_blob && self.tried_again.insert(id) {
            let message = format!("{}: {}; making it again", self.name(id), failure.error.unwrap_or_default());
            self.tell(What::Warned { message });
            return self.scheduler.try_again(id);
        }
        let instance = self.name(id);
        if let Some(error) = failure.error {
            self.tally.failed += 1;
            self.tell(What::Failed { instance: instance.clone(), error, took_ms: failure.took_ms });
        } else {
            self.tally.stopped += 1;
            self.tell(What::Stopped { instance: instance.clone() });
        }
        for skipped in self.scheduler.lost(id) {
            self.tally.skipped += 1;
            self.tell(What::Skipped { instance: self.name(skipped), because: instance.clone() });
        }
    }

    fn give_up_the_rest(&mut self) {
        for id in self.scheduler.give_up_the_rest() {
            self.tally.skipped += 1;
            self.tell(What::Skipped { instance: self.name(id), because: "the run was asked to stop".into() });
        }
    }

    fn name(&self, id: InstanceId) -> String {
        self.world.experiment.instances[id.index()].name.to_string()
    }

    fn tell(&mut self, what: What) {
        self.reporter.report(&Event { at_ms: (self.options.wall_ms)(), what });
    }
}
