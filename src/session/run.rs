//! Running: what is stale, done; and what was done, recorded.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use retort_engine::{self as engine, World};
use retort_event::{Event, Reporter, Tally, What, log_line};
use retort_plan::{Counts, Found, Verdict};
use retort_spec::InstanceId;
use retort_stage::Stop;
use retort_store::{InstanceEntry, Outcome, Producer, RunDir, RunId};
use rustix::process::{Resource, getrlimit};

use super::history::LazyHistory;
use super::{Demand, MadeReport, Planned, Remark, Results, Selection, Session, SessionError, Workspace};

/// How often a report is made again that was lost before it was read.
const REMAKES: usize = 2;

/// How a run is carried out; none of it enters a key.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions<'a> {
    /// How many workers there are besides the device; as many as cores where no number is given.
    pub jobs: Option<usize>,
    /// Whether models come from the hub's cache alone.
    pub offline: bool,
    /// Asks the run to stop at the next safe point, from another thread or a signal.
    pub stop: Option<&'a Stop>,
}

/// A run that can begin: its models are here, its plan is made, and nothing was found that it would fail of.
#[derive(Debug)]
pub struct Prepared {
    planned: Planned,
    /// What was told while it was prepared, for the log of the run.
    lines: String,
}

impl Prepared {
    /// Returns the plan.
    pub fn planned(&self) -> &Planned {
        &self.planned
    }
}

/// A run that came to its end.
#[derive(Debug)]
pub struct Run {
    /// Its identifier.
    pub id: RunId,
    /// How many instances ended how.
    pub tally: Tally,
    /// The results that there are.
    pub results: Results,
    /// The reports that there are, read before the run was over.
    pub reports: Vec<MadeReport>,
    /// Whether it was asked to stop.
    pub stopped: bool,
}

impl Session {
    /// Runs what is stale and tells a reporter of every event. A failed instance stops what needs it, and nothing else: how
    /// many failed is in the [tally](Run::tally).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("pipeline.yaml");
    /// # std::fs::write(&file, "
    /// # retort: 1
    /// # experiment: tiny
    /// # stages:
    /// #   questions:
    /// #     dataset: { format: synthetic, train: 4 }
    /// # ")?;
    /// use retort_event::{Event, What};
    /// use retort_session::{RunOptions, Settings, Workspace};
    ///
    /// let workspace = Workspace::new(Settings::new(folder.path().join("cache")));
    /// let session = workspace.load(&file, &[])?.open()?;
    /// let mut finished = Vec::new();
    /// let mut hear = |event: &Event| {
    ///     if let What::Finished { instance, .. } = &event.what {
    ///         finished.push(instance.clone());
    ///     }
    /// };
    /// let run = session.run(session.pipeline.all(), &RunOptions::default(), &mut hear)?;
    /// assert_eq!((run.tally.ran, finished), (1, vec!["questions".to_owned()]));
    ///
    /// // The second time everything comes from the cache.
    /// let run = session.run(session.pipeline.all(), &RunOptions::default(), &mut |_: &Event| {})?;
    /// assert_eq!((run.tally.hits, run.tally.ran), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Whatever [`prepare`](Self::prepare) refuses; [`SessionError::Engine`] where the store fails meanwhile.
    pub fn run(
        &self,
        selection: Selection,
        options: &RunOptions<'_>,
        reporter: &mut dyn Reporter,
    ) -> Result<Run, SessionError> {
        let prepared = self.prepare(selection, options.offline, reporter)?;
        self.run_prepared(prepared, options, reporter)
    }

    /// Makes ready for a run: fetches models from the hub, plans, and looks for what the run would fail of at once.
    ///
    /// # Errors
    /// [`SessionError::Hub`] where a model cannot be fetched; [`SessionError::Resources`] where files cannot be used, or a
    /// teacher would be asked for what nothing could be made of; [`SessionError::Device`] where the device cannot be used.
    pub fn prepare(
        &self,
        selection: Selection,
        offline: bool,
        reporter: &mut dyn Reporter,
    ) -> Result<Prepared, SessionError> {
        let mut audience = Audience { reporter, log: None, lines: String::new(), end: None };
        self.fetch(&selection, offline, &mut |what| audience.tell(what))?;
        let lines = audience.lines;
        let planned = self.plan(selection, Demand::All)?;
        match self.preflight(&planned).waste(self, &planned) {
            Some(waste) => Err(waste),
            None => Ok(Prepared { planned, lines }),
        }
    }

