//! `retort export`: an instance's parts as files, under the names other tools expect.

use std::collections::BTreeMap;

use super::super::args::{Export, Global};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::session::Session;
use super::reports::write_changed;
use super::show::result_of;
use crate::artifact::ArtifactKind;

/// Writes the files of one instance to a directory.
pub(super) fn export(global: &Global, args: &Export) -> Result<Exit, Failure> {
    let session = Session::load(global, &args.pipeline)?;
    let id = session.only(&args.target)?;
    let store = session.look()?;
    let found = result_of(global, &session, id, &store)?;
    let kind = session.experiment.instances[id.index()].bound.kind().output;
    let mut files = BTreeMap::new();
    for (part, digest) in &found.parts {
        files.insert(file_name(kind, part), store.read(digest)?);
    }
    let written = write_changed(&args.directory, &files)?;
    print::data(&format!("{}: {} files, {written} of them new or changed\n", args.directory.display(), files.len()));
    Ok(Exit::Success)
}

/// Names a part as its readers expect: transformers, for a checkpoint.
fn file_name(kind: ArtifactKind, part: &str) -> String {
    match (kind, part) {
        (ArtifactKind::Checkpoint, "weights") => "model.safetensors".into(),
        (ArtifactKind::Checkpoint, "log") => "training_log.json".into(),
        (ArtifactKind::Checkpoint | ArtifactKind::Tokenizer, part) => format!("{part}.json"),
        (ArtifactKind::Report, part) => part.into(),
        (_, part) => format!("{part}.jsonl"),
    }
}
