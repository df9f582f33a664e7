//! `retort export`: an instance's parts as files, under the names other tools expect; and what many instances gave, as one
//! table or as curves.

mod companions;
mod outcomes;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use self::companions::companions;
use self::outcomes::Scored;
use super::super::args::{Export, Global};
use super::super::content::Blob;
use super::super::exit::{Exit, Failure};
use super::super::outlet::{self, Contents};
use super::super::pictures;
use super::super::print;
use super::super::session::{Devices, Session};
use super::super::whole;
use super::reports::plain;
use super::show::{decoded, result_of};
use crate::artifact::{Artifact, ArtifactKind, Checkpoint, Translators};
use crate::fingerprint::Digest;
use crate::kinds::evaluate::times;
use crate::plan::{Found, Verdict};
use crate::report::tensorboard::{Span, event_file};
use crate::spec::InstanceId;
use crate::store::Store;

/// Writes the files of one instance, or what many instances gave.
pub(super) fn export(global: &Global, args: &Export) -> Result<Exit, Failure> {
    let session = Session::load(global, &args.pipeline)?;
    if args.outcomes.is_none() && args.tensorboard.is_none() {
        let (Some(target), Some(directory)) = (&args.target, &args.directory) else {
            return Err(Failure::invalid("`retort export` needs an instance and a directory to write it to")
                .hint("or name what to write of all instances: `--outcomes FILE.csv`, `--tensorboard DIR`"));
        };
        return files_of(global, &session, target, args.step, directory);
    }
    let store = session.look()?;
    if let Some(file) = &args.outcomes {
        write_outcomes(global, &session, args, &store, file)?;
    }
    if let Some(directory) = &args.tensorboard {
        write_curves(global, &session, args, &store, directory)?;
    }
    Ok(Exit::Success)
}

