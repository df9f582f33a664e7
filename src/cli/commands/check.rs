//! `retort check`: the pipeline is sound, a run would get past its first second, and, on demand, the cache equals a fresh computation byte for byte.

use super::super::args::{Check, Global};
use super::super::exit::{Exit, Failure};
use super::super::preflight;
use super::super::print;
use super::super::session::{Devices, Session};
use super::afresh::{Afresh, different_parts};
use super::show::result_of;
use crate::plan::Counts;
use crate::spec::InstanceId;
use crate::stage::kinds::elicit::BOUGHT;
use crate::store::Mode;

/// Checks a pipeline.
pub(super) fn check(global: &Global, args: &Check) -> Result<Exit, Failure> {
    let session = Session::load(global, &args.selection.pipeline)?;
    let wanted = session.wanted(&args.selection.targets)?;
    if !args.from_scratch {
        preflight(global, &session, &wanted)?;
        let (stages, instances) = (session.experiment.stages.len(), session.graph.len());
        print::data(&format!("{}: {stages} stages, {instances} instances, no errors\n", session.experiment.name));
        return Ok(Exit::Success);
    }
    from_scratch(global, session, &wanted)
}

/// Looks for what a run would find in its first second.
fn preflight(global: &Global, session: &Session, wanted: &[bool]) -> Result<(), Failure> {
    let store = session.look()?;
    let devices = Devices::new(&session.settings, global);
    let ground = session.inspect(wanted, &store, &devices);
    if let Some(error) = ground.externals.unusable() {
        return Err(session.unusable(&error));
    }
    let plan = session.plan(wanted, &ground, &store)?;
    let unseen = plan.counts().lacks;
    if unseen > 0 {
        print::note(&format!(
            "{unseen} instances were not looked at: their models have yet to be fetched, which `retort run` does first"
        ));
    }
    preflight::look(session, &plan, &ground, &store, &devices).failure(session).map_or(Ok(()), Err)
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
    for kind in BOUGHT {
        store.take_rows(&known, kind)?;
    }
    drop(known);
    let devices = Devices::new(&session.settings, global);
    let ground = session.ground(wanted, &store, &devices)?;
    let expected = Counts { runs: ids.len(), ..Counts::default() };
    let again = Afresh { session: &session, wanted, ground: &ground, store: &store, devices: &devices };
    let outcome = again.run(global, "check", expected)?;
    drop(store);
    fs_err::remove_dir_all(&fresh_cache)?;
    if outcome.tally.failed > 0 {
        return Ok(Exit::StageFailed);
    }
    let mut different = Vec::new();
    for (id, cached) in ids.iter().zip(&cached) {
        let fresh = outcome.results[id.index()].as_ref().ok_or_else(|| Failure::unusable("the check did not end"))?;
        let differing = different_parts(&cached.parts, &fresh.parts).into_iter();
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
