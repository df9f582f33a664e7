//! Where work is done: the settings of a machine, the language of pipelines, and who is told of what is remarkable.

use std::fmt;
use std::sync::Arc;

use retort_hub::{Secret, Way};
use retort_kinds::kinds;
use retort_spec::Language;
use retort_stage::{Derivation, Reach};
use retort_store::{Mode, Notice, Opened, Store, StoreOptions};

use super::{SessionError, Settings};

/// Returns the language of pipelines: what Retort brings, and what the program [registered](super::Registry) before.
pub fn language() -> Language {
    Language { kinds: kinds(), derivations: Derivation::ALL }
}

/// Where work is done: the settings of this machine, the language in which pipelines are written, how teachers are reached,
/// and who is told of what is remarkable. Cheap to clone.
///
/// ```
/// use retort_session::{Settings, Workspace};
///
/// let folder = tempfile::tempdir()?;
/// let workspace = Workspace::new(Settings::new(folder.path().join("cache")));
/// // Nothing is written by looking.
/// assert!(workspace.look()?.runs()?.is_empty());
/// assert!(!folder.path().join("cache").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Workspace {
    /// The settings of this machine.
    pub settings: Settings,
    language: Language,
    reach: Arc<dyn Reach + Send>,
    listener: Arc<dyn Fn(&Remark) + Send + Sync>,
}

/// Something worth knowing that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// Something about the cache.
    Cache(Notice),
    /// The CPU computes, since no other device can be used. Said once, when something first computes.
    OnCpu {
        /// Why.
        why: String,
    },
    /// A pipeline says something in a way that still works and has a better one, such as a name that was changed.
    Pipeline {
        /// What, where, and what to write in its place.
        said: String,
    },
    /// There are fewer workers than were asked for, since memory is limited.
    FewerJobs {
        /// How many there are.
        room: usize,
        /// How many were asked for.
        asked: usize,
    },
    /// A report stands in the place of one that another pipeline made.
    ReportReplaced {
        /// The folder.
        folder: String,
        /// The other pipeline's file.
        other: String,
    },
    /// A figure could not be drawn as a picture.
    NoPicture {
        /// The figure's file.
        figure: String,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cache(notice) => notice.fmt(f),
            Self::Pipeline { said } => f.write_str(said),
            Self::OnCpu { why } => write!(f, "computing on the CPU: {why}"),
            Self::FewerJobs { room, asked } => {
                write!(f, "the limit on memory (`ulimit -v`) has room for {room} of {asked} jobs")
            }
            Self::ReportReplaced { folder, other } => write!(
                f,
                "`{folder}` held a report of `{other}`, which is replaced: `retort report {other} --out DIR` writes it \
                 elsewhere, or give one of the two another `experiment:` name"
            ),
            Self::NoPicture { figure, why } => write!(f, "there is no picture of `{figure}`: {why}"),
        }
    }
}

/// Reaches teachers without keys and proxies.
#[derive(Debug, Clone, Copy)]
struct Plainly;

impl Reach for Plainly {
    fn variable(&self, _name: &str) -> Option<Secret> {
        None
    }

    fn way(&self) -> Way {
        Way::default()
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace")
            .field("settings", &self.settings)
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

impl Workspace {
    /// Works with these settings, in the [`language`] of this program.
    pub fn new(settings: Settings) -> Self {
        Self::with(settings, language())
    }

    /// Works with these settings and another language, such as one of fewer kinds.
    pub fn with(settings: Settings, language: Language) -> Self {
        Self { settings, language, reach: Arc::new(Plainly), listener: Arc::new(|_| {}) }
    }

    /// Reaches teachers in this way: keys by their names, proxies and certificates. Without it there are none of these.
    #[must_use]
    pub fn reaching(self, reach: impl Reach + Send + 'static) -> Self {
        Self { reach: Arc::new(reach), ..self }
    }

    /// Tells a listener of what is remarkable and stops nothing. Without it nobody is told.
    #[must_use]
    pub fn telling(self, listener: impl Fn(&Remark) + Send + Sync + 'static) -> Self {
        Self { listener: Arc::new(listener), ..self }
    }

    /// Returns the language in which pipelines are written.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Opens the store of these settings.
    pub fn store(&self, mode: Mode) -> Result<Store, SessionError> {
        let remotes = self.settings.remotes.clone();
        self.store_with(StoreOptions { mode, remotes, ..self.settings.store(&self.settings.cache) })
    }

    /// Opens the store of these settings to look at it: with its index where there is one, and as an empty one where there
    /// is nothing, unless what is looked at comes out of a remote and is to be kept.
    pub fn look(&self) -> Result<Store, SessionError> {
        let mode = match Store::is_at(&self.settings.cache) {
            true => Mode::Existing,
            false if self.settings.remotes.is_empty() => Mode::ReadOnly,
            false => Mode::Create,
        };
        self.store(mode)
    }

    /// Opens another store; what is remarkable about it is told.
    pub fn store_with(&self, options: StoreOptions) -> Result<Store, SessionError> {
        let Opened { store, notices } = Store::open(options)?;
        notices.into_iter().for_each(|notice| self.tell(&Remark::Cache(notice)));
        Ok(store)
    }

    /// Tells what has become remarkable about a store since it was opened.
    pub fn tell_notices(&self, store: &Store) {
        store.take_notices().into_iter().for_each(|notice| self.tell(&Remark::Cache(notice)));
    }

    pub(crate) fn reach(&self) -> &dyn Reach {
        &*self.reach
    }

    pub(crate) fn tell(&self, remark: &Remark) {
        (self.listener)(remark);
    }
}
