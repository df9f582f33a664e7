//! What an instance would ask of a teacher, found out without asking anybody.

use std::sync::Arc;

use super::exit::Failure;
use super::reach::Environment;
use super::session::{Devices, Ground, Session};
use crate::event::Note;
use crate::plan::{Plan, Verdict, recipe};
use crate::spec::InstanceId;
use crate::stage::{Context, Feed, Inquiry, StageError, Stop};
use crate::store::Store;

/// Nobody listens: what is worth saying is in the answer.
pub(super) struct Silent;

impl Feed for Silent {
    fn note(&self, _note: Note) {}
}

/// Returns what an instance would ask; `None` where it asks nobody. What it reads must be there.
pub(super) fn of(
    session: &Session,
    id: InstanceId,
    plan: &Plan,
    ground: &Ground,
    store: &Store,
    devices: &Devices,
) -> Result<Option<Inquiry>, Failure> {
    let results: Vec<_> = plan
        .verdicts
        .iter()
        .map(|verdict| match verdict {
            Verdict::Hit(found) | Verdict::Remake(_, found) | Verdict::Doubtful(found, _) => Some(Arc::clone(found)),
            Verdict::Left | Verdict::Run(_) | Verdict::Shares(_) | Verdict::Awaits(_) | Verdict::Lacks(_) => None,
        })
        .collect();
    let absent = session.graph.producers(id).into_iter().find(|producer| results[producer.index()].is_none());
    if let Some(absent) = absent {
        let name = session.name(absent);
        return Err(Failure::unusable(format!("`{}` reads `{name}`, which has no current result", session.name(id)))
            .hint(format!("`retort run PIPELINE '{name}'{}` makes it", session.settings.cache_option())));
    }
    let recipe = recipe(&session.experiment, id, &results, &ground.externals, ground.numerics);
    let stop = Stop::new();
    let context = Context::new(&recipe.order, store, devices, &Environment, &Silent, &stop);
    let inquiry = session.experiment.instances[id.index()].bound.inquiry(&context);
    inquiry.map_err(|error| match error {
        StageError::Store(error) => error.into(),
        StageError::Device(error) => error.into(),
        other => Failure::unusable(format!("cannot say what `{}` asks: {other}", session.name(id))),
    })
}
