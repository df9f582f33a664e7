//! Publishing: one thread makes everything that waits durable at once.
//!
//! For each batch: the temporary files are made durable, blobs get their names, then records get theirs, the folders are
//! made durable, and only then does anyone hear of success. A process killed in between leaves temporary files, or blobs
//! that no record names; a record always comes after its blobs.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use fs_err::File;

use super::blob::Pending;
use super::cache::Core;
use super::disk;
use super::error::StoreError;
use super::index::Table;
use super::record::{RecordId, RecordSummary};
use super::session::TempFile;
use super::sharing::PusherHandle;
use super::stamp::now_ns;
use retort_fingerprint::{Digest, Fingerprint};

/// Hears how a publication ended.
pub(super) type Done = Box<dyn FnOnce(Result<RecordId, StoreError>) + Send>;

/// A batch of more waits for the next round.
const BATCH_MAX: usize = 4096;

/// Re-reading a blob of this size to verify it costs more than waiting for the file system's clock to tick.
const LARGE_BYTES: u64 = 16 * 1024 * 1024;

/// The longest tick of a file system's clock that is worth waiting for.
const TICK: Duration = Duration::from_millis(60);

/// The thread that publishes; it ends when the store is dropped, after everything that waits.
pub(super) struct Committer {
    sender: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

pub(super) struct Request {
    pub(super) blobs: Vec<Pending>,
    pub(super) record: TempFile,
    pub(super) fingerprint: Fingerprint,
    pub(super) summary: RecordSummary,
    pub(super) bytes: u64,
    pub(super) done: Done,
}

impl Committer {
    /// Starts the thread; the pusher hears of every result that is durable.
    pub(super) fn new(core: Arc<Core>, pusher: Option<PusherHandle>) -> Self {
        if !core.files.writable {
            return Self { sender: None, thread: None };
        }
        let (sender, receiver) = crossbeam_channel::unbounded();
        let thread = std::thread::Builder::new().name("retort-publish".into()).spawn(move || {
            let published = |fingerprint: &Fingerprint, id: RecordId| {
                if let Some(pusher) = &pusher {
                    pusher.result(*fingerprint, id);
                }
            };
            run(&core, &receiver, &published);
        });
        Self { sender: Some(sender), thread: thread.ok() }
    }

