//! `retort check`: the pipeline is sound, a run would get past its first second, and, on demand, the cache equals a fresh computation byte for byte.

use super::super::args::{Check, Global};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::reporter::{self, counted};
use super::super::settings::load;
use super::run::reporter_options;
use crate::session::{Demand, Selection, Session};

/// Checks a pipeline.
pub(super) fn check(global: &Global, args: &Check) -> Result<Exit, Failure> {
    let pipeline = load(global, &args.selection.pipeline)?;
    let selection = pipeline.select(&args.selection.targets)?.unnamed();
    let session = pipeline.look()?;
    if args.from_scratch {
        return from_scratch(global, &session, &selection);
    }
    preflight(&session, selection)?;
    let (experiment, instances) = (&session.pipeline.experiment, session.pipeline.graph.len());
    print::data(&format!(
        "{}: {}, {}, no errors\n",
        experiment.name,
        counted(experiment.stages.len(), "stage"),
        counted(instances, "instance")
    ));
    Ok(Exit::Success)
}

/// Looks for what a run would find in its first second.
fn preflight(session: &Session, selection: Selection) -> Result<(), Failure> {
    let ground = session.ground(&selection, Demand::Nothing)?;
    if let Some(error) = session.lacking(&ground) {
        return Err(error.into());
    }
    let planned = session.plan_on(selection, ground)?;
    let unseen = planned.plan.counts().lacks;
    if unseen > 0 {
        print::note(&format!(
            "not checked: {}, whose models are not here yet; `retort run` fetches them first",
            counted(unseen, "instance")
        ));
    }
    let found = session.preflight(&planned);
    found.warnings.iter().for_each(|warning| print::note(warning));
    let flaw = found.flaw_or_lack(&session.pipeline);
    flaw.map_or(Ok(()), |error| Err(error.into()))
}

fn from_scratch(global: &Global, session: &Session, selection: &Selection) -> Result<Exit, Failure> {
    let folder = std::env::temp_dir().join(format!("retort-check-{}", std::process::id()));
    let mut screen = reporter::make(reporter_options(global));
    let recomputed = session.from_scratch(selection, &folder, &mut *screen);
    drop(screen);
    let Some(recomputed) = recomputed? else { return Ok(Exit::StageFailed) };
    let differs = |(id, part): &(_, String)| format!("{}: `{part}` differs", session.name(*id));
    let different: Vec<String> = recomputed.different.iter().map(differs).collect();
    let instances = recomputed.instances;
    if global.json {
        print::answer(&serde_json::json!({ "instances": instances, "different": different }));
    } else if different.is_empty() {
        print::data(&format!("{}, equal to a fresh computation byte for byte\n", counted(instances, "instance")));
    } else {
        print::data(&(different.join("\n") + "\n"));
    }
    Ok(if different.is_empty() { Exit::Success } else { Exit::Differs })
}
