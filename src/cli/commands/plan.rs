//! `retort plan`: what a run would do.

use std::collections::{BTreeMap, BTreeSet};

use super::super::args::{Global, Selection};
use super::super::exit::{Exit, Failure};
use super::super::footprint;
use super::super::grid::Lane;
use super::super::print;
use super::super::reporter::{amount, counted, reason};
use super::super::settings::load;
use crate::plan::{Plan, Verdict};
use crate::session::{Demand, Forecast, Prospect, amount as money, duration};
use crate::stage::{Basis, Estimate, Exceeded};

/// Says what a run would do, without doing it.
pub(super) fn plan(global: &Global, selection: &Selection) -> Result<Exit, Failure> {
    let pipeline = load(global, &selection.pipeline)?;
    let selected = pipeline.select(&selection.targets)?;
    let session = pipeline.look()?;
    let planned = session.plan(selected, Demand::Device)?;
    let most = if global.json || global.verbose > 0 { usize::MAX } else { SHOWN_MAX };
    let forecast = session.forecast(&planned, most)?;
    if global.json {
        print::answer(&forecast);
    } else {
        let takes = forecast.takes.as_ref().map(|takes| footprint::text(takes, session.devices.cuda()));
        print::data(&(text(&forecast, &planned.plan, global.verbose > 0) + &takes.unwrap_or_default()));
    }
    let found = session.preflight(&planned);
    found.warnings.iter().for_each(|warning| print::note(warning));
    let mut said = BTreeSet::new();
    for diagnostic in found.here.sorted().into_iter().filter(|diagnostic| said.insert(diagnostic.message.clone())) {
        print::note(&diagnostic.message);
    }
    // A run would fetch a model from the hub; any other file must be brought first.
    if let Some(error) = session.lacking(&planned.ground) {
        return Err(error.into());
    }
    found.flaw(&session.pipeline).map_or(Ok(Exit::Success), |error| Err(error.into()))
}

/// How many stale instances are listed for a person, unless more is asked for.
const SHOWN_MAX: usize = 60;

fn text(forecast: &Forecast, plan: &Plan, every_hit: bool) -> String {
    let Forecast { experiment, counts, takes: _, instances: lines } = forecast;
    let mut rows = Vec::new();
    let listed: Vec<&Prospect> = lines.iter().filter(|line| every_hit || line.verdict != "hit").collect();
    let shown = if every_hit { listed.len() } else { listed.len().min(SHOWN_MAX) };
    for line in &listed[..shown] {
        let why = match (&line.why, &line.awaits[..]) {
            (Some(why), [reader, ..]) => format!("{} if {reader} runs", reason(why, false)),
            (Some(why), []) => reason(why, false),
            (None, [first, ..]) if line.verdict == "same" => format!("the same key as {first}"),
            (None, [first, more @ ..]) => match more.len() {
                0 => format!("after {first}"),
                n => format!("after {first} and {n} more"),
            },
            (None, []) => line.lacks.join(", "),
        };
        rows.push(vec![line.verdict.to_owned(), line.instance.clone(), why]);
    }
    let lanes = vec![Lane::words(""), Lane::name("instance"), Lane::prose("why")];
    let mut out = if rows.is_empty() { String::new() } else { print::grid(lanes, rows) + "\n" };
    let columns = print::columns();
    let told = |line: String| print::paragraphs(&line, columns, 0);
    if shown < listed.len() {
        out += &format!("and {} more; `--verbose` lists them all\n\n", listed.len() - shown);
    }
    for line in lines {
        if let Some(estimate) = &line.asks {
            out += &told(format!("{} asks a teacher: {}\n", line.instance, asking(estimate)));
        }
    }
    // One command may serve several.
    let mut unknown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in lines {
        if let Some(command) = &line.asks_after {
            unknown.entry(command).or_default().push(&line.instance);
        }
    }
    for (command, instances) in unknown {
        let (first, more) = (instances[0], instances.len() - 1);
        let others = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        let ask = if more == 0 { "asks" } else { "ask" };
        out += &told(format!(
            "{first}{others} {ask} a teacher: run `{command}` first, which makes the questions; then `retort plan` estimates \
             calls, tokens and cost\n"
        ));
    }
    let total = counts.hits + counts.runs + counts.same + counts.awaits + counts.lacks;
    let mut parts = vec![format!("{} cached", counts.hits), format!("{} to run", counts.runs)];
    let further = [
        (counts.same, "with the same key as one of those"),
        (counts.lacks, "without their files"),
        (counts.awaits, "pending (their inputs are not known yet)"),
    ];
    parts.extend(further.iter().filter(|(count, _)| *count > 0).map(|(count, what)| amount(*count, what)));
    out += &told(format!("{experiment}: {}: {}\n", counted(total, "instance"), parts.join(", ")));
    if counts.runs + counts.awaits + counts.lacks == 0 {
        out += "nothing to do\n";
    } else if let Some(saved) = saved(plan) {
        out += &format!("the cached part took {saved} to make\n");
    }
    out
}

/// Says what asking a teacher is expected to take.
fn asking(estimate: &Estimate) -> String {
    let Estimate { answered, calls, prompt_tokens, answer_tokens, cost, took_ms, basis, exceeds } = estimate;
    let calls = *calls;
    let there = if *answered == 0 { String::new() } else { format!(" ({answered} answered already)") };
    if calls == 0 {
        return format!("nothing new{there}");
    }
    let most = if *basis == Basis::Guess { "at most " } else { "" };
    let mut out = format!(
        "{}{there}, about {prompt_tokens} tokens asked and {most}{answer_tokens} answered",
        counted(calls, "call")
    );
    if let Some(cost) = cost {
        out += &format!(", for {most}{}", money(*cost));
    }
    if let Some(took_ms) = took_ms {
        out += &format!(", in {}", duration(*took_ms));
    }
    out += match basis {
        Basis::History => ", going by what the model took before",
        Basis::Guess => "; no earlier calls to estimate from",
    };
    if let Some(Exceeded { field, most, expected }) = exceeds {
        let (expected, comes) = match *field {
            "max_cost" => (money(*expected), "cost"),
            _ => (format!("{expected:.0}"), "come to"),
        };
        let most_said = if *basis == Basis::Guess { "up to " } else { "about " };
        out += &format!(
            "\n  with what was spent before, all answers {comes} {most_said}{expected}, more than `{field}: {most}` allows: the \
             stage stops there and keeps what came"
        );
    }
    out
}

/// How long the hits took when they were made.
fn saved(plan: &Plan) -> Option<String> {
    let took: u64 = plan.verdicts.iter().map(|v| if let Verdict::Hit(found) = v { found.took_ms } else { 0 }).sum();
    (took > 0).then(|| duration(took))
}
