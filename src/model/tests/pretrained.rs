//! A real pretrained model, where there is one.

use std::path::PathBuf;

use crate::{Budget, Device, GenerateOptions, Model, generate};
use retort_text::tokenizer::Tokenizer;

/// SmolLM2-135M-Instruct (Allal et al. 2025) in Hugging Face's layout, in the directory that `RETORT_SMOLLM2` names.
#[test]
fn parity_a_pretrained_model_knows_a_capital() {
    let Some(directory) = std::env::var_os("RETORT_SMOLLM2").map(PathBuf::from) else {
        eprintln!("skipped: RETORT_SMOLLM2 does not name the directory of SmolLM2-135M-Instruct");
        return;
    };
    let model = Model::load(&directory, &Device::cpu()).expect("loads");
    assert_eq!(model.parameter_count(), 134_515_008);
    let json = fs_err::read(directory.join("tokenizer.json")).expect("readable");
    let tokenizer = Tokenizer::from_json(&json).expect("a tokenizer");
    let prompt = tokenizer.ids("The capital of France is").expect("encodes");
    let options =
        GenerateOptions { max_new: 1, stop_ids: Vec::new(), batch: 1, budget: Budget::default(), sampling: None };
    let made = generate(&model, &[&prompt], &options, &|_, _| false).expect("generates");
    assert_eq!(tokenizer.decode(&made[0].ids).expect("decodes"), " Paris");
}
