//! One remote: opened when it is first asked, and left alone for a while when it does not answer.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::backend::Backend;
use super::directory::Directory;
use super::objects::Objects;
use super::options::{RemoteAt, RemoteOptions};
use super::patience::Patience;
use crate::error::StoreError;
use crate::files::Who;
use crate::lease::Attempt;
use crate::notice::{Notice, Notices};
use crate::trust::Trust;
use retort_fingerprint::Fingerprint;

/// How long a remote that did not answer is left alone.
const DOWN_FOR: Duration = Duration::from_mins(1);

/// A remote of an opened store.
pub(crate) struct Remote {
    options: RemoteOptions,
    who: Who,
    notices: Arc<Notices>,
    trust: Arc<Trust>,
    state: Mutex<State>,
    patience: Patience,
}

enum State {
    Unopened,
    Up(Arc<dyn Backend>),
    Down { until: Instant, why: String },
}

impl Remote {
    pub(crate) fn new(options: RemoteOptions, who: &Who, notices: &Arc<Notices>, trust: &Arc<Trust>) -> Self {
        let state = Mutex::new(State::Unopened);
        let (notices, trust) = (Arc::clone(notices), Arc::clone(trust));
        Self { options, who: who.clone(), notices, trust, state, patience: Patience::default() }
    }

    pub(crate) fn options(&self) -> &RemoteOptions {
        &self.options
    }

    pub(crate) fn name(&self) -> &str {
        &self.options.name
    }

    /// Returns the opened remote; `None` while it cannot be reached, of which a notice tells once a minute.
    pub(crate) fn backend(&self) -> Option<Arc<dyn Backend>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Up(backend) => return Some(Arc::clone(backend)),
            State::Down { until, .. } if Instant::now() < *until => return None,
            State::Down { .. } | State::Unopened => {}
        }
        let (options, who) = (self.options.clone(), self.who.clone());
        let (notices, trust) = (Arc::clone(&self.notices), Arc::clone(&self.trust));
        let opened = self.patience.run(self.options.timeout, None, move || open(&options, &who, &notices, &trust));
        match opened.unwrap_or_else(|| Err(self.silence())) {
            Ok(backend) => {
                *state = State::Up(Arc::clone(&backend));
                Some(backend)
            }
            Err(why) => {
                self.notices.push(Notice::RemoteDown { remote: self.options.name.clone(), why: why.clone() });
                *state = State::Down { until: Instant::now() + DOWN_FOR, why };
                None
            }
        }
    }

    /// Opens the remote, or says why it cannot be used.
    pub(crate) fn require(&self) -> Result<Arc<dyn Backend>, StoreError> {
        self.backend().ok_or_else(|| {
            let why = match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
                State::Down { why, .. } => why.clone(),
                State::Up(_) | State::Unopened => self.silence(),
            };
            StoreError::Remote { name: self.options.name.clone(), why }
        })
    }

    /// Tells whether a look into it takes so long that many are best made at once, and a record found there vouches for its blobs.
    pub(crate) fn is_far(&self) -> bool {
        matches!(self.options.at, RemoteAt::Objects(_))
    }

    /// Makes a call to the remote; `None` when it failed or did not end in time, of which a notice tells.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        question: impl FnOnce(&dyn Backend) -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        self.ask_moving(what, None, question)
    }

    /// As [`ask`](Self::ask), for a call that may take long as long as `moved` changes.
    pub(crate) fn ask_moving<T: Send + 'static>(
        &self,
        what: &'static str,
        moved: Option<&Arc<AtomicU64>>,
        question: impl FnOnce(&dyn Backend) -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        let backend = self.backend()?;
        self.ask_for(self.options.timeout, what, moved, &backend, question)
    }

    /// As [`ask_moving`](Self::ask_moving), for a call that sends bytes.
    pub(crate) fn ask_sending<T: Send + 'static>(
        &self,
        what: &'static str,
        moved: &Arc<AtomicU64>,
        question: impl FnOnce(&dyn Backend) -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        let backend = self.backend()?;
        let timeout = self.options.timeout + backend.sending_takes();
        self.ask_for(timeout, what, Some(moved), &backend, question)
    }

    fn ask_for<T: Send + 'static>(
        &self,
        timeout: Duration,
        what: &'static str,
        moved: Option<&Arc<AtomicU64>>,
        backend: &Arc<dyn Backend>,
        question: impl FnOnce(&dyn Backend) -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        let asked = Arc::clone(backend);
        let answer = self.patience.run(timeout, moved.map(|moved| &**moved), move || question(&*asked));
        let remote = self.options.name.clone();
        let why = match answer {
            Some(Ok(answer)) => return Some(answer),
            // About one file only; the next may do.
            Some(Err(error))
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::InvalidData | ErrorKind::StorageFull
                ) =>
            {
                self.notices.push(Notice::RemoteTrouble { remote, what, why: error.to_string() });
                return None;
            }
            Some(Err(error)) => error.to_string(),
            None => self.silence(),
        };
        self.notices.push(Notice::RemoteDown { remote, why: why.clone() });
        let down = State::Down { until: Instant::now() + DOWN_FOR, why };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = down;
        None
    }

    /// Tries to take the lease on an action in this remote; `None` when it cannot be had here. With it comes its file's path.
    pub(crate) fn lease(&self, fingerprint: &Fingerprint) -> Option<(PathBuf, Attempt)> {
        let fingerprint = *fingerprint;
        self.ask("take a lease", move |backend| backend.lease(&fingerprint)).flatten()
    }

    fn silence(&self) -> String {
        format!("it did not answer within {} s", self.options.timeout.as_secs_f64())
    }
}

fn open(
    options: &RemoteOptions,
    who: &Who,
    notices: &Arc<Notices>,
    trust: &Arc<Trust>,
) -> Result<Arc<dyn Backend>, String> {
    Ok(match &options.at {
        RemoteAt::Directory(root) => Arc::new(Directory::open(root, &options.terms(), who, notices, trust)?),
        RemoteAt::Objects(at) => Arc::new(Objects::open(at, &options.terms(), notices, trust)?),
    })
}
