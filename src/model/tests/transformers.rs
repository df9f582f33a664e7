//! Models go to transformers and come back from it.
//!
//! Runs where `RETORT_PYTHON`, or else `python3`, has transformers and torch; elsewhere it says that it was skipped.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use super::parity::relative;
use crate::{Architecture, Config, Device, Model, Size};

/// The Python to use, if it has what is needed.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("RETORT_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    let found = Command::new(&python).args(["-c", "import torch, transformers"]).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    eprintln!("skipped: `{}` has no transformers; RETORT_PYTHON can name one that has", python.display());
    None
}

/// The logits that transformers computes for each job.
fn ask(python: &Path, jobs: &[serde_json::Value]) -> Vec<Vec<f32>> {
    let mut child = Command::new(python)
        .args(["-c", include_str!("transformers.py")])
        .env("HF_HUB_OFFLINE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(json!(jobs).to_string().as_bytes()).expect("python reads");
    drop(stdin);
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "transformers did not load what was written");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn write(model: &Model, directory: &Path) {
    fs_err::create_dir_all(directory).expect("temporary");
    fs_err::write(directory.join("config.json"), model.config().to_json()).expect("temporary");
    let mut file = fs_err::File::create(directory.join("model.safetensors")).expect("temporary");
    model.write_weights(&mut file).expect("writes");
}

/// New models of every architecture, with shared keys where there are any, and the variants among the reference cases.
fn models() -> Vec<(String, Model)> {
    let fresh = Architecture::ALL.into_iter().flat_map(|architecture| {
        [None, Some(2)].into_iter().map(move |kv_heads| {
            let size = Size { vocab_size: 61, context: 32, d_model: 32, layers: 2, heads: 4, kv_heads };
            (architecture, size)
        })
    });
    let mut models: Vec<(String, Model)> = fresh
        .map(|(architecture, size)| {
            let name = format!("{architecture:?}-{}", size.kv_heads.unwrap_or(size.heads));
            (name, Model::init(Config::new(architecture, size), 11, &Device::cpu()))
        })
        .collect();
    let golden = super::workspace().join("tests/golden");
    let entries = fs_err::read_dir(golden).expect("the reference cases").flatten();
    // What makes the cases lies beside them.
    for directory in entries.filter(|entry| entry.path().join("expected.json").exists()) {
        let name = format!("golden-{}", directory.file_name().display());
        models.push((name, Model::load(&directory.path(), &Device::cpu()).expect("loads")));
    }
    models
}

#[test]
fn parity_models_go_to_transformers_and_come_back() {
    let Some(python) = python() else { return };
    let root = tempfile::tempdir().expect("temporary directory");
    let ids: Vec<u32> = (0..24).map(|i| (i * 17 + 5) % 61).collect();
    let models = models();
    let mut jobs = Vec::new();
    let mut returned = Vec::new();
    for (name, model) in &models {
        let directory = root.path().join(name);
        write(model, &directory);
        jobs.push(json!({ "directory": directory, "ids": ids }));
        for (dtype, shard) in [("float32", "20KB"), ("float16", "5GB"), ("bfloat16", "10KB")] {
            let save = root.path().join(format!("{name}-{dtype}"));
            jobs.push(json!({ "directory": directory, "ids": ids, "save": save, "dtype": dtype, "shard": shard }));
            returned.push(save);
        }
    }
    let answers = ask(&python, &jobs);
    let (gone, back): (Vec<_>, Vec<_>) = answers.iter().enumerate().partition(|(i, _)| i % 4 == 0);
    for ((name, model), (_, want)) in models.iter().zip(gone) {
        let got = model.logits(&[&ids]).expect("runs").concat();
        assert!(relative(&got, want) < 1e-5, "{name}: off by {}", relative(&got, want));
    }
    for (directory, (_, want)) in returned.iter().zip(back) {
        let sharded = directory.join("model.safetensors.index.json").exists();
        assert_eq!(sharded, !directory.display().to_string().ends_with("-float16"), "{}", directory.display());
        let got = Model::load(directory, &Device::cpu()).expect("loads").logits(&[&ids]).expect("runs").concat();
        assert!(relative(&got, want) < 1e-5, "{}: off by {}", directory.display(), relative(&got, want));
    }
}
