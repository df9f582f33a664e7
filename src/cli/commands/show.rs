//! `retort show`: what an instance made, for a person to read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::agreement;
use super::super::args::{Global, Show};
use super::super::exit::{Exit, Failure};
use super::super::inquiry;
use super::super::lens;
use super::super::outlet::{self, Contents};
use super::super::pictures;
use super::super::plot::{plot, sparkline};
use super::super::print;
use super::super::scores;
use super::super::session::{Devices, Session};
use super::super::shade;
use super::super::whole;
use crate::artifact::{
    Agreements, Artifact, ArtifactKind, Attributions, Checkpoint, Parts, Readings, TrainingLog, Translators,
};
use crate::kinds::evaluate::times;
use crate::plan::{Found, Verdict};
use crate::report::{Curve, CurveKind, curve_svg};
use crate::spec::InstanceId;
use crate::store::Store;

/// Shows what one instance made.
pub(super) fn show(global: &Global, args: &Show) -> Result<Exit, Failure> {
    let session = Session::load(global, &args.pipeline)?;
    let id = session.only(&args.target)?;
    let store = session.look()?;
    if let Some(question) = &args.prompt {
        return prompt(global, &session, id, question, &store);
    }
    let found = result_of(global, &session, id, &store)?;
    let kind = session.experiment.instances[id.index()].bound.kind().output;
    let is_read = |part: &&str| match kind {
        ArtifactKind::Checkpoint | ArtifactKind::Translators => *part == "log",
        ArtifactKind::Report => *part == if global.json { "report.json" } else { "report.md" },
        _ => true,
    };
    whole::require(&session, id, &found, found.parts.keys().map(String::as_str).filter(is_read), &store)?;
    if !global.json {
        print::note(&format!(
            "{} made by {} in {}",
            session.name(id),
            found.by,
            super::super::reporter::duration(found.took_ms)
        ));
    }
    if args.svg.is_some() && kind != ArtifactKind::Checkpoint {
        return Err(Failure::invalid(format!("`{}` is no checkpoint, so it has no training curve", session.name(id)))
            .hint("name an instance of a `train` stage"));
    }
    match kind {
        ArtifactKind::Checkpoint => {
            let log = found.parts.get("log").ok_or_else(|| Failure::unusable("the checkpoint has no training log"))?;
            let log = Checkpoint::decode_log(&store.read(log)?).map_err(Failure::unusable)?;
            show_training(global, args, &session.name(id), &log, found.took_ms)?;
        }
        ArtifactKind::Report => {
            let name = if global.json { "report.json" } else { "report.md" };
            if let Some(part) = found.parts.get(name) {
                let text = String::from_utf8_lossy(&store.read(part)?).into_owned();
                if global.json { print::json_text(&text) } else { print::data(&text) }
            }
        }
        ArtifactKind::Tokenizer => {
            let file = found.parts.get("tokenizer").ok_or_else(|| Failure::unusable("the tokenizer has no file"))?;
            print::json_text(&String::from_utf8_lossy(&store.read(file)?));
        }
        ArtifactKind::Translators => {
            let log = found.parts.get("log").ok_or_else(|| Failure::unusable("the translators have no log"))?;
            let log = Translators::decode_log(&store.read(log)?).map_err(Failure::unusable)?;
            if global.json { print::json(&log) } else { print::data(&lens::tuning(&log)) }
        }
        ArtifactKind::Readings if !global.json => show_readings(args, &found, &store)?,
        ArtifactKind::Attributions if !global.json => show_attributions(args, &found, &store)?,
        ArtifactKind::Agreement if !global.json => show_agreement(args, &found, &store)?,
        ArtifactKind::Scores if !global.json => {
            let times = times(&store, &found.fingerprint)?;
            print::data(&scores::summary(&decoded(&found, &store)?, &times));
            show_rows(global, args, &found, &store)?;
        }
        _ => show_rows(global, args, &found, &store)?,
    }
    Ok(Exit::Success)
}

