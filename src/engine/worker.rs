//! What happens on a worker thread: one instance, from lease to publication.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Instant;

use crossbeam_channel::Sender;

use super::holdings::held;
use retort_artifact::{Part, Parts};
use retort_event::Note;
use retort_fingerprint::Digest;
use retort_plan::{Action, Facts, Found, Need};
use retort_spec::InstanceId;
use retort_stage::{BoundStage, Context, DeviceSlot, Feed, Reach, Slot, StageError, Stop};
use retort_store::{BlobRef, Hold, LeaseState, Pending, Producer, Record, Store, StoreError};

/// The note of a record that says what computed it.
pub const DEVICE: &str = "device";
/// The note of a record that says what was paid for it, and the measurement that it is taken from.
pub const COST: &str = "cost";

/// What a worker tells the loop.
#[derive(Debug)]
pub(super) enum Message {
    /// The stage said something.
    Noted(InstanceId, Note),
    /// Another process works on the same action.
    Busy(InstanceId, String),
    /// Another process finished the same action in the meantime.
    Appeared(InstanceId, Found, Hold),
    /// The work is done and its result is on its way to the disk.
    Vacated(InstanceId),
    /// The result is durable.
    Published(InstanceId, Found, Hold),
    /// It did not work.
    Failed(InstanceId, Failure),
}

/// Why an instance has no result.
#[derive(Debug)]
pub(super) struct Failure {
    /// What went wrong; `None` when it was asked to stop.
    pub(super) error: Option<String>,
    /// The blob that it read and that turned out to be gone or damaged, so that making it again may help.
    pub(super) lost: Option<Digest>,
    /// How long it had run.
    pub(super) took_ms: u64,
}

/// One piece of work for a thread.
pub(super) struct Job<'a> {
    pub(super) id: InstanceId,
    pub(super) action: Box<Action>,
    pub(super) stage: &'a dyn BoundStage,
    pub(super) store: &'a Store,
    pub(super) devices: &'a dyn DeviceSlot,
    pub(super) reach: &'a dyn Reach,
    pub(super) stop: &'a Stop,
    pub(super) need: Need,
    pub(super) producer: &'a Producer,
    pub(super) wall_ms: fn() -> u64,
    pub(super) messages: Sender<Message>,
}

/// Passes notes on to the loop, and keeps for the record what the work cost so far, what it says of itself, and the parts that it
/// has written.
struct ToLoop<'a> {
    id: InstanceId,
    messages: &'a Sender<Message>,
    kept: Mutex<BTreeMap<String, String>>,
    written: Mutex<BTreeMap<Digest, Pending>>,
}

impl Feed for ToLoop<'_> {
    fn note(&self, note: Note) {
        if let Note::Measure { name, value, .. } = &note
            && name == COST
        {
            self.record(COST, &value.to_string());
        }
        // The loop outlives its workers, so this only fails while everything is being torn down.
        let _ = self.messages.send(Message::Noted(self.id, note));
    }

    fn record(&self, name: &'static str, text: &str) {
        if let Ok(mut kept) = self.kept.lock() {
            kept.insert(name.to_owned(), text.to_owned());
        }
    }

    fn hold(&self, written: Pending) {
        // Whoever panicked with the lock has no result either.
        if let Ok(mut all) = self.written.lock() {
            all.insert(written.blob().digest, written);
        }
    }
}

