//! Tiny models in the layout of published ones: an architecture, and a tokenizer like those of some family.

use serde_json::{Value as Json, json};

use crate::runner::Project;
use retort::model::{Architecture, Config, Device, Model, Size};
use retort::text::tokenizer::Tokenizer;

/// Writes a model into a folder of a project. `begin` and `end` are the tokens of its family, named where that family names
/// them: Phi's end stands in the tokenizer's file alone.
pub(crate) fn write(
    project: &Project,
    folder: &str,
    architecture: Architecture,
    tokenizer: &str,
    [begin, end]: [&str; 2],
) {
    let json = fs_err::read(format!("{}/tests/tokenizers/{tokenizer}.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let known = Tokenizer::from_json(&json).unwrap();
    // As published ones do, the model has some rows that no token has.
    let size = Size { vocab_size: known.size() + 7, context: 768, d_model: 8, layers: 1, heads: 2, kv_heads: None };
    let model = Model::init(Config::new(architecture, size), 3, &Device::cpu());
    let id = |token: &str| known.id(token);
    let mut config: Json = serde_json::from_str(&model.config().to_json()).unwrap();
    (config["bos_token_id"], config["eos_token_id"]) = (id(begin).into(), Json::Null);
    let generation = if architecture == Architecture::Phi { Json::Null } else { id(end).into() };
    let file = |name: &str, text: &str| project.write(&format!("{folder}/{name}"), text);
    file("config.json", &config.to_string());
    file("generation_config.json", &json!({ "eos_token_id": generation }).to_string());
    file("tokenizer_config.json", &json!({ "bos_token": begin, "eos_token": end }).to_string());
    file("tokenizer.json", std::str::from_utf8(&json).unwrap());
    fs_err::write(project.path(&format!("{folder}/model.safetensors")), model.weights_bytes().unwrap()).unwrap();
}
