//! Collecting what no recent run of anybody needs.
//!
//! Everything is marked from the roots: the actions that each user's recent runs and all runs at work recorded, and
//! whatever is younger than the grace period. The rest moves to the trash, records before their blobs, and leaves the
//! trash when the grace period has passed once more. Reading a blob that was collected by mistake says that it is
//! missing, and its producer runs again, so nothing here has to be perfectly timed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::cache::Core;
use super::error::{StoreError, failed};
use super::index::Table;
use super::layout::Area;
use super::record::RecordId;
use super::run::{RunDir, RunId};
use super::session::{self, unique};
use super::{Store, disk, partial, rows, trash};
use retort_fingerprint::{Digest, Fingerprint};

/// What [`Store::gc`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GcOptions {
    /// So many last runs of each user's each experiment are kept.
    pub keep_runs: usize,
    /// Younger runs and saved training state are kept in any case.
    pub keep_for: Duration,
    /// What was written within this time is kept, and trash is kept for as long.
    pub grace: Duration,
    /// Nothing is touched; the report says what would happen.
    pub dry_run: bool,
}

impl Default for GcOptions {
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self { keep_runs: 3, keep_for: 14 * DAY, grace: DAY, dry_run: false }
    }
}

/// What was collected, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct GcReport {
    /// Nothing was touched.
    pub dry_run: bool,
    /// Records that stay.
    pub kept_records: u64,
    /// Blobs that stay.
    pub kept_blobs: u64,
    /// The size of the blobs that stay.
    pub kept_bytes: u64,
    /// Records moved to the trash.
    pub removed_records: u64,
    /// Blobs moved to the trash.
    pub removed_blobs: u64,
    /// Runs moved to the trash.
    pub removed_runs: u64,
    /// Saved training states moved to the trash.
    pub removed_partials: u64,
    /// The size of everything moved to the trash.
    pub removed_bytes: u64,
    /// How long making the removed results took.
    pub recompute_ms: u64,
    /// The size of what left the trash for good.
    pub trash_bytes: u64,
    /// Packs of rows that were merged into larger ones.
    pub merged_packs: u64,
}

/// One collection under way.
struct Sweep<'a> {
    core: &'a Core,
    options: GcOptions,
    now_ms: u64,
    /// Since when a run is at work, by the clock of the file system: what was written since may be needed by it.
    at_work_since_ms: Option<u64>,
    trash: PathBuf,
    report: GcReport,
}

impl Store {
    /// Collects what no recent run needs; `progress` hears how many of the actions and blobs were looked at.
    pub fn gc(&self, options: GcOptions, progress: &mut dyn FnMut(u64, u64)) -> Result<GcReport, StoreError> {
        let core = &*self.core;
        if !options.dry_run {
            core.files.require_writable("collect garbage")?;
        }
        let trash = core.files.layout.area(Area::Trash).join(format!("{}{}", trash::COLLECTION, unique("gc")));
        let report = GcReport { dry_run: options.dry_run, ..GcReport::default() };
        let mut sweep = Sweep { core, options, now_ms: core.files.now_ms(), at_work_since_ms: None, trash, report };
        // Listed before the roots are read: what is published meanwhile is not among the candidates.
        let (blobs, _) = core.files.list_blobs()?;
        let actions = core.files.list_actions()?;
        let total = (blobs.len() + actions.len()) as u64;
        let mut done = 0;
        let marked = sweep.runs()?;
        let mut needed = BTreeSet::new();
        sweep.partials(&marked, &mut needed)?;
        for fingerprint in actions {
            sweep.action(&fingerprint, marked.contains(&fingerprint), &mut needed)?;
            done += 1;
            progress(done, total);
        }
        for blob in blobs {
            if needed.contains(&blob.digest) || sweep.may_be_needed(blob.stamp.newest_ms(), options.grace) {
                sweep.report.kept_blobs += 1;
                sweep.report.kept_bytes += blob.stamp.bytes();
            } else {
                sweep.discard(&blob.path, &format!("objects/{}", blob.digest), blob.stamp.bytes())?;
                sweep.report.removed_blobs += 1;
                sweep.forget(Table::Verified, blob.digest.as_bytes());
            }
            done += 1;
            progress(done, total);
        }
        if !options.dry_run {
            core.files.sweep_marks(&needed)?;
        }
        sweep.empty_trash()?;
        sweep.tidy()?;
        Ok(sweep.report)
    }
}