/// Shows what a teacher is asked for a question, before or after it is.
fn prompt(global: &Global, session: &Session, id: InstanceId, question: &str, store: &Store) -> Result<Exit, Failure> {
    let devices = Devices::new(&session.settings, global);
    let wanted = session.graph.needed_by([id]);
    let ground = session.ground(&wanted, store, &devices)?;
    let plan = session.plan(&wanted, &ground, store)?;
    let name = session.name(id);
    let inquiry = inquiry::of(session, id, &plan, &ground, store, &devices)?
        .ok_or_else(|| Failure::invalid(format!("`{name}` asks no teacher")))?;
    let rows: Vec<_> = inquiry.rows.into_iter().filter(|row| row.id == question).collect();
    let Some(first) = rows.first() else {
        return Err(Failure::invalid(format!("`{name}` asks no question `{question}`")));
    };
    if global.json {
        print::json(&rows);
    } else {
        let answered = rows.iter().filter(|row| row.answered).count();
        print::note(&format!("{answered} of {} samples are answered", rows.len()));
        print::data(&first.prompt);
    }
    Ok(Exit::Success)
}

/// Returns the current result of an instance, or says that there is none.
pub(super) fn result_of(
    global: &Global,
    session: &Session,
    id: InstanceId,
    store: &Store,
) -> Result<Arc<Found>, Failure> {
    let wanted = session.graph.needed_by([id]);
    let ground = session.ground(&wanted, store, &Devices::new(&session.settings, global))?;
    let plan = session.plan(&wanted, &ground, store)?;
    match &plan.verdicts[id.index()] {
        Verdict::Hit(found) => Ok(Arc::clone(found)),
        _ => Err(Failure::unusable(format!("the cache has no current result for `{}`", session.name(id)))
            .hint("`retort run` makes it; `retort explain` says why it is stale")),
    }
}

/// Reads a result whole.
pub(super) fn decoded<A: Artifact>(found: &Found, store: &Store) -> Result<A, Failure> {
    let read = |(part, digest): (&String, &crate::fingerprint::Digest)| Ok((part.clone(), store.read(digest)?.into()));
    A::decode(&found.parts.iter().map(read).collect::<Result<Parts, Failure>>()?).map_err(Failure::unusable)
}

/// Prints as many rows as are asked for, or the row of one question.
fn print_rows<T>(
    args: &Show,
    rows: &[T],
    id: impl Fn(&T) -> &str,
    write: impl Fn(&T) -> String,
) -> Result<(), Failure> {
    print::data(&format!("rows: {} rows\n", rows.len()));
    let wanted = |row: &&T| args.row.as_ref().is_none_or(|wanted| id(row) == wanted);
    let shown: Vec<&T> = rows.iter().filter(wanted).take(args.limit).collect();
    if let Some(id) = args.row.as_ref().filter(|_| shown.is_empty()) {
        return Err(Failure::invalid(format!("no row has the id `{id}`")));
    }
    shown.into_iter().for_each(|row| print::data(&format!("{}\n", write(row))));
    Ok(())
}

fn show_attributions(args: &Show, found: &Found, store: &Store) -> Result<(), Failure> {
    let attributions: Attributions = decoded(found, store)?;
    let completeness = shade::completeness(&attributions);
    if !completeness.is_empty() {
        print::data(&completeness);
    }
    print_rows(args, &attributions.rows, |row| &row.id, shade::attribution)
}

fn show_readings(args: &Show, found: &Found, store: &Store) -> Result<(), Failure> {
    let readings: Readings = decoded(found, store)?;
    print::data(&lens::summary(&readings.summary));
    print_rows(args, &readings.rows, |row| &row.id, lens::row)
}

fn show_agreement(args: &Show, found: &Found, store: &Store) -> Result<(), Failure> {
    let agreements: Agreements = decoded(found, store)?;
    print::data(&agreement::summary(&agreements.summary));
    print_rows(args, &agreements.rows, |row| &row.id, agreement::row)
}

fn show_rows(global: &Global, args: &Show, found: &Found, store: &Store) -> Result<(), Failure> {
    let (mut all, mut found_any) = (Vec::new(), false);
    for (part, digest) in &found.parts {
        let bytes = store.read(digest)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // The first line is the format's header.
        let rows: Vec<Json> = text.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect();
        let total = rows.len();
        let wanted = |row: &Json| args.row.as_ref().is_none_or(|id| row.get("id").and_then(Json::as_str) == Some(id));
        let shown: Vec<Json> = rows.into_iter().filter(wanted).take(args.limit).collect();
        found_any |= !shown.is_empty();
        if global.json {
            all.extend(shown);
            continue;
        }
        print::data(&format!("{part}: {total} rows\n"));
        for row in &shown {
            print::data(&format!("{}\n", readable(row)));
        }
    }
    if let Some(id) = args.row.as_ref().filter(|_| !found_any) {
        return Err(Failure::invalid(format!("no row has the id `{id}`")));
    }
    if global.json {
        print::json(&all);
    }
    Ok(())
}

