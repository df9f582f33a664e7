//! `retort run`: what is stale, run; then the reports, printed.

use std::sync::{Arc, OnceLock};

use super::super::answered;
use super::super::args::{Global, Progress, Run};
use super::super::exit::{Exit, Failure};
use super::super::history::StoredHistory;
use super::super::hub;
use super::super::preflight;
use super::super::print;
use super::super::reach::Environment;
use super::super::reporter::{self, Format, ReporterOptions};
use super::super::session::{Devices, Session};
use super::super::signals::stop_on_signals;
use super::reports;
use crate::engine::{self, Outcome, RunOptions, World};
use crate::event::{Event, Reporter, What};
use crate::fingerprint::{Fingerprint, KeyManifest};
use crate::plan::{Counts, Earlier, Found, History, Plan, Verdict};
use crate::spec::InstanceId;
use crate::store::{InstanceRecord, Mode, Outcome as Recorded, Producer, RunDir, Store, StoreError};

/// Runs what is stale.
pub(super) fn run(global: &Global, args: &Run) -> Result<Exit, Failure> {
    let session = Session::load(global, &args.selection.pipeline)?;
    let wanted = session.wanted(&args.selection.targets)?;
    let named = session.named(&args.selection.targets)?;
    let store = session.store(Mode::Create)?;
    let mut screen = reporter::make(reporter_options(global));
    let mut told = Told { screen: &mut *screen, log: None, lines: String::new(), end: None };
    hub::fetch(&session, &wanted, args.offline, &mut |what| told.report(&Event { at_ms: now_ms(), what }))?;
    let devices = Devices::new(&session.settings, global);
    let ground = session.ground(&wanted, &store, &devices)?;
    let plan = session.plan_with(&wanted, &named, &ground, &store)?;
    let wasted = preflight::look(&session, &plan, &ground, &store, &devices).wasted(&session, &plan);
    wasted.map_or(Ok(()), Err)?;
    let history = LazyHistory { store: &store, experiment: &session.experiment.name, read: OnceLock::new() };
    let stop = stop_on_signals()?;
    let record = store.new_run(&session.experiment.name)?;
    // What is there already is not collected while the rest runs, which may take days.
    record.record_instances(&planned(&session, &plan))?;
    store.share_run(record.id());
    let options = options(&session, args.jobs, record.id().to_string());
    let world = World {
        experiment: &session.experiment,
        graph: &session.graph,
        wanted: &wanted,
        named: &named,
        externals: &ground.externals,
        numerics: ground.numerics,
        store: &store,
        devices: &devices,
        reach: &Environment,
        history: &history,
        stop,
    };
    told.log = Some(&record);
    for message in answered::elsewhere(&session, &plan, &store)? {
        told.report(&Event { at_ms: now_ms(), what: What::Warned { message } });
    }
    let outcome = engine::run(world, &options, plan.counts(), &mut told)?;
    record.record_instances(&records(&session, &outcome))?;
    store.finish_sharing()?;
    told.flush();
    let mut again = |id, lost: &StoreError| make_again(world, &options, &outcome, id, lost, &mut told);
    let reported = reports::tell(global, &session, &wanted, &outcome.results, &store, Some(&args.out), &mut again);
    // Until its reports are read, the run is at work, so that nobody collects them.
    told.end();
    store.share_run(record.id());
    store.finish_sharing()?;
    for notice in store.take_notices() {
        told.report(&Event { at_ms: now_ms(), what: What::Warned { message: notice.to_string() } });
    }
    told.flush();
    reported?;
    Ok(match outcome.tally {
        tally if tally.failed > 0 => Exit::StageFailed,
        _ if stop.asked() => Exit::Interrupted,
        _ => Exit::Success,
    })
}

/// Makes a report again that was lost after the run had found it, and returns all results anew; `None` where it cannot be made.
fn make_again(
    world: World<'_>,
    options: &RunOptions,
    outcome: &Outcome,
    id: InstanceId,
    lost: &StoreError,
    told: &mut Told<'_>,
) -> Result<Option<Vec<Option<Arc<Found>>>>, Failure> {
    let name = &world.experiment.instance(id).name;
    let message = format!("{name} was lost before it was read ({lost}); making it again");
    told.report(&Event { at_ms: now_ms(), what: What::Warned { message } });
    let wanted = world.graph.needed_by([id]);
    let world = World { wanted: &wanted, ..world };
    let again = engine::run(world, options, Counts::default(), &mut Afterwards(told))?;
    world.store.finish_sharing()?;
    if again.results[id.index()].is_none() {
        return Ok(None);
    }
    Ok(Some(again.results.into_iter().zip(&outcome.results).map(|(new, old)| new.or_else(|| old.clone())).collect()))
}

/// Tells of work that belongs to a run that was told to its end.
struct Afterwards<'t, 's>(&'t mut Told<'s>);

impl Reporter for Afterwards<'_, '_> {
    fn report(&mut self, event: &Event) {
        if !matches!(event.what, What::RunStarted { .. } | What::RunFinished { .. } | What::Hit { .. }) {
            self.0.report(event);
        }
    }
}

