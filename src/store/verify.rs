//! Checking everything in the cache against its name or checksum.

use std::path::PathBuf;

use serde::Serialize;

use super::cache::Core;
use super::disk::{self, Opened};
use super::error::{StoreError, failed};
use super::layout::Area;
use super::notice::Notice;
use super::record::RecordId;
use super::session::{self, unique};
use super::stamp::now_ns;
use super::walk::BlobEntry;
use super::{BlobRef, Store, rows};
use retort_fingerprint::{Digest, Fingerprint};

/// What [`Store::verify`] does about what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyOptions {
    /// Moves what is damaged into quarantine, so that the next run makes it anew.
    pub quarantine: bool,
}

/// Something damaged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
}

/// A record's blob that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingBlob {
    /// The action that gave it.
    pub fingerprint: Fingerprint,
    /// The record's name.
    pub record: Digest,
    /// The part of the artifact.
    pub part: String,
    /// The blob's name.
    pub digest: Digest,
}

/// What was found in the whole cache.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct VerifyReport {
    /// Blobs whose bytes are those of their name.
    pub blobs: u64,
    /// Their size.
    pub blob_bytes: u64,
    /// Blobs that are damaged, and files that are no blobs but lie among them.
    pub damaged_blobs: Vec<Damage>,
    /// Valid records.
    pub records: u64,
    /// Records that are ignored.
    pub damaged_records: Vec<Damage>,
    /// Valid records that nobody signed who is trusted, where that is required.
    pub untrusted_records: Vec<Damage>,
    /// Blobs that a valid record names and that are neither here nor in a remote.
    pub missing_blobs: Vec<MissingBlob>,
    /// Blobs that a valid record names and that are not kept on purpose.
    pub evicted_blobs: u64,
    /// Blobs that a valid record names and that only a remote has; they are fetched when they are read.
    pub blobs_elsewhere: u64,
    /// Whole rows.
    pub rows: u64,
    /// Journals and packs that lost rows.
    pub damaged_rows: Vec<Damage>,
    /// Saved training state that cannot be loaded.
    pub damaged_partials: Vec<Damage>,
    /// Folders of temporary files that killed processes left; they are harmless and swept by the next open.
    pub left_temporary: u64,
}

impl VerifyReport {
    /// Tells whether everything that could be served is right and everything named is there.
    pub fn clean(&self) -> bool {
        self.is_undamaged() && self.missing_blobs.is_empty() && self.untrusted_records.is_empty()
    }

    /// Tells whether everything that is there has the bytes it should have.
    pub fn is_undamaged(&self) -> bool {
        self.damaged_blobs.is_empty()
            && self.damaged_records.is_empty()
            && self.damaged_rows.is_empty()
            && self.damaged_partials.is_empty()
    }
}