/// Writes a row as one field a line.
fn readable(row: &Json) -> String {
    let Json::Object(fields) = row else { return row.to_string() };
    let mut out = String::new();
    for (name, value) in fields {
        let shown = match value {
            Json::String(text) => text.clone(),
            Json::Array(items) if name == "choices" => choices(items),
            other => other.to_string(),
        };
        out += &format!("  {name:<12} {}\n", shown.replace('\n', "\n               "));
    }
    out
}

fn choices(items: &[Json]) -> String {
    let choice = |item: &Json| Some(format!("({}) {}", item.get("label")?.as_str()?, item.get("text")?.as_str()?));
    items.iter().filter_map(choice).collect::<Vec<_>>().join(" ")
}

/// Shows how a training went. The log holds no times, so that equal trainings have equal logs; `took_ms` is that of the
/// training that made it.
fn show_training(global: &Global, args: &Show, name: &str, log: &TrainingLog, took_ms: u64) -> Result<(), Failure> {
    if let Some(directory) = &args.svg {
        write_figures(directory, name, log)?;
    }
    if global.json {
        print::json(log);
        return Ok(());
    }
    let TrainingLog {
        examples,
        without_rationale,
        label_alone,
        blank,
        strays,
        unscored,
        truncated,
        losses,
        learning_rates,
        grad_norms,
        tokens,
        evaluations,
        best_step,
        stopped_early,
    } = log;
    let mut out = format!(
        "{examples} examples, {without_rationale} left out for want of a rationale, {truncated} cut to length\n"
    );
    for (count, what) in [
        (label_alone, "questions without a rationale trained on their labels alone"),
        (blank, "examples with a blank rationale trained on their labels alone"),
        (strays, "rationales of other questions not read"),
        (unscored, "rationales without a score above 0, whose tokens weigh the same"),
    ] {
        if *count > 0 {
            out += &format!("{count} {what}\n");
        }
    }
    out += &format!(
        "{} steps{}, weights of step {best_step} kept\n",
        losses.len(),
        if *stopped_early { ", stopped early" } else { "" }
    );
    if *tokens > 0 && took_ms > 0 {
        let pace = *tokens as f64 * 1000.0 / took_ms as f64;
        out += &format!("{tokens} tokens, {pace:.1} a second with loading and evaluation\n");
    }
    let steps = losses.len() as u64;
    out += "\n";
    let drawn = plot("loss, nats per target token, by step", losses, 1, steps);
    out += &if drawn.is_empty() { sparkline("loss", losses) } else { drawn };
    out += &sparkline("learning rate", learning_rates);
    out += &sparkline("gradient norm", grad_norms);
    let dev: Vec<f32> = evaluations.iter().map(|evaluation| evaluation.accuracy as f32).collect();
    out += &sparkline("dev accuracy", &dev);
    for evaluation in evaluations {
        let kept = if evaluation.step == *best_step { "  kept" } else { "" };
        out += &format!("  step {:>6}  dev accuracy {:.1} %{kept}\n", evaluation.step, evaluation.accuracy * 100.0);
    }
    print::data(&out);
    Ok(())
}

fn write_figures(directory: &Path, name: &str, log: &TrainingLog) -> Result<(), Failure> {
    let curve = [Curve { panel: name, label: "", log }];
    let mut files = BTreeMap::new();
    for (file, title, kind) in [
        ("loss.svg", "Training loss", CurveKind::Loss),
        ("dev-accuracy.svg", "Accuracy on the dev split", CurveKind::DevAccuracy),
    ] {
        files.extend(curve_svg(title, kind, &curve).map(|drawn| (file.to_owned(), drawn.into_bytes())));
    }
    let figures: Vec<String> = files.keys().cloned().collect();
    let files = pictures::beside(files, directory);
    let contents = Contents { kept: pictures::names(&files), ..Contents::of(&files) };
    outlet::write(directory, directory, &contents)?;
    for file in figures {
        print::note(&format!("wrote {}", directory.join(file).display()));
    }
    Ok(())
}
