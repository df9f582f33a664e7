//! Results: which there are, whether their bytes can be had, and reading them.

use std::collections::BTreeMap;
use std::sync::Arc;

use retort_artifact::{Artifact, Checkpoint, Part, Parts, TrainingLog, Translators, TuningLog};
use retort_kinds::evaluate::times;
use retort_plan::{Found, Verdict};
use retort_spec::InstanceId;
use serde_json::Value as Json;

use super::{Demand, Results, Session, SessionError};

/// What an instance made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made<A> {
    /// The instance.
    pub id: InstanceId,
    /// Its name.
    pub name: String,
    /// The stage it belongs to.
    pub stage: String,
    /// Its axis values.
    pub coords: BTreeMap<String, String>,
    /// What it made.
    pub artifact: A,
}

impl Session {
    /// Returns the current result of an instance.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where there is none.
    pub fn current(&self, id: InstanceId) -> Result<Arc<Found>, SessionError> {
        let planned = self.plan(self.pipeline.needed_by(id), Demand::All)?;
        match planned.verdict(id) {
            Verdict::Hit(found) | Verdict::Doubtful(found, _) => Ok(Arc::clone(found)),
            _ => Err(SessionError::unusable(format!("the cache has no current result for `{}`", self.name(id)))
                .with_hint("`retort run` makes it; `retort explain` says why it is stale")),
        }
    }

    /// Says who made a result, where that is somebody else or another machine; `None` where it was made here.
    pub fn made_elsewhere<'f>(&self, found: &'f Found) -> Option<&'f str> {
        let settings = &self.pipeline.workspace().settings;
        (found.by != format!("{}@{}", settings.user, settings.host)).then_some(found.by.as_str())
    }

    /// Checks that parts of an instance's result can be read; parts that it has not are not asked about.
    ///
    /// A plan counts such an instance as cached as long as nothing that runs reads it, so the error names the command that
    /// brings the bytes back.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where bytes were not kept, or are lost.
    pub fn require<'p>(
        &self,
        id: InstanceId,
        found: &Found,
        parts: impl IntoIterator<Item = &'p str>,
    ) -> Result<(), SessionError> {
        let is_gone = |part: &&str| found.parts.get(*part).is_some_and(|digest| !self.store.holds(digest));
        let Some(part) = parts.into_iter().find(is_gone) else { return Ok(()) };
        let name = self.name(id);
        let (why, what) = if self.store.is_evicted(&found.parts[part]) {
            (format!("the {part} of `{name}` were not kept once all that reads them was done"), "them")
        } else {
            (format!("the part `{part}` of `{name}` is lost or damaged, and no remote has it"), "it")
        };
        let cache = self.pipeline.workspace().settings.cache_option();
        let hint =
            format!("`retort run {} '{name}'{cache}` makes {what} again", self.pipeline.experiment.path.display());
        self.pipeline.workspace().tell_notices(&self.store);
        Err(SessionError::unusable(why).with_hint(hint))
    }

    /// Reads one part of an instance's result.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where the result has no such part, or its bytes cannot be had.
    pub fn part(&self, id: InstanceId, found: &Found, part: &str) -> Result<Vec<u8>, SessionError> {
        self.require(id, found, [part])?;
        let missing = || SessionError::unusable(format!("the result of `{}` has no part `{part}`", self.name(id)));
        Ok(self.store.read(found.parts.get(part).ok_or_else(missing)?)?)
    }

    /// Reads an instance's result whole, as the artifact it is.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where it is another kind of artifact, or its bytes cannot be had.
    pub fn read<A: Artifact>(&self, id: InstanceId, found: &Found) -> Result<A, SessionError> {
        let makes = self.pipeline.experiment.instance(id).bound.kind().output;
        if makes != A::KIND {
            return Err(SessionError::unusable(format!("`{}` makes {makes}, not {}", self.name(id), A::KIND)));
        }
        self.require(id, found, found.parts.keys().map(String::as_str))?;
        let read = |(part, digest): (&String, &_)| {
            let stays = A::STORED.contains(&part.as_str());
            let read = if stays { Part::Stored(*digest) } else { Part::Bytes(self.store.read(digest)?) };
            Ok((part.clone(), read))
        };
        let parts: Parts = found.parts.iter().map(read).collect::<Result<_, SessionError>>()?;
        A::decode(&parts).map_err(SessionError::unusable)
    }

    /// Reads every result of one kind of artifact, in the order of instances.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where bytes cannot be had.
    pub fn read_all<A: Artifact>(&self, results: &Results) -> Result<Vec<Made<A>>, SessionError> {
        let makes = |id: InstanceId| self.pipeline.experiment.instance(id).bound.kind().output;
        results.iter().filter(|(id, _)| makes(*id) == A::KIND).map(|(id, found)| self.made(id, found)).collect()
    }

    /// As [`read`](Self::read), with where it comes from.
    pub fn made<A: Artifact>(&self, id: InstanceId, found: &Found) -> Result<Made<A>, SessionError> {
        let experiment = &self.pipeline.experiment;
        let instance = experiment.instance(id);
        Ok(Made {
            id,
            name: instance.name.to_string(),
            stage: experiment.stage_of(id).name.clone(),
            coords: instance.coords.iter().map(|at| (at.axis.to_string(), at.value.to_string())).collect(),
            artifact: self.read(id, found)?,
        })
    }

    /// Reads how a student was trained, without its weights.
    pub fn training_log(&self, id: InstanceId, found: &Found) -> Result<TrainingLog, SessionError> {
        Checkpoint::decode_log(&self.part(id, found, Checkpoint::LOG)?).map_err(SessionError::unusable)
    }

    /// Reads how translators were trained, without their weights.
    pub fn tuning_log(&self, id: InstanceId, found: &Found) -> Result<TuningLog, SessionError> {
        Translators::decode_log(&self.part(id, found, Translators::LOG)?).map_err(SessionError::unusable)
    }

    /// Reads the rows of an artifact of rows as JSON, part by part.
    pub fn rows(&self, id: InstanceId, found: &Found) -> Result<Vec<(String, Vec<Json>)>, SessionError> {
        self.require(id, found, found.parts.keys().map(String::as_str))?;
        let read = |(part, digest): (&String, &_)| {
            let text = String::from_utf8_lossy(&self.store.read(digest)?).into_owned();
            // The first line is the format's header.
            Ok((part.clone(), text.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect()))
        };
        found.parts.iter().map(read).collect()
    }

    /// Returns how long each question of an `evaluate` instance took, in microseconds; empty where nothing is known.
    pub fn times(&self, found: &Found) -> Result<BTreeMap<String, u64>, SessionError> {
        Ok(times(&self.store, &found.fingerprint)?)
    }
}
