//! The one loop: it owns the scheduler, hears the workers and tells the reporter.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::Scheduler;
use super::crew::on_thread;
use super::holdings::{Decided, Holdings, decide_and_hold};
use super::remakes::Remakes;
use super::retention::Retention;
use super::tally::{Ended, Ends};
use super::worker::{Failure, Job, Message};
use super::world::World;
use retort_event::{Event, Reporter, Tally, What, Why};
use retort_fingerprint::{Digest, Fingerprint};
use retort_plan::{Action, Counts, Found, Need, Read, action, gone, why};
use retort_spec::InstanceId;
use retort_store::{Hold, Producer, RunId, StoreError};

/// How long the loop sleeps before it looks whether another process has finished.
const POLL: Duration = Duration::from_millis(200);

/// What runs of others go by is read anew after this long.
const OTHERS_ARE_READ_EVERY: Duration = Duration::from_secs(30);

/// How a run is carried out; none of it enters a key.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Worker threads besides the device.
    pub jobs: usize,
    /// The identifier of the run.
    pub run: String,
    /// Who runs it, as records name it.
    pub producer: Producer,
    /// The time, in milliseconds since the Unix epoch.
    pub wall_ms: fn() -> u64,
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
        retention: Retention::new(world.graph, world.wanted, world.named, &world),
        reporter,
        results: vec![None; world.graph.len()],
        remakes: Remakes::default(),
        holdings: Holdings::new(world.graph.len()),
        waiting: BTreeSet::new(),
        in_flight: BTreeSet::new(),
        again: vec![None; world.graph.len()],
        others: None,
        ready: vec![None; world.graph.len()],
        jobs_in_flight: vec![None; world.graph.len()],
        ends: Ends::new(world.graph.len()),
        ran: BTreeSet::new(),
        stopping: false,
    };
    engine.tell(What::RunStarted {
        run: options.run.clone(),
        experiment: world.experiment.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instances: expected.hits + expected.runs + expected.same + expected.awaits,
        hits: expected.hits,
        to_run: expected.runs,
    });
    std::thread::scope(|scope| engine.turn(scope, &sender, &receiver))?;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let tally = engine.ends.tally();
    engine.tell(What::RunFinished { tally, took_ms });
    Ok(Outcome { tally, results: engine.results, ran: engine.ran })
}

