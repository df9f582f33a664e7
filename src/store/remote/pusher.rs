//! The thread that brings results to the remotes as soon as they are made.

use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::Remote;
use super::transfer::{Compare, Moving, Parcel, push};
use crate::Store;
use crate::error::StoreError;
use crate::layout::Component;
use crate::lease::Lease;
use crate::notice::Notice;
use crate::open::Core;
use crate::record::RecordId;
use crate::run::RunId;
use retort_fingerprint::{Digest, Fingerprint};

enum Message {
    Result(Parcel),
    /// A blob that is to be kept no more when all before it has been pushed.
    Evict(Digest),
    /// Leases in remotes, to be let go of when all before them has been pushed.
    Release(Vec<Lease>),
    Run(RunId),
    Rows(Component),
    /// Somebody waits until everything before this is done.
    Flush(Sender<()>),
    Stop,
}

/// Tells the pusher what to push.
#[derive(Debug, Clone)]
pub(crate) struct PusherHandle(Sender<Message>);

/// The thread; it ends when the store is dropped, after everything that waits.
pub(crate) struct Pusher {
    sender: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Pusher {
    /// Starts the thread where a remote gets results as soon as they are made.
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        if !core.files.writable || core.remotes.fed_on_success().next().is_none() {
            return Self { sender: None, thread: None };
        }
        let (sender, receiver) = unbounded();
        let core = Arc::clone(core);
        let thread = std::thread::Builder::new().name("retort-push".into()).spawn(move || run(&core, &receiver));
        // Without the thread nothing is pushed, which `cache push` makes good.
        Self { sender: thread.is_ok().then_some(sender), thread: thread.ok() }
    }

    pub(crate) fn handle(&self) -> Option<PusherHandle> {
        self.sender.clone().map(PusherHandle)
    }
}

impl PusherHandle {
    pub(crate) fn result(&self, fingerprint: Fingerprint, id: RecordId) {
        self.send(Message::Result(Parcel { fingerprint, id }));
    }

    pub(crate) fn release(&self, leases: Vec<Lease>) {
        self.send(Message::Release(leases));
    }

    pub(crate) fn evict(&self, digest: Digest) {
        self.send(Message::Evict(digest));
    }

    fn rows(&self, kind: Component) {
        self.send(Message::Rows(kind));
    }

    fn send(&self, message: Message) {
        // When the thread is gone, what the message held is let go of.
        let _ = self.0.send(message);
    }
}

impl Store {
    /// Brings the log of a run to the remotes that get results as soon as they are made.
    pub fn share_run(&self, run: &RunId) {
        if let Some(handle) = self.pusher.handle() {
            handle.send(Message::Run(run.clone()));
        }
    }

    /// Waits until everything that was made has been brought to the remotes that get it, or could not be; rows are sealed.
    pub fn finish_sharing(&self) -> Result<(), StoreError> {
        let Some(handle) = self.pusher.handle() else { return Ok(()) };
        for (kind, rows) in &*self.rows.lock().unwrap_or_else(PoisonError::into_inner) {
            rows.finish()?;
            handle.rows(Component::of(kind));
        }
        let (sender, receiver) = bounded(1);
        handle.send(Message::Flush(sender));
        // The thread only ends with the store.
        let _ = receiver.recv();
        Ok(())
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            let _ = sender.send(Message::Stop);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(core: &Core, receiver: &Receiver<Message>) {
    let mut parcels = Vec::new();
    while let Ok(first) = receiver.recv() {
        for message in std::iter::once(first).chain(receiver.try_iter()) {
            if let Message::Result(parcel) = message {
                parcels.push(parcel);
                continue;
            }
            bring(core, &mut parcels);
            match message {
                Message::Result(_) => {}
                Message::Evict(digest) => {
                    // What cannot be removed stays, as if nobody had asked.
                    let _ = core.evict(&digest);
                }
                Message::Release(leases) => drop(leases),
                Message::Run(run) => core.remotes.fed_on_success().for_each(|remote| {
                    remote.put_run(&core.files, &run);
                }),
                Message::Rows(kind) => core.remotes.fed_on_success().for_each(|remote| {
                    remote.put_rows(&core.files, &kind);
                }),
                Message::Flush(done) => {
                    let _ = done.send(());
                }
                Message::Stop => return,
            }
        }
        bring(core, &mut parcels);
    }
}

fn bring(core: &Core, parcels: &mut Vec<Parcel>) {
    let parcels = std::mem::take(parcels);
    if parcels.is_empty() {
        return;
    }
    for remote in core.remotes.fed_on_success() {
        bring_to(core, remote, &parcels);
    }
}

fn bring_to(core: &Core, remote: &Remote, parcels: &[Parcel]) {
    let moving = Moving { jobs: None, compare: Compare::Unread, progress: &|_, _| {} };
    let moved = push(core, remote, parcels, &[], &moving);
    if let Some(why) = moved.refused.first() {
        let (remote, results) = (remote.name().to_owned(), parcels.len() as u64 - moved.results - moved.there);
        core.files.notices.push(Notice::NotPushed { remote, results, why: why.clone() });
    }
}
