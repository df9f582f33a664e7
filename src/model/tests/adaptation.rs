//! Low-rank adaptation and new tokens: what changes in a model, and what does not.

use std::io::Cursor;

use safetensors::SafeTensors;

use super::fitting::{examples, model_of, recipe};
use crate::student::Placed;
use crate::{Architecture, Device, Length, Lora, Model, Recipe, StepReport, WeightsFile, fit};

fn lora(targets: &[&str]) -> Lora {
    Lora { rank: 2, alpha: 6.0, targets: targets.iter().map(ToString::to_string).collect(), rows: Vec::new() }
}

fn tensor(file: &SafeTensors<'_>, name: &str) -> (Vec<f64>, Vec<usize>) {
    let view = file.tensor(name).expect(name);
    let data = view.data().as_chunks().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect();
    (data, view.shape().to_vec())
}

/// The rank of a matrix, by elimination with full pivots.
fn rank(mut data: Vec<f64>, width: usize) -> usize {
    let scale = data.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    for done in 0..data.len() / width {
        let rest = (done * width..data.len()).max_by(|&a, &b| data[a].abs().total_cmp(&data[b].abs()));
        let Some(at) = rest.filter(|&at| data[at].abs() > 1e-4 * scale) else { return done };
        let (row, column) = (at / width, at % width);
        for j in 0..width {
            data.swap(row * width + j, done * width + j);
        }
        for i in done + 1..data.len() / width {
            let factor = data[i * width + column] / data[done * width + column];
            for j in 0..width {
                data[i * width + j] -= factor * data[done * width + j];
            }
        }
    }
    data.len() / width
}

#[test]
fn only_the_targets_change_and_by_no_more_than_the_rank() {
    let all = [
        (Architecture::Gpt2, vec!["c_attn"]),
        (Architecture::Phi, vec!["q_proj", "fc2"]),
        (Architecture::Gemma, vec!["k_proj", "down_proj"]),
        (Architecture::Llama, vec!["v_proj", "gate_proj"]),
        (Architecture::Mistral, vec!["o_proj", "up_proj"]),
        (Architecture::Qwen2, vec!["v_proj", "down_proj"]),
        (Architecture::Qwen3, vec!["k_proj", "o_proj"]),
        (Architecture::GptNeox, vec!["query_key_value", "dense_4h_to_h"]),
        (Architecture::Phi3, vec!["qkv_proj", "gate_up_proj"]),
        (Architecture::Smollm3, vec!["v_proj", "up_proj"]),
        (Architecture::Olmo2, vec!["q_proj", "gate_proj"]),
        (Architecture::Gemma2, vec!["v_proj", "down_proj"]),
        (Architecture::Gemma3, vec!["q_proj", "o_proj"]),
        (Architecture::Opt, vec!["out_proj", "fc1"]),
        (Architecture::Granite, vec!["v_proj", "down_proj"]),
    ];
    assert_eq!(all.len(), Architecture::ALL.len(), "an architecture is missing");
    for (architecture, targets) in all {
        let mut model = model_of(architecture);
        let before = model.weights_bytes().expect("readable");
        let steps = Length::Steps(20);
        let recipe = Recipe { lora: Some(lora(&targets)), lr: 1e-2, eval_every: None, length: steps, ..recipe() };
        let log = fit(&mut model, &examples(), &recipe, &mut ()).expect("trains");
        // Batches differ, so several of them are compared.
        let mean = |steps: &[StepReport]| steps.iter().map(|step| step.loss).sum::<f64>() / steps.len() as f64;
        let (first, last) = (mean(&log.steps[..4]), mean(&log.steps[16..]));
        assert!(last < first, "{architecture:?} does not learn: {first} to {last}");
        let after = model.weights_bytes().expect("readable");
        let (before, after) = (SafeTensors::deserialize(&before).expect("a file"), SafeTensors::deserialize(&after));
        let after = after.expect("a file");
        for name in before.names() {
            let ((old, shape), (new, _)) = (tensor(&before, name), tensor(&after, name));
            let targeted = targets.iter().any(|target| name.ends_with(&format!("{target}.weight")));
            let change: Vec<f64> = new.iter().zip(&old).map(|(new, old)| new - old).collect();
            if targeted {
                assert_eq!(rank(change, shape[1]), 2, "{architecture:?} {name}");
            } else {
                assert!(old == new, "{architecture:?} {name} changed");
            }
        }
    }
}

#[test]
fn the_rows_of_new_tokens_learn_and_no_others_do() {
    for architecture in Architecture::ALL {
        let mut model = model_of(architecture);
        let before = model.weights_bytes().expect("readable");
        let rows = vec![7, 3];
        let lora = Some(Lora { rows: rows.clone(), ..lora(&[]) });
        let recipe = Recipe { lora, eval_every: None, length: Length::Steps(10), ..recipe() };
        fit(&mut model, &examples(), &recipe, &mut ()).expect("trains");
        let after = model.weights_bytes().expect("readable");
        let (before, after) = (SafeTensors::deserialize(&before).expect("a file"), SafeTensors::deserialize(&after));
        let after = after.expect("a file");
        let tables = [model.config().embedding(), "lm_head.weight", "lm_head.bias", "embed_out.weight"];
        for name in tables.into_iter().filter(|name| before.tensor(name).is_ok()) {
            let ((old, shape), (new, _)) = (tensor(&before, name), tensor(&after, name));
            let width = shape.get(1).copied().unwrap_or(1);
            for (row, (old, new)) in old.chunks(width).zip(new.chunks(width)).enumerate() {
                assert_eq!(old != new, rows.contains(&(row as u32)), "{architecture:?} {name} row {row}");
            }
        }
    }
    let beyond = Recipe { lora: Some(Lora { rows: vec![60], ..lora(&[]) }), ..recipe() };
    let error = fit(&mut model_of(Architecture::Llama), &examples(), &beyond, &mut ()).expect_err("beyond");
    assert_eq!(error.to_string(), "cannot train with `lora.rows` = 60: it must be below the vocabulary's size 60");
}