struct Loop<'a> {
    world: World<'a>,
    options: &'a RunOptions,
    scheduler: Scheduler,
    retention: Retention,
    reporter: &'a mut dyn Reporter,
    results: Vec<Option<Arc<Found>>>,
    /// Instances whose result is there but whose bytes must be made again.
    remakes: Remakes,
    /// What must not be evicted.
    holdings: Holdings,
    /// Instances that were reported as waiting for another process.
    waiting: BTreeSet<InstanceId>,
    /// Actions that are being run here; another instance of the same action waits for the one result.
    in_flight: BTreeSet<Fingerprint>,
    /// Why instances that are ready are made again, where they were made before.
    again: Vec<Option<Why>>,
    /// What runs of others go by, and when that was read.
    others: Option<(Instant, BTreeSet<Fingerprint>)>,
    /// The jobs of instances that are ready.
    ready: Vec<Option<Box<Action>>>,
    /// The action that each instance has in flight.
    jobs_in_flight: Vec<Option<Fingerprint>>,
    ends: Ends,
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
        let action = action(experiment, id, &self.results, externals, numerics);
        self.retention.known(id, action.job.fingerprint);
        let decision = decide_and_hold(&action, store, &self.need(id))
            .map_err(|source| EngineError::Store { instance: self.name(id), source })?;
        match decision {
            Decided::Hit(found, hold) => self.hit(id, found, hold, false),
            Decided::Run { .. } if self.in_flight.contains(&action.job.fingerprint) => {
                self.scheduler.busy_elsewhere(id);
            }
            Decided::Run { lacks, .. } if !lacks.is_empty() => self.make_again_first(id, &lacks),
            Decided::Run { before, .. } => {
                let before = before.map(Arc::new).or_else(|| self.results[id.index()].clone());
                self.again[id.index()] = before.map(|found| gone(&found, store));
                self.in_flight.insert(action.job.fingerprint);
                self.jobs_in_flight[id.index()] = Some(action.job.fingerprint);
                let slot = experiment.instances[id.index()].bound.slot();
                self.ready[id.index()] = Some(Box::new(action));
                self.scheduler.stale(id, slot);
            }
        }
        Ok(())
    }

    /// Has made again what an instance reads and cannot be had; where that was done before in this run, it is given up.
    fn make_again_first(&mut self, id: InstanceId, lacks: &[Read]) {
        let results = &self.results;
        let digests =
            |id: InstanceId| results[id.index()].iter().flat_map(|found| found.parts.values()).copied().collect();
        let makers = match self.remakes.ask(id, lacks, digests) {
            Ok(makers) => makers,
            Err(Read { part, producer, .. }) => {
                let from = self.name(*producer);
                let error = format!("its input `{part}` of {from} was made again and is gone or damaged once more");
                return self.failed(id, Failure { error: Some(error), lost: None, took_ms: 0 });
            }
        };
        if let Err(lost) = self.scheduler.needs_again(id, &makers) {
            let because = self.name(lost);
            self.skipped(id, because.clone());
            self.give_up_after(id, &because);
        }
    }

    fn start<'scope>(&mut self, id: InstanceId, scope: &'scope std::thread::Scope<'scope, 'a>, sender: &Sender<Message>)
    where
        'a: 'scope,
    {
        let action = self.ready[id.index()].take().expect("a ready instance has a job");
        let instance = &self.world.experiment.instances[id.index()];
        if !self.waiting.contains(&id) {
            let anew = || why(self.world.experiment, id, &action.manifest, self.world.history);
            let reason = self.again[id.index()].take().unwrap_or_else(anew);
            let fingerprint = action.job.fingerprint;
            self.tell(What::Started { instance: self.name(id), fingerprint, why: reason });
        }
        let job = Job {
            id,
            action,
            stage: &*instance.bound,
            store: self.world.store,
            devices: self.world.devices,
            reach: self.world.reach,
            stop: self.world.stop,
            need: self.need(id),
            producer: &self.options.producer,
            wall_ms: self.options.wall_ms,
            messages: sender.clone(),
        };
        if let Err(back) = on_thread(scope, job) {
            let (job, error) = *back;
            if self.scheduler.make_do() {
                let message = format!("the system starts no further thread ({error}): going on with fewer");
                self.tell(What::Warned { message });
            }
            job.work();
        }
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
            Message::Appeared(id, found, hold) => {
                self.landed(id);
                self.scheduler.vacated(id);
                self.hit(id, found, hold, true);
            }
            Message::Published(id, found, hold) => self.published(id, found, hold),
            Message::Failed(id, failure) => self.failed(id, failure),
        }
    }

    /// Takes a result that is there; whether it was `begun` to be made, or waited for, or was never heard of before.
    fn hit(&mut self, id: InstanceId, found: Found, hold: Hold, begun: bool) {
        self.remakes.made(id);
        let is_first = self.ends.end(id, Ended::Hit).is_none();
        if is_first || begun || self.waiting.contains(&id) {
            let (fingerprint, by, from) = (found.fingerprint, found.by.clone(), found.from.clone());
            self.tell(What::Hit { instance: self.name(id), fingerprint, by, from });
        }
        self.has(id, found, hold);
    }

    fn published(&mut self, id: InstanceId, found: Found, hold: Hold) {
        if self.remakes.made(id) {
            self.compare_with_before(id, &found);
        }
        self.ends.end(id, Ended::Ran);
        self.ran.insert(id.index());
        let (fingerprint, took_ms) = (found.fingerprint, found.took_ms);
        self.landed(id);
        self.tell(What::Finished { instance: self.name(id), fingerprint, took_ms });
        self.has(id, found, hold);
    }

    /// Takes the result of an instance, which is held.
    fn has(&mut self, id: InstanceId, found: Found, hold: Hold) {
        self.results[id.index()] = Some(Arc::new(found));
        self.holdings.keep(id, hold);
        self.scheduler.finished(id);
        self.evict_after(id);
    }

    /// Warns when something that was made again came out otherwise: what was made of it before is no longer what would be.
    fn compare_with_before(&mut self, id: InstanceId, found: &Found) {
        let Some(before) = &self.results[id.index()] else { return };
        let differs = |(part, digest): (&String, &Digest)| found.parts.get(part).is_some_and(|now| now != digest);
        if before.parts.iter().any(differs) {
            let message =
                "the recomputed result differs from the earlier one, so what was made from that may run again";
            self.tell(What::Warned { message: format!("{}: {message}", self.name(id)) });
        }
    }

    fn need(&self, id: InstanceId) -> Need {
        let otherwise = || Need::of(self.world.experiment, id, self.world.named[id.index()]);
        self.remakes.need(id).unwrap_or_else(otherwise)
    }

    /// Evicts what nothing reads any more now that an instance is done.
    fn evict_after(&mut self, done: InstanceId) {
        let World { experiment, graph, store, .. } = self.world;
        let is_done = |id: InstanceId| self.scheduler.is_done(id);
        let mut free = Vec::new();
        for id in self.retention.done(graph.producers(done), &is_done) {
            let Some(found) = self.results[id.index()].clone() else { continue };
            if self.others_need(&found.fingerprint) {
                continue;
            }
            let passing = experiment.instances[id.index()].bound.passing_parts();
            free.push((id, self.holdings.let_go(id, &found, passing, store)));
            self.remakes.evicted(id);
        }
        // Only when all have let go that have the same result.
        for (id, digests) in free {
            let evicted = digests.iter().map(|digest| store.evict(digest));
            match evicted.sum::<Result<u64, StoreError>>() {
                Ok(0) => {}
                Ok(bytes) => self.tell(What::Evicted { instance: self.name(id), bytes }),
                Err(error) => self.tell(What::Warned { message: format!("{}: {error}", self.name(id)) }),
            }
        }
    }

    /// Says whether a run that is not this experiment's, or somebody else's, goes by an action. What cannot be found out is
    /// taken for yes.
    fn others_need(&mut self, action: &Fingerprint) -> bool {
        let old = self.others.as_ref().is_none_or(|(read, _)| read.elapsed() > OTHERS_ARE_READ_EVERY);
        if old && let Some(own) = RunId::parse(&self.options.run) {
            self.others = self.world.store.needed_by_others(&own).ok().map(|others| (Instant::now(), others));
        }
        self.others.as_ref().is_none_or(|(_, others)| others.contains(action))
    }

    /// Forgets the action that an instance had in flight, and looks again at whatever waited for it.
    fn landed(&mut self, id: InstanceId) {
        if self.grounded(id) {
            self.scheduler.retry_set_aside();
        }
    }

    /// Forgets the action that an instance had in flight.
    fn grounded(&mut self, id: InstanceId) -> bool {
        self.jobs_in_flight[id.index()].take().is_some_and(|fingerprint| self.in_flight.remove(&fingerprint))
    }

    fn failed(&mut self, id: InstanceId, failure: Failure) {
        self.landed(id);
        // What was gone or damaged counts as missing from now on, so its producer will be found stale.
        if let Some(digest) = failure.lost
            && self.remakes.looks_again(id, digest)
        {
            let message = format!("{}: {}; making it again", self.name(id), failure.error.unwrap_or_default());
            self.tell(What::Warned { message });
            return self.scheduler.try_again(id);
        }
        self.remakes.made(id);
        let instance = self.name(id);
        if let Some(error) = failure.error {
            self.ends.end(id, Ended::Failed);
            self.tell(What::Failed { instance: instance.clone(), error, took_ms: failure.took_ms });
        } else {
            self.ends.end(id, Ended::Stopped);
            self.tell(What::Stopped { instance: instance.clone() });
        }
        self.give_up_after(id, &instance);
    }

    /// Gives up what waits for an instance that will not be there.
    fn give_up_after(&mut self, id: InstanceId, because: &str) {
        for given_up in self.scheduler.lost(id) {
            self.skipped(given_up, because.to_owned());
        }
    }

    fn give_up_the_rest(&mut self) {
        for id in self.scheduler.give_up_the_rest() {
            self.skipped(id, "the run was asked to stop".into());
        }
    }

    fn skipped(&mut self, id: InstanceId, because: String) {
        self.remakes.made(id);
        self.ends.end(id, Ended::Skipped);
        self.tell(What::Skipped { instance: self.name(id), because });
    }

    fn name(&self, id: InstanceId) -> String {
        self.world.experiment.instances[id.index()].name.to_string()
    }

    fn tell(&mut self, what: What) {
        self.reporter.report(&Event { at_ms: (self.options.wall_ms)(), what });
    }
}