/// Puts together how a run is carried out; as many workers as cores where no number is given.
pub(super) fn options(session: &Session, jobs: Option<usize>, run: String) -> RunOptions {
    RunOptions {
        jobs: with_memory_for(jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))),
        run,
        producer: Producer {
            user: session.settings.user.clone(),
            host: session.settings.host.clone(),
            program: concat!("retort ", env!("CARGO_PKG_VERSION")).to_owned(),
        },
        wall_ms: now_ms,
    }
}

/// The address space that the program is reckoned to take before any worker starts; most of it is set aside and never used.
const PROGRAM_BYTES: u64 = 3 << 29;

/// The address space that a worker is reckoned to take, with its stack and what the allocator sets aside for it.
const WORKER_BYTES: u64 = 64 << 20;

/// Returns how many workers to have: as many as were asked for, but no more than half of the memory that this process may have
/// is room for. What is left is for the work itself, which would fail where a thread took the last of it.
fn with_memory_for(jobs: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current;
    let room = limit.map(|bytes| bytes.saturating_sub(PROGRAM_BYTES) / 2 / WORKER_BYTES);
    let room = room.map_or(jobs, |room| usize::try_from(room).unwrap_or(jobs).max(1));
    if room < jobs {
        print::note(&format!("the limit on memory (`ulimit -v`) has room for {room} of {jobs} jobs"));
    }
    jobs.min(room)
}

/// Says how a run is told, from the flags and the terminal.
pub(super) fn reporter_options(global: &Global) -> ReporterOptions {
    let format = match global.progress {
        Progress::Auto => Format::Auto,
        Progress::Bars => Format::Terminal,
        Progress::Plain => Format::Plain,
        Progress::Json => Format::Json,
    };
    ReporterOptions {
        format,
        quiet: global.quiet,
        terminal: print::talks_to_terminal(),
        colour: print::colour(),
        verbose: global.verbose,
    }
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Records the instances whose results are there before anything runs.
fn planned(session: &Session, plan: &Plan) -> Vec<InstanceRecord> {
    let record = |(index, verdict): (usize, &Verdict)| {
        let (Verdict::Hit(found) | Verdict::Doubtful(found, _)) = verdict else { return None };
        let id = InstanceId::at(index);
        Some(InstanceRecord {
            name: session.name(id),
            stage: session.experiment.stage_of(id).name.clone(),
            fingerprint: found.fingerprint,
            outcome: Recorded::Hit,
        })
    };
    plan.verdicts.iter().enumerate().filter_map(record).collect()
}

fn records(session: &Session, outcome: &Outcome) -> Vec<InstanceRecord> {
    let record = |(index, found): (usize, &Option<_>)| {
        let found: &Arc<Found> = found.as_ref()?;
        let id = InstanceId::at(index);
        Some(InstanceRecord {
            name: session.name(id),
            stage: session.experiment.stage_of(id).name.clone(),
            fingerprint: found.fingerprint,
            outcome: if outcome.ran.contains(&index) { Recorded::Made } else { Recorded::Hit },
        })
    };
    outcome.results.iter().enumerate().filter_map(record).collect()
}

/// Tells the screen and the run's log the same things; the log is written in few large pieces, once there is one.
struct Told<'a> {
    screen: &'a mut dyn Reporter,
    log: Option<&'a RunDir>,
    lines: String,
    /// The line that says that the run is over, which is written last.
    end: Option<String>,
}

impl Told<'_> {
    /// Writes that the run is over.
    fn end(&mut self) {
        self.lines += &self.end.take().unwrap_or_default();
        self.flush();
    }

    fn flush(&mut self) {
        let Some(log) = self.log.filter(|_| !self.lines.is_empty()) else { return };
        if let Err(error) = log.append_event(self.lines.trim_end_matches('\n')) {
            let message = format!("the log of this run is incomplete: {error}");
            self.screen.report(&Event { at_ms: now_ms(), what: What::Warned { message } });
        }
        self.lines.clear();
    }
}

impl Reporter for Told<'_> {
    fn report(&mut self, event: &Event) {
        self.screen.report(event);
        let line = crate::event::log_line(event);
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

/// History that is read only when something is stale.
struct LazyHistory<'a> {
    store: &'a Store,
    experiment: &'a str,
    read: OnceLock<Option<StoredHistory<'a>>>,
}

impl LazyHistory<'_> {
    fn get(&self) -> Option<&StoredHistory<'_>> {
        self.read.get_or_init(|| StoredHistory::read(self.store, self.experiment).ok()).as_ref()
    }
}

impl History for LazyHistory<'_> {
    fn namesake(&self, name: &str) -> Option<&Earlier> {
        self.get()?.namesake(name)
    }

    fn neighbours(&self, name: &str, stage: &str) -> Vec<&Earlier> {
        self.get().map_or_else(Vec::new, |history| history.neighbours(name, stage))
    }

    fn manifest(&self, fingerprint: &Fingerprint) -> Option<(Arc<KeyManifest>, u64)> {
        self.get()?.manifest(fingerprint)
    }
}
