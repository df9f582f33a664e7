//! `retort diff`: what two runs or two pipeline files differ in: parameters, accuracies, and the questions that changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::args::{Diff, Global, Pipeline};
use super::super::exit::{Exit, Failure};
use super::super::grid::Lane;
use super::super::print;
use super::super::reporter::amount;
use super::super::settings::{load, workspace};
use crate::artifact::Answer;
use crate::fingerprint::KeyChange;
use crate::session::{Accuracies, ChangedAnswer, Difference, Measured, Side, Trained, differences};
use crate::store::Store;

/// Compares two sides.
pub(super) fn diff(global: &Global, args: &Diff) -> Result<Exit, Failure> {
    let workspace = workspace(global)?;
    let store = Arc::new(workspace.look()?);
    let before = side(global, args, &args.before, &store)?;
    let after = side(global, args, &args.after, &store)?;
    let lines = differences(&store, workspace.language(), &before, &after)?;
    if global.json {
        print::json(&serde_json::json!({ "before": before.name, "after": after.name, "instances": lines }));
        return Ok(Exit::Success);
    }
    if lines.is_empty() {
        let all = match after.len() {
            1 => "its only instance".to_owned(),
            count => format!("all {} instances", number(count)),
        };
        print::data(&format!("{} and {} have the same keys in {all}\n", before.name, after.name));
        return Ok(Exit::Success);
    }
    let heading = format!("{} ({}) → {} ({})\n", before.name, before.experiment, after.name, after.experiment);
    let heading = print::paragraphs(&heading, print::columns(), 0);
    let keys = keys(&lines, global.verbose > 0);
    print::data(&(heading + &keys + &trainings(&lines) + &scores(&lines) + &questions(&lines, args.limit)));
    Ok(Exit::Success)
}

/// Reads a run by its name, or a pipeline by its file.
fn side(global: &Global, args: &Diff, name: &str, store: &Arc<Store>) -> Result<Side, Failure> {
    let path = Path::new(name);
    if !path.is_file() && path.extension().is_none_or(|end| end != "yaml" && end != "yml") {
        return Ok(Side::of_run(name, store)?);
    }
    let pipeline = Pipeline { file: PathBuf::from(path), set: Vec::new(), roots: args.roots.clone(), device: None };
    Ok(Side::of_pipeline(&load(global, &pipeline)?.with(Arc::clone(store)))?)
}

/// The instances that differ, as a table: those that changed with what changed, those that only one side has by their stage,
/// or one by one where everything is asked for.
fn keys(lines: &[Difference], full: bool) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
    let change = |change: &KeyChange| {
        let path = change.path.strip_prefix("params.").unwrap_or(&change.path);
        format!("{path}: {} → {}", value(&change.before), value(&change.after))
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut alone: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for line in lines {
        if line.state == "changed" || full {
            let (inputs, own): (Vec<&KeyChange>, Vec<&KeyChange>) =
                line.changes.iter().partition(|change| !full && change.path.starts_with("inputs."));
            let mut changes: Vec<String> = own.into_iter().map(change).collect();
            // Digests say nothing to a person but that what comes in is another.
            let ports: BTreeSet<&str> = inputs.iter().filter_map(|change| port(&change.path)).collect();
            if !ports.is_empty() {
                changes.push(format!("other {}", ports.into_iter().collect::<Vec<_>>().join(", ")));
            }
            rows.push(vec![line.state.to_owned(), line.instance.clone(), changes.join("; ")]);
            continue;
        }
        let stage = line.instance.split('[').next().unwrap_or_default();
        match alone.iter_mut().find(|(state, known, _)| (*state, *known) == (line.state, stage)) {
            Some((_, _, names)) => names.push(&line.instance),
            None => alone.push((line.state, stage, vec![&line.instance])),
        }
    }
    for (state, stage, names) in alone {
        let name = match names[..] {
            [one] => one.to_owned(),
            _ => format!("{stage} ({} instances)", number(names.len())),
        };
        rows.push(vec![state.to_owned(), name, String::new()]);
    }
    let mut lanes = vec![Lane::words(""), Lane::name("instance"), Lane::prose("what changed")];
    // Where nothing changed that can be named there is no column for it.
    if rows.iter().all(|row| row[2].is_empty()) {
        lanes.pop();
        rows.iter_mut().for_each(|row| row.truncate(2));
    }
    print::grid(lanes, rows)
}

/// The port of a change such as `inputs.scores[0: run="1"].rows`.
fn port(path: &str) -> Option<&str> {
    path.strip_prefix("inputs.")?.split(['[', '.']).next()
}