impl Store {
    /// Hashes every blob again, reads every record, and checks every row; `progress` hears bytes done and to be done.
    pub fn verify(
        &self,
        options: VerifyOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<VerifyReport, StoreError> {
        let core = &self.core;
        if options.quarantine {
            core.files.require_writable("move damaged files into quarantine")?;
        }
        let mut report = VerifyReport::default();
        verify_blobs(core, &mut report, progress)?;
        verify_records(core, &mut report)?;
        verify_rows(core, &mut report)?;
        verify_partials(core, &mut report)?;
        let left = session::abandoned(&core.files.layout, &core.files.host, core.files.now_ms())
            .map_err(failed("list temporary files"))?;
        report.left_temporary = left.len() as u64;
        if options.quarantine {
            let damaged =
                [&report.damaged_blobs, &report.damaged_records, &report.damaged_rows, &report.damaged_partials];
            for damage in damaged.into_iter().flatten() {
                // Of rows, what is sound is kept.
                if let Some(kind) = damage.path.parent().and_then(|kind| core.files.layout.kind_of(kind))
                    && rows::rescue(core, &kind, &damage.path).map_err(failed("keep sound rows"))?
                {
                    continue;
                }
                let name = damage.path.file_name().unwrap_or_default().to_string_lossy();
                let aside = core.files.layout.quarantine().join(format!("{name}.{}", unique("quarantine")));
                disk::rename(&damage.path, &aside).map_err(failed("move a damaged file into quarantine"))?;
            }
        }
        Ok(report)
    }
}

fn verify_blobs(core: &Core, report: &mut VerifyReport, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
    let (blobs, strange) = core.files.list_blobs()?;
    let stray = |path| Damage { path, why: "it is not a blob's name".to_owned() };
    report.damaged_blobs.extend(strange.into_iter().map(stray));
    let total: u64 = blobs.iter().map(|blob| blob.stamp.bytes()).sum();
    let mut done = 0;
    for BlobEntry { digest, path, stamp: listed } in blobs {
        let read_ns = now_ns();
        let found = match disk::open_plain(&path).map_err(failed("verify a blob"))? {
            Opened::Regular(file, stamp) => {
                let (found, bytes) = Digest::of_reader(file).map_err(failed("verify a blob"))?;
                if found == digest {
                    core.judge(&digest, &stamp, BlobRef { digest: found, bytes }, read_ns)?;
                    Ok(bytes)
                } else {
                    Err(format!("its {bytes} bytes have the digest {}", found.short()))
                }
            }
            Opened::Odd => Err("it is not a regular file".to_owned()),
            // Another process collected it since the folder was listed.
            Opened::Absent => continue,
        };
        match found {
            Ok(bytes) => {
                report.blobs += 1;
                report.blob_bytes += bytes;
            }
            Err(why) => report.damaged_blobs.push(Damage { path, why }),
        }
        done += listed.bytes();
        progress(done, total);
    }
    Ok(())
}

fn verify_records(core: &Core, report: &mut VerifyReport) -> Result<(), StoreError> {
    for fingerprint in core.files.list_actions()? {
        let (valid, ignored) = core.files.read_records(&fingerprint)?;
        for notice in ignored {
            if let Notice::RecordIgnored { path, why } = notice {
                report.damaged_records.push(Damage { path, why });
            }
        }
        if let Err(error) = core.files.head(&fingerprint).map_err(|error| error.to_string()) {
            report.damaged_records.push(Damage { path: core.files.layout.head(&fingerprint), why: error });
        }
        for (RecordId(record), content, _) in valid {
            report.records += 1;
            if !core.files.is_trusted(RecordId(record)) {
                let why = format!("made by {}, and signed by nobody who is trusted", content.producer.user);
                report.untrusted_records.push(Damage { path: core.files.layout.record(&fingerprint, &record), why });
            }
            for (part, blob) in content.outputs {
                let is_there = disk::stamp_at(&core.files.layout.blob(&blob.digest)).is_some();
                if !is_there && core.remotes.blob_bytes(&blob.digest) == Some(blob.bytes) {
                    report.blobs_elsewhere += 1;
                } else if !is_there && core.is_evicted(&blob.digest) {
                    report.evicted_blobs += 1;
                } else if !is_there {
                    let digest = blob.digest;
                    report.missing_blobs.push(MissingBlob { fingerprint, record, part, digest });
                }
            }
        }
    }
    Ok(())
}

fn verify_rows(core: &Core, report: &mut VerifyReport) -> Result<(), StoreError> {
    let failed = failed("verify rows");
    for kind in rows::kinds(&core.files).map_err(&failed)? {
        let folder = core.files.layout.rows_of(&kind);
        for name in disk::names(&folder).map_err(&failed)? {
            let path = folder.join(&name);
            let found = if name.ends_with(rows::PACK) {
                rows::inspect_pack(&path, &kind)
            } else if name.ends_with(rows::JOURNAL) {
                rows::inspect_journal(&path)
            } else {
                Err("it is neither a journal nor a pack".to_owned())
            };
            match found {
                Ok(rows) => report.rows += rows,
                // Another store may have sealed or merged it since the folder was listed.
                Err(_) if disk::stamp_at(&path).is_none() => {}
                Err(why) => report.damaged_rows.push(Damage { path, why }),
            }
        }
    }
    Ok(())
}

fn verify_partials(core: &Core, report: &mut VerifyReport) -> Result<(), StoreError> {
    let mut paths = Vec::new();
    disk::visit_files(&core.files.layout.area(Area::Partial), &mut |path, _| paths.push(path.to_owned()))
        .map_err(failed("verify training state"))?;
    for path in paths {
        match super::partial::read_item(&path).map_err(failed("verify training state"))? {
            Some(Ok(_)) | None => {}
            Some(Err(why)) => report.damaged_partials.push(Damage { path, why: why.to_owned() }),
        }
    }
    Ok(())
}
