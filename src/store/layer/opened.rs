//! One layer: opened when it is first asked, and left alone for a while when it does not answer.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::patience::Patience;
use super::{LayerOptions, Writes};
use crate::fingerprint::Fingerprint;
use crate::store::error::StoreError;
use crate::store::layout::{Area, Layout};
use crate::store::lease::Attempt;
use crate::store::notice::{Notice, Notices};
use crate::store::open::{Core, StoreOptions};
use crate::store::trust::Trust;

/// How long a layer that did not answer is left alone.
const DOWN_FOR: Duration = Duration::from_mins(1);

/// How often a lease is tried anew when it vanishes under our hands.
const LEASE_ATTEMPTS: u32 = 16;

/// A layer of an opened store.
pub(in crate::store) struct Layer {
    options: LayerOptions,
    from: StoreOptions,
    notices: Arc<Notices>,
    trust: Arc<Trust>,
    state: Mutex<State>,
    patience: Patience,
}

enum State {
    Unopened,
    Up(Arc<Core>),
    Down { until: Instant, why: String },
}

impl Layer {
    pub(super) fn new(options: LayerOptions, from: &StoreOptions, notices: &Arc<Notices>, trust: &Arc<Trust>) -> Self {
        let from = StoreOptions { layers: Vec::new(), ..from.clone() };
        let state = Mutex::new(State::Unopened);
        let (notices, trust) = (Arc::clone(notices), Arc::clone(trust));
        Self { options, from, notices, trust, state, patience: Patience::default() }
    }

    pub(in crate::store) fn options(&self) -> &LayerOptions {
        &self.options
    }

    pub(in crate::store) fn name(&self) -> &str {
        &self.options.name
    }

    /// Returns the opened layer; `None` while it cannot be reached, of which a notice tells once a minute.
    pub(in crate::store) fn core(&self) -> Option<Arc<Core>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Up(core) => return Some(Arc::clone(core)),
            State::Down { until, .. } if Instant::now() < *until => return None,
            State::Down { .. } | State::Unopened => {}
        }
        let (options, from) = (self.options.clone(), self.from.clone());
        let (notices, trust) = (Arc::clone(&self.notices), Arc::clone(&self.trust));
        let opened = self.patience.run(self.options.timeout, None, move || open(&options, &from, &notices, &trust));
        match opened.unwrap_or_else(|| Err(self.silence())) {
            Ok(core) => {
                let core = Arc::new(core);
                *state = State::Up(Arc::clone(&core));
                Some(core)
            }
            Err(why) => {
                self.notices.push(Notice::LayerDown { layer: self.options.name.clone(), why: why.clone() });
                *state = State::Down { until: Instant::now() + DOWN_FOR, why };
                None
            }
        }
    }

    /// Opens the layer, or says why it cannot be used.
    pub(in crate::store) fn require(&self) -> Result<Arc<Core>, StoreError> {
        self.core().ok_or_else(|| {
            let why = match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
                State::Down { why, .. } => why.clone(),
                State::Up(_) | State::Unopened => self.silence(),
            };
            StoreError::Layer { name: self.options.name.clone(), why }
        })
    }

    /// Makes a call to the layer; `None` when it failed or did not end in time, of which a notice tells.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        question: impl FnOnce(&Core) -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        self.ask_moving(what, None, question)
    }

    /// As [`ask`](Self::ask), for a call that may take long as long as `moved` changes.
    pub(super) fn ask_moving<T: Send + 'static>(
        &self,
        what: &'static str,
        moved: Option<&Arc<AtomicU64>>,
        question: impl FnOnce(&Core) -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        let core = self.core()?;
        let asked = Arc::clone(&core);
        let answer = self.patience.run(self.options.timeout, moved.map(|moved| &**moved), move || question(&asked));
        let layer = self.options.name.clone();
        let why = match answer {
            Some(Ok(answer)) => return Some(answer),
            // About one file only; the next may do.
            Some(Err(error))
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::InvalidData | ErrorKind::StorageFull
                ) =>
            {
                self.notices.push(Notice::LayerTrouble { layer, what, why: error.to_string() });
                return None;
            }
            Some(Err(error)) => error.to_string(),
            None => self.silence(),
        };
        self.notices.push(Notice::LayerDown { layer, why: why.clone() });
        let down = State::Down { until: Instant::now() + DOWN_FOR, why };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = down;
        None
    }

    /// Tries to take the lease on a recipe in this layer; `None` when it cannot be had here.
    pub(in crate::store) fn lease(&self, fingerprint: &Fingerprint) -> Option<Attempt> {
        let fingerprint = *fingerprint;
        self.ask("take a lease", move |core| {
            if !core.writable {
                return Ok(None);
            }
            let path = core.layout.lease(&fingerprint);
            for _ in 0..LEASE_ATTEMPTS {
                match core.try_lease(&path)? {
                    Attempt::Vanished => {}
                    taken => return Ok(Some(taken)),
                }
            }
            Ok(None)
        })
        .flatten()
    }

    fn silence(&self) -> String {
        format!("it did not answer within {} s", self.options.timeout.as_secs_f64())
    }
}

/// Opens a layer's directory, which must be there: an empty one may be a place where nothing is mounted yet.
fn open(
    options: &LayerOptions,
    from: &StoreOptions,
    notices: &Arc<Notices>,
    trust: &Arc<Trust>,
) -> Result<Core, String> {
    let layout = Layout::new(options.root.clone());
    let root = options.root.display();
    if !layout.tag().is_file() {
        return Err(match fs_err::metadata(&options.root) {
            Err(error) => error.to_string(),
            Ok(_) => format!("`{root}` is not a cache; `retort cache share {root}` makes one for a group"),
        });
    }
    for area in [Area::Objects, Area::Actions, Area::Heads] {
        let folder = layout.area(area);
        let is_odd = |path: &Path| fs_err::symlink_metadata(path).is_ok_and(|found| !found.is_dir());
        if is_odd(&folder) || folder.parent().is_some_and(is_odd) {
            return Err(format!("`{}` is not a folder", folder.display()));
        }
    }
    let wants = options.writes != Writes::Never;
    let writable = wants && rustix::fs::access(layout.area(Area::Tmp), rustix::fs::Access::WRITE_OK).is_ok();
    if wants && !writable {
        notices.push(Notice::LayerReadOnly { layer: options.name.clone() });
    }
    Ok(Core::of_layer(layout, writable, from, notices, trust))
}
