//! What is put into a layer: blobs, claims and the records of runs. Nothing that is there already is touched.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fs_err::File;

use super::Layer;
use super::read::{Copied, Expected, copy};
use crate::fingerprint::Fingerprint;
use crate::store::BlobRef;
use crate::store::disk;
use crate::store::head::WholeClaim;
use crate::store::open::Core;
use crate::store::run::RunId;

/// What came of putting something into a layer.
#[derive(Debug)]
pub(super) enum Put {
    /// It is there now; so many bytes were moved.
    New(u64),
    /// It was there already.
    There,
    /// It was not put there; why.
    Refused(String),
}

/// The files of a run that tell what it needed, and what happened.
const RUN_FILES: [&str; 3] = ["run.json", "instances.jsonl", "events.jsonl"];

/// A larger log of a run stays where it is.
const RUN_FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

impl Layer {
    /// Puts a blob there from its file here.
    pub(super) fn put_blob(&self, here: &Core, blob: BlobRef) -> Option<Put> {
        let from = here.layout.blob(&blob.digest);
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        self.ask_moving("put a blob", Some(&moved), move |core| put_blob(core, &from, blob, &counter))
    }

    /// Puts a claim there, whose blobs are there already.
    pub(super) fn put_claim(&self, here: &Core, fingerprint: &Fingerprint, mut claim: WholeClaim) -> Option<Put> {
        claim.signatures = here.signatures(claim.id);
        let fingerprint = *fingerprint;
        self.ask("put a result", move |core| {
            let path = core.layout.claim(&fingerprint, &claim.id.0);
            if matches!(core.whole_claim(&fingerprint, claim.id), Ok(Some(_))) {
                core.keep_signatures(claim.id, &claim.signatures)?;
                core.put_head(&fingerprint, &path)?;
                return Ok(Put::There);
            }
            require_folders(&path)?;
            core.keep_claim(&fingerprint, &claim)?;
            Ok(Put::New(claim.bytes.len() as u64))
        })
    }

    /// Puts the record of a run there, which keeps its results from being collected.
    pub(super) fn put_run(&self, here: &Core, run: &RunId) -> Option<Put> {
        let (from, run) = (here.layout.run(run.as_str()), run.clone());
        self.ask("put the record of a run", move |core| put_run(core, &from, &run))
    }

    /// Makes durable what was put there.
    pub(super) fn sync(&self) {
        let moved = Arc::new(AtomicU64::new(0));
        self.ask_moving("make durable what was put", Some(&moved), |core| {
            // A server that cannot be told makes a file durable when it is closed.
            disk::sync_file_system(&File::open(core.layout.root())?);
            Ok(())
        });
    }
}

fn put_blob(core: &Core, from: &Path, blob: BlobRef, moved: &AtomicU64) -> io::Result<Put> {
    let to = core.layout.blob(&blob.digest);
    if core.blob_bytes(&blob.digest) == Some(blob.bytes) {
        return Ok(Put::There);
    }
    require_folders(&to)?;
    let temp = core.temp()?;
    let expected = Expected { bytes: Some(blob.bytes), bytes_max: u64::MAX };
    match copy(from, &blob.digest, expected, temp.path(), moved)? {
        Copied::Whole(bytes) => {
            temp.persist(&to)?;
            Ok(Put::New(bytes))
        }
        Copied::Absent => Ok(Put::Refused("it is not in the cache".to_owned())),
        Copied::Refused(why) => Ok(Put::Refused(why)),
        Copied::Unwritten(error) => Err(error),
    }
}

fn put_run(core: &Core, from: &Path, run: &RunId) -> io::Result<Put> {
    let folder = core.layout.run(run.as_str());
    require_folders(&folder.join("run.json"))?;
    disk::make_folder(&folder)?;
    let moved = AtomicU64::new(0);
    let mut info = None;
    for name in RUN_FILES {
        let Some((bytes, _)) = disk::read_small(&from.join(name), RUN_FILE_BYTES_MAX)? else { continue };
        put_small(core, &folder.join(name), &bytes)?;
        moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        info = info.or_else(|| serde_json::from_slice(&bytes).ok());
    }
    let info: crate::store::run::RunInfo =
        info.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, format!("run `{run}` has no description")))?;
    put_small(core, &core.layout.roots_of(&info.user).join(run.as_str()), info.experiment.as_bytes())?;
    Ok(Put::New(moved.into_inner()))
}

/// Writes a file of a run, which grows until the run has ended.
fn put_small(core: &Core, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temp = core.temp()?;
    disk::create_new(temp.path(), disk::GROWING)?.write_all(bytes)?;
    temp.persist(path)
}

/// Refuses to write where a link leads elsewhere: the two folders above a file are to be folders, where they are there.
pub(super) fn require_folders(path: &Path) -> io::Result<()> {
    let odd = |folder: &Path| fs_err::symlink_metadata(folder).is_ok_and(|found| !found.is_dir());
    match path.ancestors().skip(1).take(2).find(|folder| odd(folder)).map(PathBuf::from) {
        None => Ok(()),
        Some(folder) => {
            let why = format!("`{}` is not a folder, so nothing is written there", folder.display());
            Err(io::Error::new(ErrorKind::InvalidData, why))
        }
    }
}
