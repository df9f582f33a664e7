//! What is put into a remote: records and the logs of runs.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Remote;
use super::backend::{Backend, Put, unsound};
use crate::disk;
use crate::files::Files;
use crate::head::WholeRecord;
use crate::run::{self, RunId, RunInfo};
use retort_fingerprint::{Digest, Fingerprint};

/// A larger log of a run stays where it is.
const RUN_FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

impl Remote {
    /// Says that a blob is not there on purpose.
    pub(crate) fn mark_evicted(&self, digest: &Digest) -> Option<()> {
        let digest = *digest;
        self.ask("say that a blob is not kept", move |backend| backend.mark_evicted(&digest))
    }

    /// Puts a record there, whose blobs are there already; that it `is_first` of its action is a guess.
    pub(crate) fn put_record(
        &self,
        here: &Files,
        fingerprint: &Fingerprint,
        mut record: WholeRecord,
        is_first: bool,
    ) -> Option<Put> {
        record.signatures = here.signatures(record.id);
        let fingerprint = *fingerprint;
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        self.ask_moving("put a result", Some(&moved), move |backend| {
            backend.put_record(&fingerprint, &record, is_first, &counter)
        })
    }

    /// Puts the log of a run there, which keeps its results from being collected.
    pub(crate) fn put_run(&self, here: &Files, run: &RunId) -> Option<Put> {
        let (from, run) = (here.layout.run(run.as_str()), run.clone());
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        self.ask_sending("put the log of a run", &moved, move |backend| put_run(backend, &from, &run, &counter))
    }

    /// Makes durable what was put there.
    pub(crate) fn sync(&self) {
        let moved = Arc::new(AtomicU64::new(0));
        self.ask_moving("make durable what was put", Some(&moved), |backend| backend.sync());
    }
}

fn put_run(backend: &dyn Backend, from: &Path, run: &RunId, moved: &AtomicU64) -> io::Result<Put> {
    let mut info = None;
    for name in run::FILES {
        let Some((bytes, _)) = disk::read_small(&from.join(name), RUN_FILE_BYTES_MAX)? else { continue };
        backend.put_run_file(run, name, &bytes)?;
        moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        info = info.or_else(|| serde_json::from_slice(&bytes).ok());
    }
    let info: RunInfo = info.ok_or_else(|| unsound(format!("run `{run}` has no description")))?;
    backend.put_root(&info.user, run, &info.experiment)?;
    Ok(Put::New(moved.load(Ordering::Relaxed)))
}
