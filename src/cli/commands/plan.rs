//! `retort plan`: what a run would do.

use std::collections::BTreeMap;

use super::super::args::{Global, Selection};
use super::super::exit::{Exit, Failure};
use super::super::footprint;
use super::super::print;
use super::super::reporter::reason;
use super::super::settings::load;
use crate::plan::{Plan, Verdict};
use crate::session::{Demand, Forecast, Prospect, amount, duration};
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
        print::json(&forecast);
    } else {
        let takes = forecast.takes.as_ref().map(|takes| footprint::text(takes, session.devices.cuda()));
        print::data(&(text(&forecast, &planned.plan, global.verbose > 0) + &takes.unwrap_or_default()));
    }
    let found = session.preflight(&planned);
    found.warnings.iter().for_each(|warning| print::note(warning));
    found.here.sorted().into_iter().for_each(|diagnostic| print::note(&diagnostic.message));
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
    let mut out = if rows.is_empty() { String::new() } else { print::table(&["", "instance", "why"], rows) + "\n" };
    if shown < listed.len() {
        out += &format!("and {} more; `--verbose` lists them all\n\n", listed.len() - shown);
    }
    for line in lines {
        if let Some(estimate) = &line.asks {
            out += &format!("{} asks a teacher: {}\n", line.instance, asking(estimate));
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
        out += &format!(
            "{first}{others} asks a teacher: `{command}` comes first, then `plan` estimates calls, tokens and cost\n"
        );
    }
    let total = counts.hits + counts.runs + counts.same + counts.awaits + counts.lacks;
    out += &format!(
        "{}: {total} instances: {} cached, {} to run{}{}, {} to be decided by what those give\n",
        experiment,
        counts.hits,
        counts.runs,
        if counts.same == 0 { String::new() } else { format!(", {} the same as those", counts.same) },
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
    let Estimate { answered, calls, prompt_tokens, answer_tokens, cost, took_ms, basis, exceeds } = estimate;
    let there = if *answered == 0 { String::new() } else { format!(" ({answered} are answered already)") };
    if *calls == 0 {
        return format!("nothing new{there}");
    }
    let most = if *basis == Basis::Guess { "at most " } else { "" };
    let mut out =
        format!("{calls} calls{there}, about {prompt_tokens} tokens asked and {most}{answer_tokens} answered");
    if let Some(cost) = cost {
        out += &format!(", for {most}{}", amount(*cost));
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
            "max_cost" => (amount(*expected), "cost"),
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
