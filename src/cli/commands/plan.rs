//! `retort plan`: what a run would do.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::args::{Global, Selection};
use super::super::exit::{Exit, Failure};
use super::super::footprint::{self, Outlay};
use super::super::history::StoredHistory;
use super::super::inquiry;
use super::super::preflight;
use super::super::print;
use super::super::reporter::duration;
use super::super::session::{Devices, Session};
use crate::event::Why;
use crate::plan::{Counts, Plan, Verdict, gone, why};
use crate::source::Diagnostics;
use crate::spec::InstanceId;
use crate::stage::{Basis, Estimate};
use crate::store::Store;

/// What the plan says of one instance, for programs.
#[derive(Debug, Serialize)]
struct Line {
    instance: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    awaits: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lacks: Vec<String>,
    /// What it is expected to ask of a teacher, where it asks one.
    #[serde(skip_serializing_if = "Option::is_none")]
    asks: Option<Estimate>,
}

#[derive(Debug, Serialize)]
struct Answer {
    experiment: String,
    counts: Counts,
    /// What the trainings that are still to be done take up.
    #[serde(skip_serializing_if = "Option::is_none")]
    takes: Option<Outlay>,
    instances: Vec<Line>,
}

/// Says what a run would do, without doing it.
pub(super) fn plan(global: &Global, selection: &Selection) -> Result<Exit, Failure> {
    let session = Session::load(global, &selection.pipeline)?;
    let wanted = session.wanted(&selection.targets)?;
    let store = session.look()?;
    let devices = Devices::new(&session.settings, global);
    let ground = session.survey(&wanted, &store, &devices)?;
    let plan = session.plan_with(&wanted, &session.named(&selection.targets)?, &ground, &store)?;
    let most = if global.json || global.verbose > 0 { usize::MAX } else { SHOWN_MAX };
    let asks = |id| Ok(inquiry::of(&session, id, &plan, &ground, &store, &devices)?.map(|inquiry| inquiry.estimate));
    let lines = lines(&session, &plan, &store, most, &asks)?;
    let counts = plan.counts();
    let takes = footprint::of(&session, &plan, &ground, &store, &devices);
    if global.json {
        print::json(&Answer { experiment: session.experiment.name.clone(), counts, takes, instances: lines });
    } else {
        let takes = takes.map_or_else(String::new, |takes| takes.text(devices.cuda()));
        print::data(&(text(&session, &plan, &lines, global.verbose > 0) + &takes));
    }
    let found = preflight::look(&session, &plan, &ground, &store, &devices);
    found.tell_here();
    // A run would fetch a model from the hub; any other file must be brought first.
    if let Some(error) = ground.externals.unusable() {
        return Err(session.unusable(&error));
    }
    preflight::Found { here: Diagnostics::default(), ..found }.failure(&session).map_or(Ok(Exit::Success), Err)
}

/// How many stale instances are listed for a person, unless more is asked for.
const SHOWN_MAX: usize = 60;

/// Says what the plan says of each instance; `why` for the first `most` of those that run.
fn lines(
    session: &Session,
    plan: &Plan,
    store: &Store,
    most: usize,
    asks: &dyn Fn(InstanceId) -> Result<Option<Estimate>, Failure>,
) -> Result<Vec<Line>, Failure> {
    let (mut history, mut explained) = (None, 0);
    let mut lines = Vec::new();
    for (id, verdict) in plan.verdicts.iter().enumerate().map(|(index, verdict)| (InstanceId::at(index), verdict)) {
        let mut line = Line {
            instance: session.name(id),
            verdict: "hit",
            fingerprint: None,
            why: None,
            awaits: Vec::new(),
            lacks: Vec::new(),
            asks: None,
        };
        match verdict {
            Verdict::Left => continue,
            Verdict::Hit(found) => line.fingerprint = Some(found.fingerprint.hex()),
            Verdict::Run(recipe) => {
                if history.is_none() {
                    history = Some(StoredHistory::read(store, &session.experiment.name)?);
                }
                let history = history.as_ref().expect("just read");
                line.verdict = "run";
                line.fingerprint = Some(recipe.order.fingerprint.hex());
                // What is asked is written in its inputs; those that are lost are made again first.
                let is_readable = recipe.reads.iter().all(|read| store.holds(&read.digest));
                line.asks = if is_readable { asks(id)? } else { None };
                if explained < most {
                    line.why = Some(why(&session.experiment, id, &recipe.manifest, history));
                    explained += 1;
                }
            }
            Verdict::Remake(recipe, found) => {
                line.verdict = "run";
                line.fingerprint = Some(recipe.order.fingerprint.hex());
                line.why = Some(gone(found, store));
            }
            // Whether it is made again is decided by what would read it.
            Verdict::Doubtful(found, readers) => {
                line.verdict = "awaits";
                line.fingerprint = Some(found.fingerprint.hex());
                line.why = Some(gone(found, store));
                line.awaits = readers.iter().map(|id| session.name(*id)).collect();
            }
            Verdict::Shares(first) => {
                line.verdict = "shares";
                line.awaits = vec![session.name(*first)];
            }
            Verdict::Awaits(on) => {
                line.verdict = "awaits";
                line.awaits = on.iter().map(|id| session.name(*id)).collect();
            }
            Verdict::Lacks(files) => {
                line.verdict = "lacks";
                line.lacks.clone_from(files);
            }
        }
        lines.push(line);
    }
    Ok(lines)
}

