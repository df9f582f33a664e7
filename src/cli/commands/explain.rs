//! `retort explain`: the field that changed, its place in the file, the first ancestor that diverged, and the last cost.

use serde::Serialize;

use super::super::args::{Global, Selection};
use super::super::exit::{Exit, Failure};
use super::super::history::StoredHistory;
use super::super::print;
use super::super::reporter::duration;
use super::super::session::{Devices, Session};
use super::plan::reason;
use crate::plan::{Plan, Verdict, divergence, gone};
use crate::spec::InstanceId;
use crate::store::Store;

/// The explanation of one instance.
#[derive(Debug, Serialize)]
struct Explained {
    instance: String,
    state: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Changed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_with: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_took_ms: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    because_of: Vec<Explained>,
}

/// One field that differs.
#[derive(Debug, Serialize)]
struct Changed {
    field: String,
    before: Option<String>,
    after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

/// Says why instances are stale, or that they are not.
pub(super) fn explain(global: &Global, selection: &Selection) -> Result<Exit, Failure> {
    let session = Session::load(global, &selection.pipeline)?;
    let targets: Vec<InstanceId> = if selection.targets.is_empty() {
        (0..session.graph.len()).map(InstanceId::at).collect()
    } else {
        selection.targets.iter().map(|target| session.matching(target)).collect::<Result<Vec<_>, _>>()?.concat()
    };
    let wanted = session.graph.needed_by(targets.iter().copied());
    let store = session.look()?;
    let ground = session.ground(&wanted, &store, &Devices::new(&session.settings, global))?;
    let plan = session.plan_with(&wanted, &session.named(&selection.targets)?, &ground, &store)?;
    let history = StoredHistory::read(&store, &session.experiment.name)?;
    let stale = |id: &InstanceId| !matches!(plan.verdicts[id.index()], Verdict::Hit(_) | Verdict::Left);
    // Without a target, an instance that only waits for another is told by that other.
    let tell = |id: &InstanceId| {
        !selection.targets.is_empty() || (stale(id) && !matches!(plan.verdicts[id.index()], Verdict::Awaits(_)))
    };
    let explained: Vec<Explained> =
        targets.iter().filter(|id| tell(id)).map(|id| explained(&session, &plan, &store, &history, *id)).collect();
    if global.json {
        print::json(&explained);
    } else if explained.is_empty() {
        print::data("nothing is stale\n");
    } else {
        let mut out = String::new();
        explained.iter().for_each(|one| write(one, 0, &mut out));
        print::data(&out);
    }
    Ok(Exit::Success)
}

fn explained(session: &Session, plan: &Plan, store: &Store, history: &StoredHistory<'_>, id: InstanceId) -> Explained {
    let stage = &session.experiment.stage_of(id).name;
    let name = session.name(id);
    let mut one = Explained {
        instance: name.clone(),
        state: String::new(),
        changes: Vec::new(),
        compared_with: None,
        last_took_ms: None,
        because_of: Vec::new(),
    };
    match &plan.verdicts[id.index()] {
        Verdict::Left => one.state = "not asked for".into(),
        Verdict::Doubtful(found, readers) => {
            let readers: Vec<String> = readers.iter().map(|id| session.name(*id)).collect();
            one.state = format!("is made again if {} runs: {}", readers.join(" or "), reason(&gone(found, store)));
            one.last_took_ms = Some(found.took_ms);
        }
        Verdict::Hit(found) => {
            one.state = format!("is a hit, made by {}", found.by);
            one.last_took_ms = Some(found.took_ms);
        }
        Verdict::Remake(_, found) => {
            one.state = format!("must be made again: {}", reason(&gone(found, store)));
            one.last_took_ms = Some(found.took_ms);
        }
        Verdict::Shares(first) => {
            one.state = format!("takes the result of {}, whose recipe is the same", session.name(*first));
        }
        Verdict::Lacks(files) => one.state = format!("lacks {}", files.join(", ")),
        Verdict::Awaits(on) => {
            one.state = "waits for what comes before it".into();
            one.last_took_ms = history.last_cost(&name);
            // The first ancestors that diverged, not everything in between.
            let mut roots: Vec<InstanceId> = on.clone();
            while let Some(position) =
                roots.iter().position(|id| matches!(plan.verdicts[id.index()], Verdict::Awaits(_)))
            {
                if let Verdict::Awaits(further) = &plan.verdicts[roots.swap_remove(position).index()] {
                    roots.extend(further);
                }
            }
            roots.sort_unstable();
            roots.dedup();
            one.because_of = roots.into_iter().map(|root| explained(session, plan, store, history, root)).collect();
        }
        Verdict::Run(recipe) => match divergence(&session.experiment, id, &recipe.manifest, history) {
            None => one.state = "is new: nothing like it was run before".into(),
            Some(found) => {
                one.state = "is stale".into();
                one.last_took_ms = Some(found.took_ms);
                one.compared_with = Some(found.from.name.clone());
                one.changes = found
                    .changes
                    .into_iter()
                    .map(|change| {
                        let place = session.experiment.place(id, &change.path);
                        Changed {
                            field: format!("stages.{stage}.{}", change.path.trim_start_matches("params.")),
                            before: change.before,
                            after: change.after,
                            at: place.map(|span| session.sources.place(span)),
                        }
                    })
                    .collect();
                if one.changes.is_empty() {
                    one.state =
                        "is stale: the same recipe was run, but its result is gone or was never finished".into();
                }
            }
        },
    }
    one
}

fn write(one: &Explained, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    *out += &format!("{indent}{} {}\n", one.instance, one.state);
    for change in &one.changes {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
        let at = change.at.as_ref().map_or(String::new(), |at| format!(", at {at}"));
        *out += &format!("{indent}  {}: {} → {}{at}\n", change.field, value(&change.before), value(&change.after));
    }
    if let Some(with) = one.compared_with.as_ref().filter(|with| **with != one.instance) {
        *out += &format!("{indent}  compared with the nearest earlier instance, {with}\n");
    }
    if let Some(took) = one.last_took_ms {
        *out += &format!("{indent}  it last took {}\n", duration(took));
    }
    if !one.because_of.is_empty() {
        *out += &format!("{indent}  because of:\n");
        one.because_of.iter().for_each(|cause| write(cause, depth + 2, out));
    }
}