impl Job<'_> {
    /// Does the work and tells the loop how it ended.
    pub(super) fn work(self) {
        let (id, messages) = (self.id, self.messages.clone());
        let began = Instant::now();
        if let Err(error) = self.attempt(began) {
            let lost = if let StageError::Store(error) = &error { error.lost_blob() } else { None };
            let error = (!matches!(error, StageError::Stopped)).then(|| error.to_string());
            let _ = messages.send(Message::Failed(id, Failure { error, lost, took_ms: elapsed_ms(began) }));
        }
    }

    fn attempt(self, began: Instant) -> Result<(), StageError> {
        let fingerprint = self.action.job.fingerprint;
        let lease = match self.store.lease(&fingerprint)? {
            LeaseState::Held(lease) => lease,
            LeaseState::Busy(holder) => {
                let holder = holder.map_or("another process".to_owned(), |holder| {
                    format!("{}@{}, process {}", holder.user, holder.host, holder.pid)
                });
                let _ = self.messages.send(Message::Busy(self.id, holder));
                return Ok(());
            }
        };
        // Whoever held the lease before may have published between our look-up and now.
        let appeared = self.store.result(&fingerprint)?;
        if let Some((found, hold)) = appeared.and_then(|found| held(found, &self.need, self.store)) {
            let _ = self.messages.send(Message::Appeared(self.id, found, hold));
            return Ok(());
        }
        let started_at_ms = (self.wall_ms)();
        let (kept, written) = (Mutex::default(), Mutex::default());
        let feed = ToLoop { id: self.id, messages: &self.messages, kept, written };
        let context = Context::new(&self.action.job, self.store, self.devices, self.reach, &feed, self.stop);
        let ran = std::panic::catch_unwind(AssertUnwindSafe(|| self.stage.run(&context)));
        let parts = ran.unwrap_or_else(|panic| Err(StageError::Panicked { said: panic_text(&*panic) }))?;
        self.check_externals()?;
        let took_ms = elapsed_ms(began);
        let kept = feed.kept.into_inner().unwrap_or_default();
        // What is there already may be about to go.
        let there = self.store.hold(stored(&parts));
        let (blobs, outputs) = self.outputs(parts, feed.written.into_inner().unwrap_or_default())?;
        let hold = self.store.hold(outputs.values().map(|blob| blob.digest));
        drop(there);
        let record = self.record(outputs, started_at_ms, took_ms, kept);
        let (id, messages) = (self.id, self.messages.clone());
        let found = Found {
            fingerprint,
            parts: record.outputs.iter().map(|(part, blob)| (part.clone(), blob.digest)).collect(),
            by: format!("{}@{}", record.producer.user, record.producer.host),
            from: None,
            took_ms,
        };
        let partial = self.store.partial(&fingerprint);
        let vacated = messages.clone();
        self.store.publish_async(blobs, &record, move |published| {
            // The saved state is of no use to anybody once the result is durable; what cannot be removed now goes with `gc`.
            let _ = partial.clear();
            drop(lease);
            let _ = messages.send(match published {
                // What holds the bytes goes with the word that they are there: no moment lies between.
                Ok(_) => Message::Published(id, found, hold),
                Err(error) => Message::Failed(id, Failure { error: Some(error.to_string()), lost: None, took_ms }),
            });
        })?;
        let _ = vacated.send(Message::Vacated(id));
        Ok(())
    }

    /// Checks that the files outside the experiment still are what the key says; a file whose stat stamp is the one it was
    /// hashed under is not read again.
    fn check_externals(&self) -> Result<(), StageError> {
        for (_, path, digest) in self.action.job.externals.values().flatten() {
            let now = self.store.file_digest(path).map_err(|error| StageError::External { why: error.to_string() })?;
            if now.digest != *digest {
                return Err(StageError::changed(path));
            }
        }
        Ok(())
    }

    /// Puts the parts that are in memory into the store beside those that were written on the way, and says which blob is
    /// which part.
    fn outputs(
        &self,
        parts: Parts,
        written: BTreeMap<Digest, Pending>,
    ) -> Result<(Vec<Pending>, BTreeMap<String, BlobRef>), StoreError> {
        let mut blobs = Vec::with_capacity(parts.len());
        let mut outputs = BTreeMap::new();
        for (part, content) in parts {
            let blob = match content {
                Part::Bytes(bytes) => {
                    let pending = self.store.put(&bytes)?;
                    let blob = pending.blob();
                    blobs.push(pending);
                    blob
                }
                Part::Stored(digest) => {
                    let there = || self.store.blob_size(&digest).map(|bytes| BlobRef { digest, bytes });
                    let blob = written.get(&digest).map(Pending::blob).or_else(there);
                    blob.ok_or(StoreError::Missing { digest })?
                }
            };
            outputs.insert(part, blob);
        }
        // What was written and is no part goes away.
        let is_part = |pending: &Pending| outputs.values().any(|blob| *blob == pending.blob());
        blobs.extend(written.into_values().filter(is_part));
        outputs.extend(self.store.partial(&self.action.job.fingerprint).kept_parts()?);
        Ok((blobs, outputs))
    }

    fn record(
        &self,
        outputs: BTreeMap<String, BlobRef>,
        started_at_ms: u64,
        took_ms: u64,
        kept: BTreeMap<String, String>,
    ) -> Record {
        let mut notes = self.action.origins.clone();
        if self.stage.slot() == Slot::Device
            && let Some(device) = self.devices.described()
        {
            notes.insert(DEVICE.to_owned(), device);
        }
        notes.extend(kept);
        Record {
            manifest: self.action.manifest.clone(),
            outputs,
            producer: self.producer.clone(),
            started_at_ms,
            took_ms,
            notes,
        }
    }
}

/// Lists the parts that were left in the store.
fn stored(parts: &Parts) -> Vec<Digest> {
    parts.values().filter_map(|part| if let Part::Stored(digest) = part { Some(*digest) } else { None }).collect()
}

fn elapsed_ms(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message").to_owned()
}