fn text(session: &Session, plan: &Plan, lines: &[Line], every_hit: bool) -> String {
    let counts = plan.counts();
    let mut rows = Vec::new();
    let listed: Vec<&Line> = lines.iter().filter(|line| every_hit || line.verdict != "hit").collect();
    let shown = if every_hit { listed.len() } else { listed.len().min(SHOWN_MAX) };
    for line in &listed[..shown] {
        let why = match (&line.why, &line.awaits[..]) {
            (Some(why), [reader, ..]) => format!("{} if {reader} runs", reason(why)),
            (Some(why), []) => reason(why),
            (None, [first, ..]) if line.verdict == "shares" => format!("the same recipe as {first}"),
            (None, [first, more @ ..]) => match more.len() {
                0 => format!("after {first}"),
                n => format!("after {first} and {n} more"),
            },
            (None, []) => line.lacks.join(", "),
        };
        rows.push(vec![line.verdict.to_owned(), line.instance.clone(), why]);
    }
    let mut out = if rows.is_empty() { String::new() } else { print::table(&["", "instance", "why"], rows) + "\n" };
    if shown < listed.len() {
        out += &format!("and {} more; `--verbose` lists them all\n\n", listed.len() - shown);
    }
    for line in lines {
        if let Some(estimate) = &line.asks {
            out += &format!("{} asks a teacher: {}\n", line.instance, asking(estimate));
        }
    }
    let total = counts.hits + counts.runs + counts.shares + counts.awaits + counts.lacks;
    out += &format!(
        "{}: {total} instances: {} cached, {} to run{}{}, {} to be decided by what those give\n",
        session.experiment.name,
        counts.hits,
        counts.runs,
        if counts.shares == 0 { String::new() } else { format!(", {} the same as those", counts.shares) },
        if counts.lacks == 0 { String::new() } else { format!(", {} whose files are not here yet", counts.lacks) },
        counts.awaits
    );
    if counts.runs + counts.awaits + counts.lacks == 0 {
        out += "nothing to do\n";
    } else if let Some(saved) = saved(plan) {
        out += &format!("the cached part took {saved} to make\n");
    }
    out
}

/// Says what asking a teacher is expected to take.
fn asking(estimate: &Estimate) -> String {
    let Estimate { answered, calls, prompt_tokens, answer_tokens, cost, took_ms, basis } = estimate;
    let there = if *answered == 0 { String::new() } else { format!(" ({answered} are answered already)") };
    if *calls == 0 {
        return format!("nothing new{there}");
    }
    let most = if *basis == Basis::Guess { "at most " } else { "" };
    let mut out =
        format!("{calls} calls{there}, about {prompt_tokens} tokens asked and {most}{answer_tokens} answered");
    if let Some(cost) = cost {
        out += &format!(", for {most}{cost:.2}");
    }
    if let Some(took_ms) = took_ms {
        out += &format!(", in {}", duration(*took_ms));
    }
    out + match basis {
        Basis::History => ", going by what the model took before",
        Basis::Guess => "; nothing is known of the model yet",
    }
}

/// How long the hits took when they were made.
fn saved(plan: &Plan) -> Option<String> {
    let took: u64 = plan.verdicts.iter().map(|v| if let Verdict::Hit(found) = v { found.took_ms } else { 0 }).sum();
    (took > 0).then(|| duration(took))
}

/// Says in a few words why an instance runs.
pub(in super::super) fn reason(why: &Why) -> String {
    match why {
        Why::New => "new".into(),
        Why::Lost { part } if part == "result" => "its result is gone".into(),
        Why::Lost { part } => format!("its part `{part}` is lost or damaged, and needed"),
        Why::Evicted { part } => format!("its {part} were not kept, and are needed again"),
        Why::Changed { from, changes } => {
            let shown: BTreeMap<&str, String> = changes
                .iter()
                .take(3)
                .map(|change| {
                    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
                    (
                        change.path.as_str(),
                        format!(
                            "{}: {} → {}",
                            change.path.trim_start_matches("params."),
                            value(&change.before),
                            value(&change.after)
                        ),
                    )
                })
                .collect();
            let more = if changes.len() > 3 { format!(" and {} more", changes.len() - 3) } else { String::new() };
            let than = from.as_ref().map_or(String::new(), |from| format!(" (nearest: {from})"));
            format!("{}{more}{than}", shown.into_values().collect::<Vec<_>>().join("; "))
        }
    }
}
