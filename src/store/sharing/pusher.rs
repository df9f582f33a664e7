//! The thread that brings results to the remotes as soon as they are made.

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::transfer::{Compare, Moving, Parcel, push};
use crate::cache::Core;
use crate::holding::Doomed;
use crate::layout::Component;
use crate::lease::{Lease, Release};
use crate::notice::Notice;
use crate::record::RecordId;
use crate::remote::Remote;
use crate::run::RunId;
use retort_fingerprint::Fingerprint;

enum Message {
    Result(Parcel),
    /// A blob that is to be kept no more when all before it has been pushed.
    Evict(Doomed),
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

    pub(crate) fn evict(&self, doomed: Doomed) {
        self.send(Message::Evict(doomed));
    }

    pub(crate) fn rows(&self, kind: Component) {
        self.send(Message::Rows(kind));
    }

    pub(crate) fn run(&self, run: RunId) {
        self.send(Message::Run(run));
    }

    /// Waits until everything before this is done.
    pub(crate) fn flush(&self) {
        let (sender, receiver) = bounded(1);
        self.send(Message::Flush(sender));
        // The thread only ends with the store.
        let _ = receiver.recv();
    }

    fn send(&self, message: Message) {
        // When the thread is gone, what the message held is let go of.
        let _ = self.0.send(message);
    }
}

impl Release for PusherHandle {
    fn release(&self, leases: Vec<Lease>) {
        self.send(Message::Release(leases));
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
                Message::Evict(doomed) => {
                    // What cannot be removed stays, as if nobody had asked.
                    let _ = core.evict(&doomed);
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
