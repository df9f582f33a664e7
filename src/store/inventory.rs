//! How much lies where, and making the index anew from it.

use serde::Serialize;

use super::error::{StoreError, failed};
use super::index::Table;
use super::layout::Area;
use super::lookup::entry;
use super::{Store, disk, rows};

/// Files and their size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct AreaSize {
    /// The number of files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// The size of each part of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SizeReport {
    /// Blobs.
    pub objects: AreaSize,
    /// Records.
    pub actions: AreaSize,
    /// Journals and packs.
    pub rows: AreaSize,
    /// Logs of runs, and the roots.
    pub runs: AreaSize,
    /// Saved training state.
    pub partial: AreaSize,
    /// Every user's index.
    pub index: AreaSize,
    /// What was collected or put into quarantine but not yet deleted.
    pub trash: AreaSize,
    /// Temporary files and leases.
    pub temporary: AreaSize,
}

impl SizeReport {
    /// Returns the size of everything.
    pub fn total(&self) -> AreaSize {
        let Self { objects, actions, rows, runs, partial, index, trash, temporary } = *self;
        [objects, actions, rows, runs, partial, index, trash, temporary].into_iter().fold(
            AreaSize::default(),
            |sum, area| AreaSize { files: sum.files + area.files, bytes: sum.bytes + area.bytes },
        )
    }
}

/// What an index made anew knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RebuildReport {
    /// Actions with a valid record.
    pub actions: u64,
    /// Packs of rows.
    pub packs: u64,
}

impl Store {
    /// Measures the cache.
    pub fn size(&self) -> Result<SizeReport, StoreError> {
        let mut report = SizeReport::default();
        for area in Area::ALL {
            let slot = match area {
                Area::Objects => &mut report.objects,
                Area::Actions | Area::Heads | Area::Signatures | Area::Evicted => &mut report.actions,
                Area::Rows => &mut report.rows,
                Area::Runs | Area::Roots => &mut report.runs,
                Area::Partial => &mut report.partial,
                Area::Index => &mut report.index,
                Area::Trash => &mut report.trash,
                Area::Tmp | Area::Leases => &mut report.temporary,
            };
            disk::visit_files(&self.core.files.layout.area(area), &mut |_, stamp| {
                slot.files += 1;
                slot.bytes += stamp.bytes();
            })
            .map_err(failed("measure the cache"))?;
        }
        Ok(report)
    }

    /// Empties the index and fills it from the files; `progress` hears the actions done and to be done.
    ///
    /// What was known to be verified is forgotten as well, so every blob is hashed again when it is next read.
    pub fn rebuild_index(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<RebuildReport, StoreError> {
        let core = &*self.core;
        let mut report = RebuildReport::default();
        core.index.clear();
        let actions = core.files.list_actions()?;
        let total = actions.len() as u64;
        for (done, fingerprint) in actions.iter().enumerate() {
            core.files.tidy_head(fingerprint).map_err(failed("tidy the heads"))?;
            let folder = disk::stamp_at(&core.files.layout.records_of(fingerprint));
            let first = core.files.records(fingerprint)?.into_iter().next();
            if let (Some(folder), Some((id, record, file))) = (folder, first) {
                core.index.put(Table::Records, vec![entry(fingerprint, &record.summary(id), &folder, &file)]);
                report.actions += 1;
            }
            progress(done as u64 + 1, total);
        }
        for kind in rows::kinds(&core.files).map_err(failed("list rows"))? {
            report.packs += rows::rebuild(core, &kind).map_err(failed("list rows"))? as u64;
        }
        core.index.flush();
        Ok(report)
    }

    /// Tells whether what the index learns outlives this process.
    pub fn index_is_kept(&self) -> bool {
        self.core.index.is_kept()
    }
}
