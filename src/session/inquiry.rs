//! What an instance would ask of a teacher, found out without asking anybody.

use retort_event::Note;
use retort_plan::action;
use retort_spec::InstanceId;
use retort_stage::{Context, Feed, Inquiry, StageError, Stop};

use super::{Planned, Session, SessionError};

/// Nobody listens: what is worth saying is in the answer.
pub(crate) struct Silent;

impl Feed for Silent {
    fn note(&self, _note: Note) {}
}

impl Session {
    /// Returns the command that makes an instance.
    pub(crate) fn command_for(&self, name: &str) -> String {
        let cache = self.pipeline.workspace().settings.cache_option();
        format!("retort run {} '{name}'{cache}", self.pipeline.experiment.path.display())
    }

    /// Returns what an instance would ask of a teacher; `None` where it asks nobody.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where something that it reads has no current result.
    pub fn inquiry(&self, planned: &Planned, id: InstanceId) -> Result<Option<Inquiry>, SessionError> {
        let (pipeline, ground, results) = (&self.pipeline, &planned.ground, planned.known());
        let absent = pipeline.graph.producers(id).into_iter().find(|producer| results[producer.index()].is_none());
        if let Some(absent) = absent {
            let (name, of) = (self.name(absent), self.name(id));
            return Err(SessionError::unusable(format!("`{of}` reads `{name}`, which has no current result"))
                .with_hint(format!("`{}` makes it", self.command_for(&name))));
        }
        let action = action(&pipeline.experiment, id, &results, &ground.externals, ground.numerics);
        let stop = Stop::new();
        let reach = pipeline.workspace().reach();
        let context = Context::new(&action.job, &self.store, &*self.devices, reach, &Silent, &stop);
        let inquiry = pipeline.experiment.instance(id).bound.inquiry(&context);
        inquiry.map_err(|error| match error {
            StageError::Store(error) => error.into(),
            StageError::Device { why, hint } => SessionError::Unusable { message: why, hint },
            other => SessionError::unusable(format!("cannot say what `{}` asks: {other}", self.name(id))),
        })
    }
}
