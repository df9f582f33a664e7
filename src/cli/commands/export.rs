//! `retort export`: an instance's parts as files, under the names other tools expect.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::args::{Export, Global};
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::session::Session;
use super::reports::write_changed;
use super::show::result_of;
use crate::artifact::{ArtifactKind, Usage};
use crate::model::Config;
use crate::text::tokenizer::Tokenizer;

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
    if kind == ArtifactKind::Checkpoint {
        files.extend(companions(&files)?);
    }
    let written = write_changed(&args.directory, &files)?;
    print::data(&format!("{}: {} files, {written} of them new or changed\n", args.directory.display(), files.len()));
    Ok(Exit::Success)
}

/// The files that transformers reads beside a checkpoint's own: how its tokenizer is set up, and how it generates.
fn companions(files: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let (Some(usage), Some(config), Some(tokenizer)) =
        (files.get("usage.json"), files.get("config.json"), files.get("tokenizer.json"))
    else {
        return Ok(BTreeMap::new());
    };
    let usage: Usage = serde_json::from_slice(usage).map_err(Failure::unusable)?;
    let config = Config::from_json(config, "config.json").map_err(Failure::unusable)?;
    let tokenizer = Tokenizer::from_json(tokenizer).map_err(Failure::unusable)?;
    let mut setup = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.context(),
        "clean_up_tokenization_spaces": false,
    });
    let mut generation = json!({ "do_sample": false });
    if let Some(end) = usage.end {
        generation["eos_token_id"] = json!(tokenizer.id(&end));
        // Padding is masked, so any token will do; with none transformers warns at every call.
        generation["pad_token_id"] = json!(tokenizer.id(&end));
        setup["eos_token"] = json!(end);
        setup["pad_token"] = json!(end);
    }
    let file = |value: &serde_json::Value| format!("{value:#}\n").into_bytes();
    Ok(BTreeMap::from([
        ("tokenizer_config.json".to_owned(), file(&setup)),
        ("generation_config.json".to_owned(), file(&generation)),
    ]))
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