    pub(super) fn hand(&self, request: Request) -> Result<(), StoreError> {
        let sender = self.sender.as_ref().filter(|_| self.thread.is_some()).ok_or(StoreError::CommitterGone)?;
        sender.send(request).map_err(|_| StoreError::CommitterGone)
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Hears of a result that is durable, before its producer does.
type Published<'a> = &'a dyn Fn(&Fingerprint, RecordId);

fn run(core: &Core, receiver: &Receiver<Request>, published: Published<'_>) {
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![first];
        batch.extend(receiver.try_iter().take(BATCH_MAX - 1));
        commit(core, batch, published);
    }
}

/// Commits a batch with two calls for the whole file system, or, where that fails, each request on its own.
///
/// One call costs about as much as making a single file durable, and even a lone record touches up to seven files and
/// folders.
fn commit(core: &Core, batch: Vec<Request>, published: Published<'_>) {
    let root = File::open(core.files.layout.root()).ok();
    let Some(root) = root.filter(disk::sync_file_system) else {
        for request in batch {
            commit_one(core, request, published);
        }
        return;
    };
    let mut named = Vec::new();
    for request in batch {
        let Request { blobs, record, fingerprint, summary, bytes, done } = request;
        let failed = core.files.write_failed("publish a result", bytes);
        match name_files(core, blobs, record, &fingerprint, &summary) {
            Ok(written) => named.push((written, fingerprint, summary, bytes, done)),
            Err(error) => done(Err(failed(error))),
        }
    }
    if disk::sync_file_system(&root) {
        remember(core, named.iter().map(|(written, fingerprint, summary, ..)| (written, fingerprint, summary)));
        for (_, fingerprint, summary, _, done) in named {
            published(&fingerprint, summary.id);
            done(Ok(summary.id));
        }
        return;
    }
    for (written, fingerprint, summary, bytes, done) in named {
        finish_one(core, &written, (&fingerprint, &summary), bytes, done, published);
    }
}

fn commit_one(core: &Core, request: Request, published: Published<'_>) {
    let Request { blobs, record, fingerprint, summary, bytes, done } = request;
    let paths = blobs.iter().map(|pending| pending.temp.path()).chain([record.path()]);
    let written = sync_files(paths).and_then(|()| name_files(core, blobs, record, &fingerprint, &summary));
    match written {
        Ok(written) => finish_one(core, &written, (&fingerprint, &summary), bytes, done, published),
        Err(error) => done(Err(core.files.write_failed("publish a result", bytes)(error))),
    }
}

fn finish_one(
    core: &Core,
    written: &[Digest],
    (fingerprint, summary): (&Fingerprint, &RecordSummary),
    bytes: u64,
    done: Done,
    published: Published<'_>,
) {
    let layout = &core.files.layout;
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    let records = layout.records_of(fingerprint);
    for path in written.iter().map(|digest| layout.blob(digest)).chain([records.clone()]) {
        // The folder that holds the name, and the one above, in case the folder itself is new.
        folders.extend(path.ancestors().skip(1).take(2).map(Path::to_owned));
    }
    folders.insert(records);
    match folders.iter().try_for_each(|folder| disk::sync_folder(folder)) {
        Ok(()) => {
            remember(core, std::iter::once((written, fingerprint, summary)));
            published(fingerprint, summary.id);
            done(Ok(summary.id));
        }
        Err(error) => done(Err(core.files.write_failed("publish a result", bytes)(error))),
    }
}

fn sync_files<'a>(paths: impl Iterator<Item = &'a Path>) -> io::Result<()> {
    for path in paths {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

/// Gives every blob its name, then the record. A name that is taken is taken over: the bytes are the same, and should the
/// old file be damaged or about to be collected, the new one is not.
fn name_files(
    core: &Core,
    blobs: Vec<Pending>,
    record: TempFile,
    fingerprint: &Fingerprint,
    summary: &RecordSummary,
) -> io::Result<Vec<Digest>> {
    let mut written = Vec::with_capacity(blobs.len());
    for pending in blobs {
        let digest = pending.blob().digest;
        core.clear_folder(&digest);
        pending.temp.persist(&core.files.layout.blob(&digest))?;
        written.push(digest);
    }
    // Before the record, so that nobody sees it unsigned.
    core.files.sign(summary.id)?;
    let path = core.files.layout.record(fingerprint, &summary.id.0);
    record.persist(&path)?;
    core.files.put_head(fingerprint, &path)?;
    Ok(written)
}

/// Tells the index what is now known without reading it again.
fn remember<'a, W: AsRef<[Digest]> + 'a + ?Sized>(
    core: &Core,
    published: impl Iterator<Item = (&'a W, &'a Fingerprint, &'a RecordSummary)>,
) {
    let (mut records, mut verified) = (Vec::new(), Vec::new());
    for (written, fingerprint, summary) in published {
        records.extend(core.files.sole_record_entry(fingerprint, summary));
        for digest in written.as_ref() {
            let path = core.files.layout.blob(digest);
            let Some(mut stamp) = disk::stamp_at(&path) else { continue };
            if stamp.bytes() >= LARGE_BYTES && !stamp.is_settled(now_ns(), 0) {
                std::thread::sleep(TICK);
                let Some(later) = disk::stamp_at(&path) else { continue };
                stamp = later;
            }
            // A young stamp proves nothing, so a small blob is hashed once more when it is first read. So is every blob where
            // others can write: they may have put another file in its place before it had its name.
            if core.files.guarded && stamp.is_settled(now_ns(), 0) {
                verified.push((digest.as_bytes().to_vec(), stamp.encode().to_vec()));
            } else {
                core.sightings.found_right(digest, &stamp);
            }
        }
    }
    core.index.put(Table::Records, records);
    core.index.put(Table::Verified, verified);
}
