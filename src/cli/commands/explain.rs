//! `retort explain`: the field that changed, its place in the file, the first ancestor that diverged, and the last cost.

use super::super::args::{Global, Selection};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::settings::load;
use crate::plan::Verdict;
use crate::session::{Demand, Explained, duration};
use crate::spec::InstanceId;

/// Says why instances are stale, or that they are not.
pub(super) fn explain(global: &Global, selection: &Selection) -> Result<Exit, Failure> {
    let pipeline = load(global, &selection.pipeline)?;
    let (selected, named) = (pipeline.select(&selection.targets)?, !selection.targets.is_empty());
    let mut targets: Vec<InstanceId> = Vec::new();
    for target in &selection.targets {
        targets.extend(pipeline.matching(target)?);
    }
    if !named {
        targets.extend(pipeline.experiment.ids());
    }
    let session = pipeline.look()?;
    let planned = session.plan(selected, Demand::All)?;
    let history = session.history()?;
    // Without a target, an instance that only waits for another is told by that other.
    let tell = |id: &&InstanceId| {
        named || !matches!(planned.verdict(**id), Verdict::Hit(_) | Verdict::Left | Verdict::Awaits(_))
    };
    let explained: Vec<Explained> =
        targets.iter().filter(tell).map(|id| session.explain(&planned, &history, *id)).collect();
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

fn write(one: &Explained, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    *out += &format!("{indent}{} {}\n", one.instance, one.state);
    for change in &one.changes {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
        let at = change.at.as_ref().map_or(String::new(), |at| {
            // An option is not a place in a file.
            if at.starts_with("--") { format!(", by `{at}`") } else { format!(", at {at}") }
        });
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