/// Finds the current results of every instance that makes a kind of artifact, of those that are asked for. Instances
/// without one are named in a note; where none has one, that is a failure.
fn current(
    global: &Global,
    session: &Session,
    args: &Export,
    store: &Store,
    kind: ArtifactKind,
) -> Result<Vec<(InstanceId, Arc<Found>)>, Failure> {
    let targets: Vec<String> = args.target.iter().cloned().collect();
    let asked: Vec<InstanceId> = match &args.target {
        Some(target) => session.matching(target)?,
        None => session.experiment.ids().collect(),
    };
    let makes = |id: &InstanceId| session.experiment.instance(*id).bound.kind().output == kind;
    let asked: Vec<InstanceId> = asked.into_iter().filter(makes).collect();
    if asked.is_empty() {
        let of = args.target.as_ref().map_or_else(|| "the pipeline".to_owned(), |target| format!("`{target}`"));
        return Err(Failure::invalid(format!("{of} has no instance that makes {kind}")));
    }
    let wanted = session.wanted(&targets)?;
    let devices = Devices::new(&session.settings, global);
    let ground = session.survey(&wanted, store, &devices)?;
    let plan = session.plan(&wanted, &ground, store)?;
    let (mut found, mut stale) = (Vec::new(), Vec::new());
    for id in asked {
        match &plan.verdicts[id.index()] {
            Verdict::Hit(result) => found.push((id, Arc::clone(result))),
            _ => stale.push(session.name(id)),
        }
    }
    let hint = "`retort run` makes them; `retort explain` says why they are stale";
    let names = |stale: &[String]| {
        let more = if stale.len() > 4 { format!(" and {} more", stale.len() - 4) } else { String::new() };
        format!("{}{more}", stale.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    if found.is_empty() {
        return Err(Failure::unusable(format!("the cache has no current result for {}", names(&stale))).hint(hint));
    }
    if !stale.is_empty() {
        print::note(&format!("left out for want of a current result: {}; {hint}", names(&stale)));
    }
    Ok(found)
}

/// Writes the outcome of every question of every instance as one table.
fn write_outcomes(
    global: &Global,
    session: &Session,
    args: &Export,
    store: &Store,
    file: &Path,
) -> Result<(), Failure> {
    let mut all = Vec::new();
    for (id, found) in current(global, session, args, store, ArtifactKind::Scores)? {
        let instance = session.experiment.instance(id);
        whole::require(session, id, &found, found.parts.keys().map(String::as_str), store)?;
        all.push(Scored {
            instance: instance.name.to_string(),
            stage: session.experiment.stage_of(id).name.clone(),
            coords: instance.coords.iter().map(|at| (at.axis.to_string(), at.value.to_string())).collect(),
            scores: decoded(&found, store)?,
            times: times(store, &found.fingerprint)?,
        });
    }
    let table = outcomes::csv(&all)?;
    if file == Path::new("-") {
        print::raw(&table);
        return Ok(());
    }
    outlet::write_file(file, &table, outcomes::is_table)?;
    let rows: usize = all.iter().map(|scored| scored.scores.rows.len()).sum();
    print::data(&format!("{}: {rows} outcomes of {} instances\n", file.display(), all.len()));
    Ok(())
}

/// Writes the curves of every training, each into a directory of its own, as TensorBoard reads them.
fn write_curves(
    global: &Global,
    session: &Session,
    args: &Export,
    store: &Store,
    directory: &Path,
) -> Result<(), Failure> {
    let found = current(global, session, args, store, ArtifactKind::Checkpoint)?;
    for (id, found) in &found {
        whole::require(session, *id, found, ["log"], store)?;
        let log = found.parts.get("log").ok_or_else(|| Failure::unusable("the checkpoint has no training log"))?;
        let log = Checkpoint::decode_log(&store.read(log)?).map_err(Failure::unusable)?;
        let from_ms = store.claim(&found.fingerprint)?.map_or(0, |(_, claim)| claim.started_at_ms);
        let span = Span { from: from_ms as f64 / 1000.0, took: found.took_ms as f64 / 1000.0 };
        let name = format!("events.out.tfevents.{:010}.retort", from_ms / 1000);
        let files = BTreeMap::from([(name, event_file(&log, span))]);
        let folder = directory.join(plain(&session.name(*id)));
        // What is beside it in the folder would be drawn as a curve of the same training.
        let clashes = |name: &str| name.contains("tfevents").then_some("it has the curves of another training");
        outlet::write(directory, &folder, &Contents { clashes, ..Contents::of(&files) })?;
    }
    print::data(&format!("{}: curves of {} trainings\n", directory.display(), found.len()));
    Ok(())
}

/// Writes the files of one instance to a directory.
fn files_of(
    global: &Global,
    session: &Session,
    target: &str,
    step: Option<u64>,
    directory: &Path,
) -> Result<Exit, Failure> {
    let id = session.only(target)?;
    let store = session.look()?;
    let found = result_of(global, session, id, &store)?;
    let kind = session.experiment.instances[id.index()].bound.kind().output;
    let mut parts = found.parts.clone();
    parts.retain(|part, _| Checkpoint::step_of(part).is_none());
    if let Some(step) = step {
        parts.insert("weights".to_owned(), weights_after(step, &found, &session.name(id))?);
    }
    let found = Found { parts, ..Found::clone(&found) };
    whole::require(session, id, &found, found.parts.keys().map(String::as_str), &store)?;
    let stored = match kind {
        ArtifactKind::Checkpoint => Checkpoint::STORED,
        ArtifactKind::Translators => Translators::STORED,
        _ => &[],
    };
    let (mut files, mut blobs) = (BTreeMap::new(), BTreeMap::new());
    for (part, digest) in &found.parts {
        let name = file_name(kind, part);
        if stored.contains(&part.as_str()) {
            blobs.insert(name, Blob { store: &store, digest: *digest });
        } else {
            files.insert(name, store.read(digest)?);
        }
    }
    if kind == ArtifactKind::Checkpoint {
        files.extend(companions(&files)?);
    }
    if kind == ArtifactKind::Report {
        files = pictures::beside(files, directory);
    }
    let count = files.len() + blobs.len();
    let mut contents = Contents { blobs, kept: pictures::names(&files), ..Contents::of(&files) };
    if kind == ArtifactKind::Checkpoint {
        contents.clashes = read_with_a_student;
    }
    let written = outlet::write(directory, directory, &contents)?;
    print::data(&format!("{}: {count} files, {written} of them new or changed\n", directory.display()));
    Ok(Exit::Success)
}

/// Returns the blob of the weights that were evaluated after a step.
fn weights_after(step: u64, found: &Found, name: &str) -> Result<Digest, Failure> {
    if let Some(digest) = found.parts.get(&Checkpoint::step_part(step)) {
        return Ok(*digest);
    }
    let mut steps: Vec<u64> = found.parts.keys().filter_map(|part| Checkpoint::step_of(part)).collect();
    steps.sort_unstable();
    let hint = match &steps[..] {
        [] => "`keep: full` in its stage, before it is trained, keeps those of each evaluation".to_owned(),
        steps => format!("kept are those of {}", steps.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    };
    Err(Failure::unusable(format!("`{name}` has kept no weights of step {step}")).hint(hint))
}

/// Says of a file that would lie beside an exported student why it would make another of it.
fn read_with_a_student(name: &str) -> Option<&'static str> {
    const WEIGHTS: [&str; 6] = [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".gguf"];
    const WORDS: [&str; 7] = [
        "added_tokens.json",
        "chat_template.jinja",
        "merges.txt",
        "special_tokens_map.json",
        "tokenizer.model",
        "vocab.json",
        "vocab.txt",
    ];
    if WEIGHTS.iter().any(|ending| name.ends_with(ending)) || name.starts_with("adapter_") {
        Some("it has weights of another student")
    } else if WORDS.contains(&name) {
        Some("it is read with a student's tokenizer")
    } else {
        None
    }
}

/// Names a part as its readers expect: transformers, for a checkpoint.
fn file_name(kind: ArtifactKind, part: &str) -> String {
    match (kind, part) {
        (ArtifactKind::Checkpoint, "weights") => "model.safetensors".into(),
        (ArtifactKind::Checkpoint, "log") => "training_log.json".into(),
        (ArtifactKind::Checkpoint | ArtifactKind::Tokenizer, part) => format!("{part}.json"),
        (ArtifactKind::Translators, "translators") => "translators.safetensors".into(),
        (ArtifactKind::Translators, part) => format!("tuning_{part}.json"),
        (ArtifactKind::Report, part) => part.into(),
        (_, part) => format!("{part}.jsonl"),
    }
}