    /// Runs what was made ready.
    ///
    /// # Errors
    /// [`SessionError::Store`] and [`SessionError::Engine`] where the store fails.
    pub fn run_prepared(
        &self,
        Prepared { planned, lines }: Prepared,
        options: &RunOptions<'_>,
        reporter: &mut dyn Reporter,
    ) -> Result<Run, SessionError> {
        let (experiment, store) = (&self.pipeline.experiment, &*self.store);
        let history = LazyHistory { store, experiment: &experiment.name, read: OnceLock::new() };
        let never = Stop::new();
        let stop = options.stop.unwrap_or(&never);
        let log = store.new_run(&experiment.name)?;
        // What is there already is not collected while the rest runs, which may take days.
        log.record_instances(&self.planned_entries(&planned))?;
        store.share_run(log.id());
        let carried_out = self.carried_out(options.jobs, log.id().to_string());
        let world = World {
            experiment,
            graph: &self.pipeline.graph,
            wanted: &planned.selection.wanted,
            named: &planned.selection.named,
            externals: &planned.ground.externals,
            numerics: planned.ground.numerics,
            store,
            devices: &*self.devices,
            reach: self.pipeline.workspace().reach(),
            history: &history,
            stop,
        };
        let mut audience = Audience { reporter, log: Some(&log), lines, end: None };
        for message in self.caveats(&planned)? {
            audience.tell(What::Warned { message });
        }
        let outcome = engine::run(world, &carried_out, planned.plan.counts(), &mut audience)?;
        log.record_instances(&self.entries(&outcome))?;
        store.finish_sharing()?;
        audience.flush();
        let selection = &planned.selection;
        let (results, reports) = self.read_reports(selection, world, &carried_out, outcome.results, &mut audience);
        // Until its reports are read, the run is at work, so that nobody collects them.
        audience.end();
        store.share_run(log.id());
        store.finish_sharing()?;
        for notice in store.take_notices() {
            audience.tell(What::Warned { message: notice.to_string() });
        }
        audience.flush();
        Ok(Run { id: log.id().clone(), tally: outcome.tally, results, reports: reports?, stopped: stop.asked() })
    }

    /// Reads the reports of a run. One that was lost since it was found is made again: others may have collected it, or the
    /// remote that has it failed.
    fn read_reports(
        &self,
        selection: &Selection,
        world: World<'_>,
        carried_out: &engine::RunOptions,
        found: Vec<Option<Arc<Found>>>,
        audience: &mut Audience<'_>,
    ) -> (Results, Result<Vec<MadeReport>, SessionError>) {
        let mut results = Results::of(found);
        let mut reports = Vec::new();
        for id in self.report_ids(selection) {
            let mut left = REMAKES;
            loop {
                let error = match self.report(id, &results) {
                    Ok(report) => {
                        reports.extend(report);
                        break;
                    }
                    Err(SessionError::Store(error)) if error.is_lost_blob() && left > 0 => error,
                    Err(error) => return (results, Err(error)),
                };
                left -= 1;
                let message = format!("{} was lost before it was read ({error}); making it again", self.name(id));
                audience.tell(What::Warned { message });
                let wanted = self.pipeline.graph.needed_by([id]);
                let world = World { wanted: &wanted, ..world };
                let again = engine::run(world, carried_out, Counts::default(), &mut Afterwards(audience));
                let again = again.map_err(SessionError::from).and_then(|again| {
                    self.store.finish_sharing()?;
                    Ok(again.results)
                });
                match again {
                    Ok(newer) => results.renew(newer),
                    Err(error) => return (results, Err(error)),
                }
            }
        }
        (results, Ok(reports))
    }

    /// Puts together how a run is carried out; as many workers as cores where no number is given.
    pub(crate) fn carried_out(&self, jobs: Option<usize>, run: String) -> engine::RunOptions {
        let workspace = self.pipeline.workspace();
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        engine::RunOptions {
            jobs: with_memory_for(jobs.unwrap_or_else(cores), workspace),
            run,
            producer: Producer {
                user: workspace.settings.user.clone(),
                host: workspace.settings.host.clone(),
                program: concat!("retort ", env!("CARGO_PKG_VERSION")).to_owned(),
            },
            wall_ms: now_ms,
        }
    }