/// The ends of the trainings, as a table; nothing where there is none.
fn trainings(lines: &[Difference]) -> String {
    let rows: Vec<Vec<String>> = lines
        .iter()
        .filter_map(|line| {
            let (was, is) = line.trained.as_ref()?;
            let of = |read: &dyn Fn(&Trained) -> Option<String>| {
                let side = |trained: &Option<Trained>| trained.as_ref().and_then(read).unwrap_or_else(|| "–".into());
                format!("{} → {}", side(was), side(is))
            };
            let loss = of(&|trained| trained.last_loss.map(|loss| format!("{loss:.4}")));
            let dev = of(&|trained| trained.dev_accuracy.map(percent));
            Some(vec![line.instance.clone(), loss, dev])
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut lanes = vec![Lane::name("trained"), Lane::words("last loss"), Lane::words("dev accuracy %")];
    let mut rows = rows;
    if rows.iter().all(|row| row[2] == "– → –") {
        lanes.pop();
        rows.iter_mut().for_each(|row| row.truncate(2));
    }
    "\n".to_owned() + &print::grid(lanes, rows)
}

/// The accuracies, as a table; nothing where there is none.
fn scores<'a>(lines: &'a [Difference]) -> String {
    let (mut lenient, mut tests) = (Vec::new(), BTreeSet::new());
    // What holds of several is said once.
    let mut notes: Vec<(String, Vec<&str>)> = Vec::new();
    let mut note = |what: String, of: &'a str| match notes.iter_mut().find(|(known, _)| *known == what) {
        Some((_, names)) => names.push(of),
        None => notes.push((what, vec![of])),
    };
    let rows: Vec<Vec<String>> = lines
        .iter()
        .filter_map(|line| {
            let Accuracies { before, after, lenient_before, lenient_after, compared, not_compared } =
                line.accuracy.as_ref()?;
            let side = |measured: &Option<Measured>| {
                measured.as_ref().map_or_else(|| "–".to_owned(), |measured| interval(measured, percent))
            };
            let mut row = vec![line.instance.clone(), side(before), side(after)];
            if lenient_before.is_some() || lenient_after.is_some() {
                lenient.push(vec![line.instance.clone(), side(lenient_before), side(lenient_after)]);
            }
            if let Some(why) = not_compared {
                note(format!("not compared, since {why}"), &line.instance);
            }
            let Some(compared) = compared else {
                row.extend(["–", "–", "–", "–"].map(str::to_owned));
                return Some(row);
            };
            tests.insert(compared.test);
            if compared.unpaired > 0 {
                let (both, left) = (compared.questions, compared.unpaired);
                note(format!("compared on the {both} questions that both answered, {left} left out"), &line.instance);
            }
            let became = |right| compared.changed.iter().filter(|change| change.now_right() == Some(right)).count();
            row.extend([
                interval(&compared.difference, points),
                if compared.p < 0.001 { "<0.001".to_owned() } else { format!("{:.3}", compared.p) },
                became(true).to_string(),
                became(false).to_string(),
            ]);
            Some(row)
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let lanes = vec![
        Lane::name("accuracy %, 95 % intervals"),
        Lane { right: true, ..Lane::words("before") },
        Lane { right: true, ..Lane::words("after") },
        Lane { right: true, ..Lane::words("difference, points") },
        Lane { right: true, ..Lane::words("p") },
        Lane { right: true, ..Lane::words("now right") }.spare(1),
        Lane { right: true, ..Lane::words("now wrong") }.spare(1),
    ];
    let test = |test: &str| match test {
        "mcnemar" => "McNemar's exact test",
        "permutation" => "the exact permutation test over questions",
        _ => "the t test with the error over questions and samples",
    };
    let tests: Vec<&str> = tests.into_iter().map(test).collect();
    let tested = if tests.is_empty() {
        String::new()
    } else {
        format!(
            "Differences are paired by question, with a bootstrap interval, or Bonett and Price's where no resample varies; p is \
             from {} and holds for these trainings alone.\n",
            tests.join(" or ")
        )
    };
    let lenient = if lenient.is_empty() {
        String::new()
    } else {
        let lanes = vec![
            Lane::name("read leniently, 95 % intervals"),
            Lane { right: true, ..Lane::words("before") },
            Lane { right: true, ..Lane::words("after") },
        ];
        format!("\n{}", print::grid(lanes, lenient))
    };
    let tested = print::paragraphs(&tested, print::columns(), 0);
    let notes: String = notes
        .iter()
        .map(|(what, names)| print::paragraphs(&format!("{}: {what}\n", names.join(", ")), print::columns(), 0))
        .collect();
    format!("\n{}{tested}{notes}{lenient}", print::grid(lanes, rows))
}

/// The questions that are answered differently, at most `limit` of each instance.
fn questions(lines: &[Difference], limit: usize) -> String {
    let mut out = String::new();
    for line in lines {
        let Some(compared) = line.accuracy.as_ref().and_then(|accuracy| accuracy.compared.as_ref()) else { continue };
        if compared.changed.is_empty() || limit == 0 {
            continue;
        }
        let count = compared.changed.len();
        let questions = if count == 1 { "question" } else { "questions" };
        out += &format!("\n{}: {} {questions} answered differently\n", line.instance, number(count));
        let rows = compared.changed.iter().take(limit).map(|change| {
            let ChangedAnswer { question, answer, before, after, .. } = change;
            let given =
                |answer: &Option<Answer>| answer.as_ref().map_or_else(|| "unreadable".to_owned(), ToString::to_string);
            let became = match change.now_right() {
                Some(true) => "now right",
                Some(false) => "now wrong",
                None if change.right.1 => "right as before",
                None => "still wrong",
            };
            let moved = format!("{} → {}", given(before), given(after));
            vec![question.clone(), answer.to_string(), moved, became.to_owned()]
        });
        let lanes = vec![Lane::name("question"), Lane::prose("right"), Lane::prose("answered"), Lane::words("")];
        out += &print::grid(lanes, rows.collect());
        if compared.changed.len() > limit {
            out += &format!("and {} more: raise `--limit`\n", compared.changed.len() - limit);
        }
    }
    out
}

/// Writes a count with its digits in groups.
fn number(count: usize) -> String {
    amount(count, "").trim_end().to_owned()
}

fn interval(measured: &Measured, write: fn(f64) -> String) -> String {
    let Measured { value, low, high } = *measured;
    format!("{} [{}, {}]", write(value), write(low), write(high))
}

fn percent(fraction: f64) -> String {
    format!("{:.1}", fraction * 100.0)
}

fn points(difference: f64) -> String {
    let rounded = (difference * 1000.0).round() / 10.0;
    if rounded == 0.0 { "0.0".to_owned() } else { format!("{rounded:+.1}").replace('-', "−") }
}