impl Sweep<'_> {
    fn is_young(&self, written_ms: u64, kept_for: Duration) -> bool {
        written_ms.saturating_add(kept_for.as_millis() as u64) > self.now_ms
    }

    /// As [`is_young`](Self::is_young), and also for what was written while a run is at work.
    fn may_be_needed(&self, written_ms: u64, kept_for: Duration) -> bool {
        self.is_young(written_ms, kept_for) || self.at_work_since_ms.is_some_and(|since_ms| written_ms >= since_ms)
    }

    /// Decides which runs stay, discards the others, and returns the actions that are needed.
    fn runs(&mut self) -> Result<BTreeSet<Fingerprint>, StoreError> {
        let core = self.core;
        let failed = failed("read the roots");
        let mut marked: BTreeSet<Fingerprint> = core.files.live_leases()?.into_iter().collect();
        let mut rooted: BTreeMap<RunId, PathBuf> = BTreeMap::new();
        let roots = core.files.layout.area(Area::Roots);
        for user in disk::names(&roots).map_err(&failed)? {
            for name in disk::names(&roots.join(&user)).map_err(&failed)? {
                if let Some(id) = RunId::parse(&name) {
                    rooted.insert(id, roots.join(&user).join(&name));
                }
            }
        }
        let mut kept: BTreeMap<(String, String), usize> = BTreeMap::new();
        for id in core.files.runs()?.into_iter().rev() {
            let path = core.files.layout.run(id.as_str());
            let written_ms = disk::stamp_at(&path).map_or(0, |stamp| stamp.newest_ms());
            let run = core.files.open_run(&id).ok();
            let is_recent = |run: &RunDir| {
                let count = kept.entry((run.info().user.clone(), run.info().experiment.clone())).or_default();
                *count += 1;
                *count <= self.options.keep_runs
            };
            let is_recent = rooted.contains_key(&id) && run.as_ref().is_some_and(is_recent);
            let is_at_work = run.as_ref().is_some_and(|run| run.is_at_work(&core.files.host, self.now_ms));
            if is_at_work {
                let begun_ms = run.as_ref().map_or(0, RunDir::written_ms);
                self.at_work_since_ms = Some(self.at_work_since_ms.map_or(begun_ms, |since_ms| since_ms.min(begun_ms)));
            }
            if is_recent || is_at_work || self.is_young(written_ms, self.options.keep_for.max(self.options.grace)) {
                if let Some(run) = &run {
                    marked.extend(run.instances()?.into_iter().map(|entry| entry.fingerprint));
                }
                continue;
            }
            let bytes = tree_bytes(&path)?;
            if let Some(root) = rooted.get(&id) {
                let user = root.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
                self.discard(root, &format!("roots/{user}/{id}"), 0)?;
            }
            self.discard(&path, &format!("runs/{id}"), bytes)?;
            self.report.removed_runs += 1;
        }
        Ok(marked)
    }

    /// Keeps or discards saved training states, and notes the parts of results to come of those that stay.
    fn partials(&mut self, marked: &BTreeSet<Fingerprint>, needed: &mut BTreeSet<Digest>) -> Result<(), StoreError> {
        let folder = self.core.files.layout.area(Area::Partial);
        let leased: BTreeSet<Fingerprint> = self.core.files.live_leases()?.into_iter().collect();
        for name in disk::names(&folder).map_err(failed("list training state"))? {
            let path = folder.join(&name);
            let Ok(fingerprint) = name.parse::<Fingerprint>() else { continue };
            let is_done = self.core.files.layout.records_of(&fingerprint).is_dir();
            let kept_for = if is_done { self.options.grace } else { self.options.keep_for.max(self.options.grace) };
            let written_ms = disk::stamp_at(&path).map_or(0, |stamp| stamp.newest_ms());
            let is_wanted = leased.contains(&fingerprint) || (marked.contains(&fingerprint) && !is_done);
            if is_wanted || self.may_be_needed(written_ms, kept_for) {
                let kept = partial::kept_parts(&path).map_err(failed("list kept parts"))?;
                needed.extend(kept.into_values().map(|blob| blob.digest));
                continue;
            }
            let bytes = tree_bytes(&path)?;
            self.discard(&path, &format!("partial/{name}"), bytes)?;
            self.report.removed_partials += 1;
        }
        Ok(())
    }

    /// Keeps or discards an action's records, and notes the blobs of those that stay.
    fn action(
        &mut self,
        fingerprint: &Fingerprint,
        is_marked: bool,
        needed: &mut BTreeSet<Digest>,
    ) -> Result<(), StoreError> {
        let (valid, _) = self.core.files.read_records(fingerprint)?;
        let known: BTreeSet<String> = valid.iter().map(|(id, ..)| id.to_string()).collect();
        let folder = self.core.files.layout.records_of(fingerprint);
        for (id, record, stamp) in valid {
            if is_marked || self.may_be_needed(stamp.newest_ms(), self.options.grace) {
                self.report.kept_records += 1;
                needed.extend(record.outputs.values().map(|blob| blob.digest));
                continue;
            }
            let RecordId(digest) = id;
            self.discard_record(&folder, &digest.hex(), stamp.bytes())?;
            self.report.removed_records += 1;
            self.report.recompute_ms += record.took_ms;
            self.forget(Table::Records, fingerprint.as_bytes());
        }
        for name in disk::names(&folder).map_err(failed("list records"))? {
            let Some(stamp) = disk::stamp_at(&folder.join(&name)) else { continue };
            // What is no valid record is of no use to anyone, needed or not.
            if !known.contains(&name) && !self.is_young(stamp.newest_ms(), self.options.grace) {
                self.discard_record(&folder, &name, stamp.bytes())?;
            }
        }
        if !self.options.dry_run {
            // Fails as long as a record is left, which is just what is wanted.
            let _ = fs_err::remove_dir(&folder);
            self.core.files.tidy_head(fingerprint).map_err(failed("tidy the heads"))?;
        }
        Ok(())
    }

    fn discard_record(&mut self, folder: &Path, name: &str, bytes: u64) -> Result<(), StoreError> {
        let action = folder.file_name().unwrap_or_default().to_string_lossy();
        self.discard(&folder.join(name), &format!("actions/{action}/{name}"), bytes)?;
        let Ok(record) = name.parse() else { return Ok(()) };
        let signatures = self.core.files.layout.signatures_of(&record);
        if !signatures.is_dir() {
            return Ok(());
        }
        let bytes = tree_bytes(&signatures)?;
        self.discard(&signatures, &format!("signatures/{name}"), bytes)
    }

    /// Moves a file or folder to the trash.
    fn discard(&mut self, path: &Path, name: &str, bytes: u64) -> Result<(), StoreError> {
        self.report.removed_bytes += bytes;
        if self.options.dry_run {
            return Ok(());
        }
        match disk::rename(path, &self.trash.join(name)) {
            // A neighbour's collection was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(failed("move to the trash")),
        }
    }

    fn forget(&self, table: Table, key: &[u8]) {
        if !self.options.dry_run {
            self.core.index.remove(table, key);
        }
    }

    /// Deletes what has been in the trash, or in quarantine, for longer than the grace period.
    fn empty_trash(&mut self) -> Result<(), StoreError> {
        let failed = failed("empty the trash");
        let (trash, quarantine) = (self.core.files.layout.area(Area::Trash), self.core.files.layout.quarantine());
        let mut paths: Vec<PathBuf> = Vec::new();
        for folder in [&trash, &quarantine] {
            let names = disk::names(folder).map_err(&failed)?;
            paths.extend(names.iter().filter(|name| session::is_unique(name)).map(|name| folder.join(name)));
        }
        // Not what was just put there, however little grace there is: it could never be brought back.
        let stays = |path: &PathBuf| *path == quarantine || *path == self.trash;
        for path in paths.into_iter().filter(|path| !stays(path)) {
            let Some(stamp) = disk::stamp_at(&path) else { continue };
            if self.is_young(stamp.newest_ms(), self.options.grace) {
                continue;
            }
            self.report.trash_bytes += if path.is_dir() { tree_bytes(&path)? } else { stamp.bytes() };
            if !self.options.dry_run {
                disk::remove_tree(&path).map_err(&failed)?;
            }
        }
        Ok(())
    }

    /// Merges packs, and removes leases and temporary files that nobody holds.
    fn tidy(&mut self) -> Result<(), StoreError> {
        if self.options.dry_run {
            return Ok(());
        }
        let core = self.core;
        core.files.sweep_leases()?;
        for left in session::abandoned(&core.files.layout, &core.files.host, self.now_ms)
            .map_err(failed("sweep temporary files"))?
        {
            disk::remove_tree(&left).map_err(failed("sweep temporary files"))?;
        }
        for kind in rows::kinds(&core.files).map_err(failed("merge packs"))? {
            self.report.merged_packs +=
                rows::compact(core, &kind).map_err(core.files.write_failed("merge packs", 0))? as u64;
        }
        Ok(())
    }
}

fn tree_bytes(path: &Path) -> Result<u64, StoreError> {
    let mut bytes = 0;
    disk::visit_files(path, &mut |_, stamp| bytes += stamp.bytes()).map_err(failed("measure a folder"))?;
    Ok(bytes)
}
