//! `retort check`: the pipeline is sound, and, on demand, the cache equals a fresh computation byte for byte.

use std::sync::Arc;

use super::super::args::{Check, Global};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::reach::Environment;
use super::super::reporter;
use super::super::session::{Devices, Session};
use super::run::{options, reporter_options};
use super::show::result_of;
use crate::engine::{self, World};
use crate::fingerprint::{Fingerprint, KeyManifest};
use crate::plan::{Counts, Earlier, History};
use crate::spec::InstanceId;
use crate::stage::Stop;
use crate::stage::kinds::elicit::BOUGHT;
use crate::store::Mode;

/// Checks a pipeline.
pub(super) fn check(global: &Global, args: &Check) -> Result<Exit, Failure> {
    let session = Session::load(global, &args.selection.pipeline)?;
    let wanted = session.wanted(&args.selection.targets)?;
    if !args.from_scratch {
        let (stages, instances) = (session.experiment.stages.len(), session.graph.len());
        print::data(&format!("{}: {stages} stages, {instances} instances, no errors\n", session.experiment.name));
        return Ok(Exit::Success);
    }
    from_scratch(global, session, &wanted)
}

fn from_scratch(global: &Global, mut session: Session, wanted: &[bool]) -> Result<Exit, Failure> {
    let ids: Vec<InstanceId> = (0..session.graph.len()).map(InstanceId::at).filter(|id| wanted[id.index()]).collect();
    let known = session.look()?;
    let cached = ids.iter().map(|id| result_of(global, &session, *id, &known)).collect::<Result<Vec<_>, _>>()?;
    let fresh_cache = std::env::temp_dir().join(format!("retort-check-{}", std::process::id()));
    session.settings.cache.clone_from(&fresh_cache);
    // What others made is not fresh either.
    session.settings.layers.clear();
    let store = session.store(Mode::Create)?;
    // What a teacher behind a server said cannot be computed again, only bought again.
    store.take_rows(&known, BOUGHT)?;
    drop(known);
    let devices = Devices::new(&session.settings, global);
    let ground = session.ground(wanted, &store, &devices)?;
    let stop = Stop::new();
    let options = options(&session, None, format!("check-{}", std::process::id()));
    let world = World {
        experiment: &session.experiment,
        graph: &session.graph,
        wanted,
        externals: &ground.externals,
        numerics: ground.numerics,
        store: &store,
        devices: &devices,
        reach: &Environment,
        history: &Nothing,
        stop: &stop,
    };
    let mut screen = reporter::make(reporter_options(global));
    let expected = Counts { runs: ids.len(), ..Counts::default() };
    let outcome = engine::run(world, &options, expected, &mut *screen)?;
    drop(store);
    fs_err::remove_dir_all(&fresh_cache)?;
    if outcome.tally.failed > 0 {
        return Ok(Exit::StageFailed);
    }
    let mut different = Vec::new();
    for (id, cached) in ids.iter().zip(&cached) {
        let fresh = outcome.results[id.index()].as_ref().ok_or_else(|| Failure::unusable("the check did not end"))?;
        let parts = cached.parts.keys().chain(fresh.parts.keys()).collect::<std::collections::BTreeSet<_>>();
        let differing = parts.into_iter().filter(|part| cached.parts.get(*part) != fresh.parts.get(*part));
        different.extend(differing.map(|part| format!("{}: `{part}` differs", session.name(*id))));
    }
    if global.json {
        print::json(&serde_json::json!({ "instances": ids.len(), "different": different }));
    } else if different.is_empty() {
        print::data(&format!("all {} instances equal a fresh computation, byte for byte\n", ids.len()));
    } else {
        print::data(&(different.join("\n") + "\n"));
    }
    Ok(if different.is_empty() { Exit::Success } else { Exit::Differs })
}

/// A check compares with nothing earlier.
pub(super) struct Nothing;

impl History for Nothing {
    fn namesake(&self, _name: &str) -> Option<&Earlier> {
        None
    }

    fn neighbours(&self, _name: &str, _stage: &str) -> Vec<&Earlier> {
        Vec::new()
    }

    fn manifest(&self, _fingerprint: &Fingerprint) -> Option<(Arc<KeyManifest>, u64)> {
        None
    }
}
