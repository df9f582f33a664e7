//! Questions as students will be asked them, before anything is trained.

use std::collections::BTreeMap;

use retort_artifact::{Artifact, Question, Questions, Split};
use retort_kinds::posed::{posed, usual};
use retort_plan::Verdict;
use retort_spec::InstanceId;
use retort_stage::{Context, Posed, StageError, Stop};

use super::heard::Heard;
use super::inquiry::Silent;
use super::preflight::job;
use super::{Demand, Session, SessionError};

/// Questions, some of which are shown as a student is asked them.
#[derive(Debug, Clone)]
pub struct Asking {
    /// All of them.
    pub questions: Questions,
    /// The first of each split, as a student is asked them.
    pub first: BTreeMap<Split, Vec<Posed>>,
    /// The instance whose student it is; `None` where no stage trains one on these questions.
    pub by: Option<InstanceId>,
    /// The instances that ask a teacher about these questions.
    pub teachers: Vec<InstanceId>,
    /// What the reader of the questions warned of, where they were read just now.
    pub warnings: Vec<String>,
    /// Whether they were read just now, and not taken from the cache.
    pub fresh: bool,
}

impl Session {
    /// Returns the questions that an instance makes, the first `most` of each split (or those for which `wanted` says so) as a
    /// student is asked them. Questions that the cache does not have are read from their files, which stores nothing.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where they cannot be read, or a template does not fit them.
    pub fn asking(
        &self,
        id: InstanceId,
        most: usize,
        wanted: impl Fn(&Question) -> bool,
    ) -> Result<Asking, SessionError> {
        let planned = self.plan(self.pipeline.needed_by(id), Demand::All)?;
        let experiment = &self.pipeline.experiment;
        let bound = |id: InstanceId| &experiment.instance(id).bound;
        let (heard, stop, reach) = (Heard::default(), Stop::new(), self.pipeline.workspace().reach());
        let failed = |id: InstanceId, error: StageError| -> SessionError {
            match error {
                StageError::Store(error) => error.into(),
                other => SessionError::unusable(format!("`{}`: {other}", self.name(id))),
            }
        };
        let found = match planned.verdict(id) {
            Verdict::Hit(found) | Verdict::Doubtful(found, _) => Some(found),
            _ => None,
        };
        let fresh = found.is_none();
        let questions: Questions = match found {
            Some(found) => self.read(id, found)?,
            None if matches!(planned.verdict(id), Verdict::Lacks(_)) => {
                let why = format!("the files of `{}` are not here yet", self.name(id));
                return Err(SessionError::unusable(why).with_hint("`retort run` fetches what comes from the hub"));
            }
            None if !self.pipeline.graph.producers(id).is_empty() => {
                let found = self.current(id)?;
                self.read(id, &found)?
            }
            None => {
                let job = job(&self.pipeline, &planned.ground, id);
                let context = Context::new(&job, &self.store, &*self.devices, reach, &heard, &stop);
                let parts = bound(id).run(&context).map_err(|error| failed(id, error))?;
                Questions::decode(&parts).map_err(SessionError::unusable)?
            }
        };
        let chosen = |split: Split| {
            let chosen = questions.split(split).iter().filter(|question| wanted(question)).take(most);
            chosen.cloned().collect::<Vec<Question>>()
        };
        let readers = self.pipeline.graph.consumers(id);
        let ground = self.ground(&self.pipeline.all(), Demand::Nothing)?;
        let mut by = None;
        let mut first = BTreeMap::new();
        let all: Vec<Question> = Split::ALL.into_iter().flat_map(chosen).collect();
        for reader in readers.iter().copied() {
            let job = job(&self.pipeline, &ground, reader);
            let context = Context::new(&job, &self.store, &*self.devices, reach, &Silent, &stop);
            if let Some(shown) = bound(reader).posed(&context, &all).map_err(|error| failed(reader, error))? {
                (by, first) = (Some(reader), in_splits(shown, chosen));
                break;
            }
        }
        if by.is_none() {
            let every = Split::ALL.into_iter().flat_map(|split| questions.split(split));
            let shown = posed(&usual(every), &all).map_err(|error| failed(id, error))?;
            first = in_splits(shown, chosen);
        }
        let teachers = readers.into_iter().filter(|reader| bound(*reader).asks()).collect();
        Ok(Asking { first, by, teachers, warnings: heard.warnings(), fresh, questions })
    }
}

/// Parts what was put in the order of splits.
fn in_splits(shown: Vec<Posed>, chosen: impl Fn(Split) -> Vec<Question>) -> BTreeMap<Split, Vec<Posed>> {
    let mut shown = shown.into_iter();
    Split::ALL.into_iter().map(|split| (split, shown.by_ref().take(chosen(split).len()).collect())).collect()
}
