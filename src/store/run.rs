//! Runs: what was asked for when, what happened, and which action each instance had.
//!
//! A run's folder holds `run.json`, `events.jsonl` and `instances.jsonl`. A file of the same name under the user's roots
//! says that the run's results are to be kept.

use std::fmt;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fs_err::File;
use serde::{Deserialize, Serialize};

use super::disk;
use super::disk::{Locked, Locking, Opened};
use super::error::{StoreError, failed};
use super::files::Files;
use super::layout::Area;
use super::session::{TempFile, unique};
use retort_fingerprint::Fingerprint;

/// Names a run: the time of its start and six digits of chance, so that names sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(String);

impl RunId {
    /// Reads a name as [`RunId`] writes it, such as `20260713-101502-123-4f2a9c`.
    pub fn parse(text: &str) -> Option<Self> {
        const LENGTHS: [usize; 4] = [8, 6, 3, 6];
        let parts: Vec<&str> = text.split('-').collect();
        let fits = |(part, length): (&&str, usize)| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
        };
        (parts.len() == LENGTHS.len() && parts.iter().zip(LENGTHS).all(fits)).then(|| Self(text.to_owned()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(now_ms: u64, chance: &str) -> Self {
        let time = jiff::Timestamp::from_millisecond(now_ms.cast_signed()).unwrap_or_default();
        Self(format!("{}-{:03}-{}", time.strftime("%Y%m%d-%H%M%S"), now_ms % 1000, &chance[..6]))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What `run.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The version of this file; 1.
    pub run: u32,
    /// The experiment's name.
    pub experiment: String,
    /// Who ran it.
    pub user: String,
    /// On which machine.
    pub host: String,
    /// With which program.
    pub program: String,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: u64,
}

/// How an instance of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Its result was there already.
    Hit,
    /// It was made in this run.
    Made,
    /// It failed.
    Failed,
}

/// One instance of a run and its action, as `explain` compares it later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceEntry {
    /// The instance's name, such as `masked[fraction=0.4]`.
    pub name: String,
    /// The stage's name.
    pub stage: String,
    /// The action.
    pub fingerprint: Fingerprint,
    /// How it ended.
    pub outcome: Outcome,
}

/// What is known of a run that somebody else may have recorded, and elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Its name.
    pub id: RunId,
    /// Who ran what and when.
    pub info: RunInfo,
    /// What became of instances, in the order in which it was recorded.
    pub instances: Vec<InstanceEntry>,
}

/// The files of a run that tell what it needed, and what happened.
pub(super) const FILES: [&str; 3] = [INFO, "instances.jsonl", "events.jsonl"];
const INFO: &str = "run.json";

/// The folder of one run.
#[derive(Debug)]
pub struct RunDir {
    id: RunId,
    folder: PathBuf,
    info: RunInfo,
    appending: Mutex<Option<File>>,
    /// The lock on `run.json` of whoever runs it: how others see that it is at work.
    _at_work: Option<Locked>,
}

const VERSION: u32 = 1;
const INFO_BYTES_MAX: u64 = 64 * 1024;

/// A run whose log has not grown for this long has ended, however it did.
const SILENT_AFTER_MS: u64 = 3600 * 1000;

/// By how much the clocks of two machines may differ.
const CLOCKS_DIFFER_MS: u64 = 24 * 3600 * 1000;

/// How often a lock is asked for that others only hold for a moment.
const LOCK_ATTEMPTS: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// The end of a log that is looked through for the end of the run.
const TAIL_BYTES: u64 = 64 * 1024;

/// A larger log is not read back.
const LOG_BYTES_MAX: u64 = 1024 * 1024 * 1024;

impl Files {
    pub(super) fn new_run(&self, experiment: &str) -> Result<RunDir, StoreError> {
        self.require_writable("record a run")?;
        let failed = self.write_failed("record a run", 0);
        let info = RunInfo {
            run: VERSION,
            experiment: experiment.to_owned(),
            user: self.user.clone(),
            host: self.host.clone(),
            program: self.program.clone(),
            started_at_ms: self.now_ms(),
        };
        let (id, folder) = loop {
            let id = RunId::new(info.started_at_ms, &unique(experiment));
            let folder = self.layout.area(Area::Runs).join(id.as_str());
            if !folder.exists() {
                disk::make_folder(&folder).map_err(&failed)?;
                break (id, folder);
            }
        };
        let text = serde_json::to_vec(&info).map_err(std::io::Error::other).map_err(&failed)?;
        write_whole(self, &folder.join(INFO), &text).map_err(&failed)?;
        write_whole(self, &self.layout.roots_of(&self.user).join(id.as_str()), experiment.as_bytes())
            .map_err(&failed)?;
        let at_work = lock(&folder.join(INFO)).map_err(&failed)?;
        Ok(RunDir { id, folder, info, appending: Mutex::new(None), _at_work: at_work })
    }

    pub(super) fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        let names = disk::names(&self.layout.area(Area::Runs)).map_err(failed("list runs"))?;
        let ids = names.iter().filter_map(|name| RunId::parse(name));
        let latest = RunId::new(self.now_ms().saturating_add(CLOCKS_DIFFER_MS), "ffffff");
        let (past, mut sorted): (Vec<_>, Vec<_>) = ids.partition(|id| *id <= latest);
        sorted.extend(past);
        Ok(sorted)
    }

    pub(super) fn open_run(&self, id: &RunId) -> Result<RunDir, StoreError> {
        let missing = || StoreError::NoSuchRun { run: id.to_string() };
        let folder = self.layout.area(Area::Runs).join(id.as_str());
        let info = disk::read_small(&folder.join(INFO), INFO_BYTES_MAX).map_err(failed("open a run"))?;
        let (info, _) = info.ok_or_else(missing)?;
        let info = read_info(&info).ok_or_else(missing)?;
        Ok(RunDir { id: id.clone(), folder, info, appending: Mutex::new(None), _at_work: None })
    }
}

impl RunSummary {
    /// Reads a run's files; `None` when it is not there or its `run.json` cannot be read.
    pub(super) fn read(
        id: &RunId,
        file: impl Fn(&str, u64) -> std::io::Result<Option<Vec<u8>>>,
    ) -> std::io::Result<Option<Self>> {
        let [info, instances, _] = FILES;
        let Some(info) = file(info, INFO_BYTES_MAX)?.and_then(|bytes| read_info(&bytes)) else { return Ok(None) };
        let lines = file(instances, LOG_BYTES_MAX)?.map(|bytes| lines_of(&bytes)).unwrap_or_default();
        Ok(Some(Self { id: id.clone(), info, instances: entries_of(&lines) }))
    }
}

impl RunDir {
    /// Reads what is known of the run.
    pub fn summary(&self) -> Result<RunSummary, StoreError> {
        Ok(RunSummary { id: self.id.clone(), info: self.info.clone(), instances: self.instances()? })
    }

    /// Returns the run's name.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// Returns who ran what and when.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// Returns the run's folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Appends one event, a line of JSON without its line end.
    pub fn append_event(&self, line: &str) -> Result<(), StoreError> {
        let mut appending = self.appending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut append = || {
            if appending.is_none() {
                *appending = Some(disk::append(&self.folder.join("events.jsonl"))?.0);
            }
            let whole = format!("{line}\n");
            appending.as_mut().map_or(Ok(()), |file| file.write_all(whole.as_bytes()))
        };
        append().map_err(failed("log an event"))
    }

    /// Reads the events, one line each; a line that a killed process did not end is left out.
    pub fn events(&self) -> Result<Vec<String>, StoreError> {
        whole_lines(&self.folder.join("events.jsonl"))
    }

    /// Returns when the run was recorded, in milliseconds since 1970 by the clock of the file system.
    pub(super) fn written_ms(&self) -> u64 {
        disk::stamp_at(&self.folder.join(INFO)).map_or(0, |stamp| stamp.modified_ms())
    }

    /// Tells whether the run has not ended. One that was killed has: its lock is free, or, where locks do not reach, its log has
    /// not grown for an hour.
    pub(super) fn is_at_work(&self, host: &str, now_ms: u64) -> bool {
        let log = self.folder.join("events.jsonl");
        let has_finished = || {
            let mut file = disk::open_input(&log)?;
            let bytes = file.metadata()?.len();
            file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES)))?;
            let mut tail = Vec::new();
            file.take(TAIL_BYTES).read_to_end(&mut tail)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&tail).contains("\"event\":\"run-finished\""))
        };
        if has_finished().unwrap_or(false) {
            return false;
        }
        let locking = disk::open_plain(&self.folder.join(INFO)).ok().and_then(|opened| match opened {
            Opened::Regular(file, _) => Some(Locked::try_new(file)),
            Opened::Absent | Opened::Odd => None,
        });
        match locking {
            Some(Locking::Busy(_)) => true,
            Some(Locking::Taken(_)) if self.info.host == host => false,
            Some(Locking::Taken(_) | Locking::Unsupported(_)) | None => {
                let written_ms = disk::stamp_at(&log).map_or(self.info.started_at_ms, |stamp| stamp.newest_ms());
                let since_ms = now_ms.saturating_sub(written_ms);
                since_ms < SILENT_AFTER_MS && written_ms <= now_ms.saturating_add(CLOCKS_DIFFER_MS)
            }
        }
    }

    /// Appends what became of instances.
    pub fn record_instances(&self, entries: &[InstanceEntry]) -> Result<(), StoreError> {
        let failed = failed("record instances");
        let mut text = Vec::with_capacity(entries.len() * 160);
        for entry in entries {
            serde_json::to_writer(&mut text, entry).map_err(|error| failed(error.into()))?;
            text.push(b'\n');
        }
        let (mut file, _) = disk::append(&self.folder.join("instances.jsonl")).map_err(&failed)?;
        file.write_all(&text).map_err(&failed)
    }

    /// Reads what became of instances, in the order in which it was recorded. A name may come more than once: the last
    /// entry counts.
    pub fn instances(&self) -> Result<Vec<InstanceEntry>, StoreError> {
        Ok(entries_of(&whole_lines(&self.folder.join("instances.jsonl"))?))
    }
}

fn whole_lines(path: &Path) -> Result<Vec<String>, StoreError> {
    let Some((bytes, _)) = disk::read_small(path, LOG_BYTES_MAX).map_err(failed("read a run's log"))? else {
        return Ok(Vec::new());
    };
    Ok(lines_of(&bytes))
}

fn lines_of(bytes: &[u8]) -> Vec<String> {
    let ended = bytes.iter().rposition(|&byte| byte == b'\n').map_or(&bytes[..0], |end| &bytes[..end]);
    String::from_utf8_lossy(ended).lines().map(str::to_owned).collect()
}

fn entries_of(lines: &[String]) -> Vec<InstanceEntry> {
    lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn read_info(bytes: &[u8]) -> Option<RunInfo> {
    serde_json::from_slice(bytes).ok().filter(|info: &RunInfo| info.run == VERSION)
}

/// Locks the file by which a run is seen to be at work; `None` where there are no locks, and its log tells.
fn lock(path: &Path) -> std::io::Result<Option<Locked>> {
    for _ in 0..LOCK_ATTEMPTS {
        match Locked::try_new(File::open(path)?) {
            Locking::Taken(lock) => return Ok(Some(lock)),
            Locking::Unsupported(_) => return Ok(None),
            // Somebody is just looking whether it is at work.
            Locking::Busy(_) => std::thread::sleep(LOCK_PAUSE),
        }
    }
    Ok(None)
}

fn write_whole(files: &Files, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temp: TempFile = files.temp()?;
    disk::create_new(temp.path(), disk::GROWING)?.write_all(bytes)?;
    temp.persist(path)
}
