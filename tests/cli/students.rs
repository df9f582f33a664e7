//! Students of every architecture, with what a recipe and an evaluation can ask for.

use serde_json::{Value as Json, json};

use crate::runner::{FILE, Project, files};
use crate::tiny_models;
use retort::model::Architecture;
use retort::text::tokenizer::Tokenizer;

const PIPELINE: &str = r#"retort: 1
experiment: students
seed: 3

axes:
  student: [gpt2, phi, gemma, llama, mistral, gpt_neox, gemma3_text, opt]

models:
  gpt2: { new: { architecture: gpt2, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }
  phi: { new: { architecture: phi, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }
  gemma: { new: { architecture: gemma, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }
  llama: { new: { architecture: llama, layers: 1, width: 16, heads: 4, kv_heads: 2, context: 256, tokenizer: tokens } }
  mistral: { new: { architecture: mistral, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }
  gpt_neox: { new: { architecture: gpt_neox, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }
  gemma3_text: { new: { architecture: gemma3_text, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }
  opt: { new: { architecture: opt, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens } }

stages:
  questions:
    dataset: { format: synthetic, train: 32, dev: 4, test: 8 }
  rationales:
    elicit: { questions: questions, split: train, teacher: gold }
  tokens:
    tokenizer: { questions: questions, rationales: rationales, vocabulary: 400 }
  tuned:
    train:
      student: "${student}"
      questions: questions
      rationales: rationales
      placement: before
      recipe:
        lr: 2.0e-3
        batch: 4
        accumulate: 2
        steps: 8
        warmup_ratio: 0.25
        schedule: cosine
        dropout: 0.1
        precision: bf16
        group_by_length: true
  adapted:
    train:
      student: "${student}"
      questions: questions
      placement: none
      recipe: { lr: 2.0e-3, batch: 8, steps: 4, lora: { rank: 2, alpha: 4 }, eval_every: 2, eval_by: likelihood }
  weighed:
    attribute: { model: tuned, questions: questions, rationales: rationales, steps: 2 }
  answers:
    over: { which: [tuned, adapted] }
    evaluate:
      model: "${which}"
      questions: questions
      max_new: 12
      sampling: { temperature: 0.8, top_k: 50, top_p: 0.95 }
"#;

#[test]
fn every_architecture_is_trained_attributed_sampled_and_exported() {
    let project = Project::new(PIPELINE);
    assert_eq!(project.make().ran().len(), 43);
    for student in ["gpt2", "phi", "gemma", "llama", "mistral", "gpt_neox", "gemma3_text", "opt"] {
        project.run(&["export", FILE, &format!("tuned[student={student}]"), student]).code(0);
        let config = fs_err::read_to_string(project.path(student).join("config.json")).unwrap();
        assert!(config.contains(&format!("\"model_type\": \"{student}\"")), "{config}");
        assert_eq!(files(&project.path(student)).len(), 8);
    }
    assert!(project.stale().is_empty());

    // Another seed draws other answers, and only they run.
    project.edit("top_p: 0.95 }", "top_p: 0.95, seed: 9 }");
    assert_eq!(project.make().ran().len(), 16);
    // How many are asked at once is no part of what they are.
    project.edit("top_p: 0.95, seed: 9 }", "top_p: 0.95, seed: 9 }\n      positions: 40");
    let events = project.make();
    assert_eq!(events.ran().len(), 16, "the key of an instance takes every parameter");
    assert!(events.progress("answers[student=phi,which=tuned]").is_empty(), "but its rows are known");
}

#[test]
fn what_a_student_or_a_recipe_cannot_be_is_named() {
    for (before, after, said) in [
        ("gpt2, layers: 1, width: 16, heads: 2", "gpt2, layers: 1, width: 16, heads: 2, kv_heads: 1", "kv_heads"),
        ("lora: { rank: 2, alpha: 4 }", "lora: { rank: 2, alpha: 4, targets: [wq] }", "projections: c_attn"),
    ] {
        let project = Project::new(PIPELINE);
        project.edit(before, after);
        project.run(&["run", FILE]).code(1).says(said);
    }
    for (before, after, said) in [
        ("placement: none", "rationales: rationales\n      placement: before", "needs the label first"),
        ("dropout: 0.1", "dropout: 1.5", "a number from 0 to 1"),
        ("temperature: 0.8", "temperature: 0", "a number above 0"),
        ("schedule: cosine", "schedule: cosin", "did you mean `cosine`"),
        ("precision: bf16", "precision: fp16", "`bf16`"),
    ] {
        let project = Project::new(PIPELINE);
        project.edit(before, after);
        project.run(&["check", FILE]).code(2).says(said);
    }
}

/// A model that someone hands over, and a student of it.
const HANDED: &str = r#"retort: 1
experiment: handed
seed: 3

stages:
  questions:
    dataset: { format: synthetic, train: 8, dev: 2, test: 2 }
  tuned:
    train:
      student: { path: made }
      questions: questions
      placement: none
      recipe: { steps: 1 }
"#;

/// Makes a change of bytes out of a change of the JSON they hold.
fn edited(edit: impl Fn(&mut Json)) -> impl Fn(Vec<u8>) -> Vec<u8> {
    move |bytes| {
        let mut json = serde_json::from_slice(&bytes).unwrap();
        edit(&mut json);
        serde_json::to_vec(&json).unwrap()
    }
}

#[test]
fn a_directory_whose_files_do_not_fit_together_is_named_with_what_does_not() {
    let maker = Project::new(PIPELINE);
    maker.make_with(&["tuned[student=mistral]"]);
    maker.run(&["export", FILE, "tuned[student=mistral]", "made"]).code(0);
    let changed = |name: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let project = Project::new(HANDED);
        for file in files(&maker.path("made")) {
            let bytes = fs_err::read(&file).unwrap();
            let file = file.file_name().unwrap().to_str().unwrap().to_owned();
            let bytes = if file == name { change(bytes) } else { bytes };
            fs_err::create_dir_all(project.path("made")).unwrap();
            fs_err::write(project.path("made").join(file), bytes).unwrap();
        }
        project.run(&["run", FILE])
    };
    changed("", &|bytes| bytes).code(0);
    let token = json!({ "id": 999, "content": "<odd>", "special": true, "single_word": false, "lstrip": false,
                        "rstrip": false, "normalized": false });
    changed("tokenizer.json", &edited(|json| json["added_tokens"].as_array_mut().unwrap().push(token.clone())))
        .code(1)
        .says("the tokenizer `made/tokenizer.json` has ids up to")
        .says("`model.embed_tokens.weight` of shape [");
    changed("config.json", &edited(|json| json["intermediate_size"] = json!(48)))
        .code(1)
        .says("made/model.safetensors")
        .says("model.layers.0.mlp.gate_proj.weight` has shape [");
    changed("config.json", &edited(|json| json["num_hidden_layers"] = json!(2)))
        .code(1)
        .says("model.layers.1.self_attn.q_proj.weight` is missing, it should have shape [16, 16]");
    changed("config.json", &edited(|json| json["model_type"] = json!("mamba"))).code(1).says("mamba");
    changed("model.safetensors", &|bytes| bytes[..bytes.len() / 2].to_vec()).code(1).says("made/model.safetensors");
    changed("model.safetensors", &|_| b"<html>".to_vec()).code(1).says("made/model.safetensors");
}

/// A model with tokens of its own at both ends of a text, and students of it.
const BOUNDS: &str = "retort: 1
experiment: bounds
seed: 3

stages:
  questions:
    dataset: { format: synthetic, train: 4, dev: 2, test: 2 }
  own:
    train: { student: { path: made }, questions: questions, placement: none, recipe: { steps: 1, lora: { rank: 2 } } }
  bare:
    train: { student: { path: made }, questions: questions, placement: none, begin: null, end: null, recipe: { steps: 1 } }
  other:
    train:
      student: { path: made }
      questions: questions
      placement: none
      begin: [<pad>, <bos>]
      end: <pad>
      recipe: { steps: 1 }
  answers:
    over: { model: [own, bare, other] }
    evaluate: { model: \"${model}\", questions: questions, score: likelihood }
";

#[test]
fn what_begins_and_ends_a_sequence_is_the_models_own_or_what_is_declared() {
    let project = Project::new(BOUNDS);
    tiny_models::write(&project, "made", Architecture::Gemma, "gemma", ["<bos>", "<eos>"]);
    project.make();
    let json = |path: &str| -> Json { serde_json::from_slice(&fs_err::read(project.path(path)).unwrap()).unwrap() };
    for (stage, begin, end) in [
        ("own", json!(["<bos>"]), json!("<eos>")),
        ("bare", json!([]), Json::Null),
        ("other", json!(["<pad>", "<bos>"]), json!("<pad>")),
    ] {
        project.run(&["export", FILE, stage, stage]).code(0);
        let usage = json(&format!("{stage}/usage.json"));
        assert_eq!((&usage["begin"], &usage["end"]), (&begin, &end), "{stage}");
        // Whoever asks it elsewhere asks it as it was taught.
        let file = fs_err::read(project.path(&format!("{stage}/tokenizer.json"))).unwrap();
        let tokenizer = Tokenizer::from_json(&file).unwrap();
        assert_eq!(json!(tokenizer.begin().unwrap()), begin, "{stage}");
        let setup = json(&format!("{stage}/tokenizer_config.json"));
        let first = begin[0].as_str().unwrap_or("<bos>");
        assert_eq!((setup["bos_token"].as_str(), &setup["eos_token"]), (Some(first), &end), "{stage}");
        assert_eq!(setup["unk_token"], "<unk>");
        let marker = tokenizer.id("[FIN_LABEL]").unwrap();
        let added = &setup["added_tokens_decoder"][marker.to_string()];
        assert_eq!((&added["content"], &added["lstrip"]), (&json!("[FIN_LABEL]"), &json!(true)), "{setup}");
        let generation = json(&format!("{stage}/generation_config.json"));
        assert_eq!(generation["bos_token_id"], json!(tokenizer.id(first)), "{stage}");
        assert_eq!(generation["eos_token_id"], json!(end.as_str().and_then(|end| tokenizer.id(end))), "{stage}");
    }
    for (before, after, said) in [
        (
            "end: null",
            "end: <|endoftext|>",
            "`end`: the tokenizer has no token `<|endoftext|>`; the model's own is `<eos>`",
        ),
        ("begin: null", "begin: <s>", "`begin`: the tokenizer has no token `<s>`; the tokenizer's own is `<bos>`"),
    ] {
        let project = Project::new(BOUNDS);
        project.edit(before, after);
        tiny_models::write(&project, "made", Architecture::Gemma, "gemma", ["<bos>", "<eos>"]);
        project.run(&["run", FILE, "bare"]).code(1).says(said);
    }
    // A model without an end needs one to be named.
    let project = Project::new(BOUNDS);
    tiny_models::write(&project, "made", Architecture::Gemma, "gemma", ["<bos>", "<nowhere>"]);
    project.run(&["run", FILE, "own"]).code(1).says("`end` is not given, and neither `generation_config.json`");
}