#[test]
fn the_gradients_are_those_of_the_merged_weights() {
    for architecture in [Architecture::Gpt2, Architecture::Llama] {
        let mut model = model_of(architecture);
        let Placed::Fused(network) = &mut model.placed else { panic!("computes on the CPU") };
        network.begin_training(Some(&Lora { rows: vec![5, 2], ..lora(&[]) }), 3).expect("known projections");
        let specs = network.learned_specs();
        // Some B other than zero, and any gradient of the weights.
        let noise = |seed: u64, count: usize| -> Vec<f32> {
            (0..count as u64).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 2003.0 - 0.5).collect()
        };
        let learned: Vec<Vec<f32>> = specs.iter().enumerate().map(|(i, spec)| noise(i as u64, spec.count())).collect();
        let tensors = network.config().tensors();
        let gradients: Vec<Vec<f32>> =
            tensors.iter().enumerate().map(|(i, spec)| noise(1000 + i as u64, spec.count())).collect();
        let mut merged = |learned: &[Vec<f32>]| -> f64 {
            let uploaded: Vec<_> =
                specs.iter().zip(learned).map(|(spec, data)| network.upload(data.clone(), &spec.shape)).collect();
            network.learn_as(uploaded);
            let weights = (0..tensors.len()).map(|i| network.weight(i).expect("readable"));
            let product = |(w, g): (&f32, &f32)| f64::from(*w) * f64::from(*g);
            weights
                .zip(&gradients)
                .map(|(weight, gradient)| weight.iter().zip(gradient).map(product).sum::<f64>())
                .sum()
        };
        let at = merged(&learned);
        let mut numeric = Vec::new();
        for (i, spec) in specs.iter().enumerate() {
            let mut moved = learned.clone();
            let place = spec.count() / 3;
            moved[i][place] += 0.5;
            numeric.push((i, place, (merged(&moved) - at) / 0.5));
        }
        merged(&learned);
        let grads: Vec<_> = tensors
            .iter()
            .zip(&gradients)
            .map(|(spec, gradient)| Some(network.upload(gradient.clone(), &spec.shape)))
            .collect();
        let training = network.training.as_ref().expect("in training");
        let adaptation = training.adaptation.as_ref().expect("adapted");
        let found = adaptation.gradients(&training.learned, &grads);
        for (i, place, numeric) in numeric {
            let grad = network.read(found[i].clone().expect("a gradient")).expect("readable");
            let exact = f64::from(grad[place]);
            assert!((numeric - exact).abs() < 1e-2 * (1.0 + exact.abs()), "{architecture:?} {i}: {numeric} {exact}");
        }
    }
}

#[test]
fn a_projection_that_is_not_there_is_named_with_those_that_are() {
    let recipe = Recipe { lora: Some(lora(&["q_proj", "c_attn"])), ..recipe() };
    let error = fit(&mut model_of(Architecture::Llama), &examples(), &recipe, &mut ()).expect_err("unknown");
    expect_test::expect!["cannot train with `lora.targets` = `c_attn`: it must be among the model's projections: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"].assert_eq(&error.to_string());
}

#[test]
fn a_model_with_new_tokens_thinks_of_the_old_ones_as_before() {
    for architecture in Architecture::ALL {
        let model = model_of(architecture);
        let bytes = model.weights_bytes().expect("readable");
        let files = || vec![WeightsFile::new("model.safetensors", Cursor::new(&bytes))];
        let grown = Model::from_files(model.config(), files(), 63, &Device::cpu()).expect("loads");
        assert_eq!(grown.config().vocab_size(), 63);
        let ids: &[u32] = &[3, 1, 4, 1, 5];
        let (before, after) = (model.logits(&[ids]).expect("runs"), grown.logits(&[ids]).expect("runs"));
        for (before, after) in before[0].chunks(60).zip(after[0].chunks(63)) {
            let mean = before.iter().map(|&x| f64::from(x)).sum::<f64>() / 60.0;
            assert!(before.iter().zip(after).all(|(a, b)| (a - b).abs() < 1e-5), "{architecture:?}");
            assert!(after[60..].iter().all(|&x| (f64::from(x) - mean).abs() < 1e-4), "{architecture:?}");
        }
        grown.logits(&[&[62, 60]]).expect("knows the new tokens");
        let same = Model::from_files(model.config(), files(), 12, &Device::cpu()).expect("loads");
        assert_eq!(same.config().vocab_size(), 60, "a vocabulary never shrinks");
    }
}