    /// Records the instances whose results are there before anything runs.
    fn planned_entries(&self, planned: &Planned) -> Vec<InstanceEntry> {
        let entry = |(id, verdict): (InstanceId, &Verdict)| match verdict {
            Verdict::Hit(found) | Verdict::Doubtful(found, _) => Some(self.entry(id, found.fingerprint, Outcome::Hit)),
            _ => None,
        };
        planned.verdicts().filter_map(entry).collect()
    }

    fn entries(&self, outcome: &engine::Outcome) -> Vec<InstanceEntry> {
        let results = outcome.results.iter().enumerate();
        let entry = |(index, found): (usize, &Option<_>)| {
            let found: &Arc<Found> = found.as_ref()?;
            let how = if outcome.ran.contains(&index) { Outcome::Made } else { Outcome::Hit };
            Some(self.entry(InstanceId::at(index), found.fingerprint, how))
        };
        results.filter_map(entry).collect()
    }

    fn entry(&self, id: InstanceId, fingerprint: retort_fingerprint::Fingerprint, outcome: Outcome) -> InstanceEntry {
        let stage = self.pipeline.experiment.stage_of(id).name.clone();
        InstanceEntry { name: self.name(id), stage, fingerprint, outcome }
    }
}

/// The address space that the program is reckoned to take before any worker starts; most of it is set aside and never used.
const PROGRAM_BYTES: u64 = 3 << 29;

/// The address space that a worker is reckoned to take, with its stack and what the allocator sets aside for it.
const WORKER_BYTES: u64 = 64 << 20;

/// Returns how many workers to have: as many as were asked for, but no more than half of the memory that this process may have
/// is room for. What is left is for the work itself, which would fail where a thread took the last of it.
fn with_memory_for(jobs: usize, workspace: &Workspace) -> usize {
    let limit = getrlimit(Resource::As).current;
    let room = limit.map(|bytes| bytes.saturating_sub(PROGRAM_BYTES) / 2 / WORKER_BYTES);
    let room = room.map_or(jobs, |room| usize::try_from(room).unwrap_or(jobs).max(1));
    if room < jobs {
        workspace.tell(&Remark::FewerJobs { room, asked: jobs });
    }
    jobs.min(room)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Tells the reporter and the run's log the same things; the log is written in few large pieces, once there is one.
struct Audience<'a> {
    reporter: &'a mut dyn Reporter,
    log: Option<&'a RunDir>,
    lines: String,
    /// The line that says that the run is over, which is written last.
    end: Option<String>,
}

impl Audience<'_> {
    /// Writes that the run is over.
    fn end(&mut self) {
        self.lines += &self.end.take().unwrap_or_default();
        self.flush();
    }

    fn tell(&mut self, what: What) {
        self.report(&Event { at_ms: now_ms(), what });
    }

    fn flush(&mut self) {
        let Some(log) = self.log.filter(|_| !self.lines.is_empty()) else { return };
        if let Err(error) = log.append_event(self.lines.trim_end_matches('\n')) {
            let message = format!("the log of this run is incomplete: {error}");
            self.reporter.report(&Event { at_ms: now_ms(), what: What::Warned { message } });
        }
        self.lines.clear();
    }
}

impl Reporter for Audience<'_> {
    fn report(&mut self, event: &Event) {
        self.reporter.report(event);
        let line = log_line(event);
        if matches!(event.what, What::RunFinished { .. }) {
            self.end = line;
        } else {
            self.lines.extend(line);
        }
        // Hits come by the thousand and cost nothing to find again; everything else is worth a write of its own.
        if self.lines.len() > 64 * 1024 || !matches!(event.what, What::Hit { .. }) {
            self.flush();
        }
    }
}

/// Tells of work that belongs to a run that was told to its end.
struct Afterwards<'t, 's>(&'t mut Audience<'s>);

impl Reporter for Afterwards<'_, '_> {
    fn report(&mut self, event: &Event) {
        if !matches!(event.what, What::RunStarted { .. } | What::RunFinished { .. } | What::Hit { .. }) {
            self.0.report(event);
        }
    }
}
