//! A pipeline on a store: what would be done, and what it would take.

use std::fmt;
use std::sync::Arc;

use retort_plan::{Externals, ExternalsError, Found, Plan, Verdict, predict};
use retort_spec::InstanceId;
use retort_stage::Slot;
use retort_store::{Mode, Store};

use super::{Devices, Pipeline, Results, Selection, SessionError};

/// A pipeline on a store: it is planned and run here, and its results are read.
pub struct Session {
    /// The pipeline.
    pub pipeline: Arc<Pipeline>,
    /// The store.
    pub store: Arc<Store>,
    /// The device.
    pub devices: Arc<Devices>,
}

/// What a pipeline needs of this machine to be planned.
#[derive(Debug)]
pub struct Ground {
    /// The files outside the experiment.
    pub externals: Externals,
    /// The numerics class of the device; empty where nothing computes.
    pub numerics: &'static str,
}

/// What a run would do, and what that was concluded from.
#[derive(Debug)]
pub struct Planned {
    /// The instances that are meant.
    pub selection: Selection,
    /// What was found on this machine.
    pub ground: Ground,
    /// What would become of each instance.
    pub plan: Plan,
}

/// What must be there for a plan to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Every file and the device, as for a run.
    All,
    /// The device: instances whose files are not here [lack](Verdict::Lacks) them in the plan.
    Device,
    /// Nothing, as on a machine that only submits: where the device cannot be used, what computes counts as stale.
    Nothing,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (experiment, cache) = (&self.pipeline.experiment.name, self.store.root());
        f.debug_struct("Session").field("experiment", experiment).field("cache", &cache).finish_non_exhaustive()
    }
}

impl Pipeline {
    /// Opens the cache of the workspace, for reading and writing; it is made when it is not there.
    pub fn open(self) -> Result<Session, SessionError> {
        let store = self.workspace.store(Mode::Create)?;
        Ok(self.with(store))
    }

    /// Opens the cache of the workspace to look at it: where there is none, none is made.
    pub fn look(self) -> Result<Session, SessionError> {
        let store = self.workspace.look()?;
        Ok(self.with(store))
    }

    /// Works on a store that was opened before.
    pub fn with(self, store: impl Into<Arc<Store>>) -> Session {
        Session::new(self, store.into())
    }
}

impl Session {
    fn new(pipeline: Pipeline, store: Arc<Store>) -> Self {
        let devices = Arc::new(pipeline.workspace.devices());
        Self { pipeline: Arc::new(pipeline), store, devices }
    }

    /// Works on another store, with the same device.
    #[must_use]
    pub fn elsewhere(&self, store: Store) -> Self {
        let (pipeline, devices) = (Arc::clone(&self.pipeline), Arc::clone(&self.devices));
        Self { pipeline, store: Arc::new(store), devices }
    }

    /// Returns the name of an instance.
    pub fn name(&self, id: InstanceId) -> String {
        self.pipeline.name(id)
    }

    /// Says what a run would do, without doing it.
    ///
    /// # Errors
    /// [`SessionError::Resources`] where files are not there that must be, each shown at its place; [`SessionError::Device`]
    /// where the device cannot be used and must be.
    pub fn plan(&self, selection: Selection, demand: Demand) -> Result<Planned, SessionError> {
        let ground = self.ground(&selection, demand)?;
        self.plan_on(selection, ground)
    }

    /// As [`plan`](Self::plan), on what was found before.
    pub fn plan_on(&self, selection: Selection, ground: Ground) -> Result<Planned, SessionError> {
        let Pipeline { experiment, graph, workspace, .. } = &*self.pipeline;
        let (Selection { wanted, named }, Ground { externals, numerics }) = (&selection, &ground);
        let plan = predict(experiment, graph, wanted, named, externals, numerics, &*self.store)?;
        // A remote that is down makes a plan look as if there was much to do.
        workspace.tell_notices(&self.store);
        Ok(Planned { selection, ground, plan })
    }

    /// Finds the external files and the numerics class, which keys need.
    pub fn ground(&self, selection: &Selection, demand: Demand) -> Result<Ground, SessionError> {
        let Pipeline { experiment, workspace, .. } = &*self.pipeline;
        let (settings, wanted) = (&workspace.settings, &selection.wanted);
        let (roots, hub) = (&settings.roots, &settings.hub.cache);
        let externals = match demand {
            Demand::All => Externals::resolve(experiment, wanted, roots, hub, &self.store)
                .map_err(|ExternalsError(diagnostics)| self.pipeline.unusable(diagnostics))?,
            Demand::Device | Demand::Nothing => Externals::survey(experiment, wanted, roots, hub, &self.store),
        };
        let computes =
            || experiment.instances.iter().zip(wanted).any(|(i, wanted)| *wanted && i.bound.slot() == Slot::Device);
        let numerics = match demand {
            Demand::Nothing => self.devices.numerics().unwrap_or_default(),
            Demand::All | Demand::Device => {
                if computes() {
                    self.devices.numerics()?
                } else {
                    ""
                }
            }
        };
        Ok(Ground { externals: externals.with_env(settings.env()), numerics })
    }

    /// Returns the error of files that are lacking, but for models that a run would fetch from the hub; `None` where there
    /// are none.
    pub fn lacking(&self, ground: &Ground) -> Option<SessionError> {
        let ExternalsError(diagnostics) = ground.externals.unusable()?;
        Some(self.pipeline.unusable(diagnostics))
    }
}

impl Planned {
    /// Returns what the plan says of an instance.
    pub fn verdict(&self, id: InstanceId) -> &Verdict {
        &self.plan.verdicts[id.index()]
    }

    /// Lists what the plan says of each instance.
    pub fn verdicts(&self) -> impl Iterator<Item = (InstanceId, &Verdict)> {
        self.plan.verdicts.iter().enumerate().map(|(index, verdict)| (InstanceId::at(index), verdict))
    }

    /// Returns the results that are current.
    pub fn results(&self) -> Results {
        let found = |verdict: &Verdict| match verdict {
            Verdict::Hit(found) | Verdict::Doubtful(found, _) => Some(Arc::clone(found)),
            _ => None,
        };
        Results::of(self.plan.verdicts.iter().map(found).collect())
    }

    /// Returns the results that are known, current or with bytes that must be made again.
    pub(crate) fn known(&self) -> Vec<Option<Arc<Found>>> {
        let found = |verdict: &Verdict| match verdict {
            Verdict::Hit(found) | Verdict::Remake(_, found) | Verdict::Doubtful(found, _) => Some(Arc::clone(found)),
            Verdict::Left | Verdict::Run(_) | Verdict::SameAs(_) | Verdict::Awaits(_) | Verdict::Lacks(_) => None,
        };
        self.plan.verdicts.iter().map(found).collect()
    }
}
