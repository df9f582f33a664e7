//! `retort diff`: what two runs or two pipeline files differ in: parameters, accuracies, and the questions that changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::args::{Diff, Global, Pipeline};
use super::super::exit::{Exit, Failure};
use super::super::print;
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
        print::data(&format!(
            "{} and {} have the same keys in all {} instances\n",
            before.name,
            after.name,
            after.len()
        ));
        return Ok(Exit::Success);
    }
    let heading = format!("{} ({}) → {} ({})\n", before.name, before.experiment, after.name, after.experiment);
    let keys = print::table(&["", "instance", "key"], lines.iter().map(key).collect());
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

fn key(line: &Difference) -> Vec<String> {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
    let change = |change: &KeyChange| format!("{}: {} → {}", change.path, value(&change.before), value(&change.after));
    let changes: Vec<String> = line.changes.iter().map(change).collect();
    vec![line.state.to_owned(), line.instance.clone(), changes.join("; ")]
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
    "\n".to_owned() + &print::table(&["trained", "last loss", "dev accuracy %"], rows)
}

/// The accuracies, as a table; nothing where there is none.
fn scores(lines: &[Difference]) -> String {
    let (mut notes, mut lenient) = (Vec::new(), Vec::new());
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
                notes.push(format!("{}: {why}\n", line.instance));
            }
            let Some(compared) = compared else {
                row.extend(["–", "–", "–", "–"].map(str::to_owned));
                return Some(row);
            };
            if compared.unpaired > 0 {
                notes.push(format!(
                    "{}: compared on the {} questions that both answered, {} left out\n",
                    line.instance, compared.questions, compared.unpaired
                ));
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
    let headings =
        ["accuracy %, 95 % intervals", "before", "after", "difference, points", "p", "now right", "now wrong"];
    let note = "Differences are paired by question, with a bootstrap interval, or Bonett and Price's where no resample \
                varies; p is McNemar's exact test and holds for these trainings alone.\n";
    let lenient = if lenient.is_empty() {
        String::new()
    } else {
        format!("\n{}", print::table(&["read leniently, 95 % intervals", "before", "after"], lenient))
    };
    format!("\n{}{note}{}{lenient}", print::table(&headings, rows), notes.concat())
}

/// The questions that are answered otherwise, at most `limit` of each instance.
fn questions(lines: &[Difference], limit: usize) -> String {
    let mut out = String::new();
    for line in lines {
        let Some(compared) = line.accuracy.as_ref().and_then(|accuracy| accuracy.compared.as_ref()) else { continue };
        if compared.changed.is_empty() || limit == 0 {
            continue;
        }
        out += &format!("\n{}: {} questions answered otherwise\n", line.instance, compared.changed.len());
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
        out += &print::table(&["question", "right", "answered", ""], rows.collect());
        if compared.changed.len() > limit {
            out += &format!("and {} more: raise `--limit`\n", compared.changed.len() - limit);
        }
    }
    out
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
