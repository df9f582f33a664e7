//! The files that transformers reads beside a checkpoint's own: how its tokenizer is set up, and how it generates.

use std::collections::BTreeMap;

use retort_artifact::Usage;
use retort_model::Config;
use retort_text::tokenizer::Tokenizer;
use serde_json::{Map, Value as Json, json};

use crate::SessionError;

/// Makes `tokenizer_config.json` and `generation_config.json` for the files of a checkpoint, by name, and
/// `chat_template.jinja` for a student that is talked to.
///
/// `tokenizer.json` itself says what stands before a text; what is written here names the special tokens, so that Python's
/// tokenizer has them as `bos_token` and the like, in chat templates too.
pub(super) fn companions(files: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, SessionError> {
    let (Some(usage), Some(config), Some(file)) =
        (files.get("usage.json"), files.get("config.json"), files.get("tokenizer.json"))
    else {
        return Ok(BTreeMap::new());
    };
    let usage: Usage = serde_json::from_slice(usage).map_err(SessionError::unusable)?;
    let config = Config::from_json(config, "config.json").map_err(SessionError::unusable)?;
    let tokenizer = Tokenizer::from_json(file).map_err(SessionError::unusable)?;
    let file: Json = serde_json::from_slice(file).map_err(SessionError::unusable)?;
    let mut setup = json!({
        "added_tokens_decoder": added(&file["added_tokens"]),
        "clean_up_tokenization_spaces": false,
        "model_max_length": config.context(),
        "tokenizer_class": "PreTrainedTokenizerFast",
    });
    let mut generation = json!({ "do_sample": false });
    let own_begin = config.decoder().bos_token_id.and_then(|id| tokenizer.token(id));
    if let Some(begin) = usage.begin.first().cloned().or(own_begin) {
        generation["bos_token_id"] = json!(tokenizer.id(&begin));
        setup["bos_token"] = json!(begin);
    }
    let mut made = BTreeMap::new();
    let further: Vec<u32> =
        usage.chat.iter().flat_map(|chat| &chat.stops).filter_map(|stop| tokenizer.id(stop)).collect();
    if let Some(end) = usage.end {
        let end_id = tokenizer.id(&end);
        generation["eos_token_id"] = match &further[..] {
            [] => json!(end_id),
            further => json!(end_id.into_iter().chain(further.iter().copied()).collect::<Vec<u32>>()),
        };
        // Padding is masked, so any token will do; with none transformers warns at every call.
        generation["pad_token_id"] = json!(tokenizer.id(&end));
        setup["eos_token"] = json!(end);
        setup["pad_token"] = json!(end);
    }
    if let Some(unknown) = file["model"]["unk_token"].as_str() {
        setup["unk_token"] = json!(unknown);
    }
    if let Some(chat) = usage.chat {
        // The template names the special tokens as the model's own files do.
        for (name, token) in chat.special {
            if let Some(id) = token.as_str().filter(|_| name == "bos_token").and_then(|token| tokenizer.id(token)) {
                generation["bos_token_id"] = json!(id);
            }
            setup[name] = token;
        }
        made.insert("chat_template.jinja".to_owned(), chat.template.into_bytes());
    }
    let written = |value: &Json| format!("{value:#}\n").into_bytes();
    made.insert("tokenizer_config.json".to_owned(), written(&setup));
    made.insert("generation_config.json".to_owned(), written(&generation));
    Ok(made)
}

/// The added tokens of a `tokenizer.json`, by id, as `tokenizer_config.json` has them.
fn added(tokens: &Json) -> Json {
    let one = |token: &Json| {
        let mut token = token.as_object()?.clone();
        let id = token.remove("id")?.as_u64()?;
        Some((id, Json::Object(token)))
    };
    let mut tokens: Vec<(u64, Json)> = tokens.as_array().into_iter().flatten().filter_map(one).collect();
    tokens.sort_by_key(|(id, _)| *id);
    Json::Object(tokens.into_iter().map(|(id, token)| (id.to_string(), token)).collect::<Map<_, _>>())
}
