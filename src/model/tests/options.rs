//! What trains with less memory, or less of a model: that it gives the same, or what it gives instead.

use safetensors::SafeTensors;

use super::fitting::{examples, model_of, recipe};
use crate::{
    Architecture, Checkpointing, Example, Freeze, Length, Lora, LossType, Model, Moments, Precision, Recipe, fit,
};

/// Four steps of training: the losses and the weights.
fn trained(architecture: Architecture, recipe: &Recipe) -> (Vec<f64>, Vec<u8>) {
    let mut model = model_of(architecture);
    let recipe = Recipe { length: Length::Steps(4), eval_every: None, ..recipe.clone() };
    let log = fit(&mut model, &examples(), &recipe, &mut ()).expect("trains");
    (log.steps.iter().map(|step| step.loss).collect(), model.weights_bytes().expect("readable"))
}

fn lora(targets: &[&str]) -> Lora {
    Lora { rank: 2, alpha: 6.0, targets: targets.iter().map(ToString::to_string).collect(), rows: vec![58, 59] }
}

#[test]
fn recomputed_blocks_give_the_same_bits() {
    for architecture in Architecture::ALL {
        for plain in [
            recipe(),
            Recipe { dropout: Some(0.2), ..recipe() },
            Recipe { precision: Precision::Bf16, accumulate: 1, ..recipe() },
            Recipe { lora: Some(lora(&[])), ..recipe() },
            Recipe { freeze: Some(Freeze { layers: vec![0..=0], embeddings: true, head: false }), ..recipe() },
            Recipe { loss_chunk: Some(7), loss_type: LossType::Dft, ..recipe() },
        ] {
            let blocks = Recipe { checkpointing: Checkpointing::Blocks, ..plain.clone() };
            assert!(trained(architecture, &plain) == trained(architecture, &blocks), "{architecture:?} {plain:?}");
        }
    }
}

#[test]
fn a_chunked_loss_is_the_same_but_for_rounding() {
    for architecture in Architecture::ALL {
        for plain in [recipe(), Recipe { loss_type: LossType::Dft, lora: Some(lora(&[])), ..recipe() }] {
            let (whole, weights) = trained(architecture, &plain);
            for chunk in [1, 3, 16, 1000] {
                let (losses, found) = trained(architecture, &Recipe { loss_chunk: Some(chunk), ..plain.clone() });
                for (loss, whole) in losses.iter().zip(&whole) {
                    assert!(
                        (loss - whole).abs() < 2e-5 * whole.abs(),
                        "{architecture:?} by {chunk}: {loss}, not {whole}"
                    );
                }
                if chunk == 1000 {
                    assert!(found == weights, "{architecture:?}: one chunk is the whole");
                }
            }
        }
    }
}

#[test]
fn a_chunk_of_no_tokens_is_refused() {
    let error = Recipe { loss_chunk: Some(0), ..recipe() }.check().expect_err("no tokens");
    assert_eq!(error.to_string(), "cannot train with `loss_chunk` = 0: it must be at least 1");
}

fn tensors(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let file = SafeTensors::deserialize(bytes).expect("a file");
    let mut all: Vec<_> = file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
    all.sort();
    all
}

#[test]
fn frozen_parts_stay_and_the_others_learn_as_ever() {
    let once = |architecture, freeze| {
        let recipe = Recipe {
            freeze,
            max_grad_norm: None,
            warmup_steps: 0,
            length: Length::Steps(1),
            eval_every: None,
            ..recipe()
        };
        let mut model = model_of(architecture);
        fit(&mut model, &examples(), &recipe, &mut ()).expect("trains");
        tensors(&model.weights_bytes().expect("readable"))
    };
    for architecture in Architecture::ALL {
        let start = tensors(&model_of(architecture).weights_bytes().expect("readable"));
        let whole = once(architecture, None);
        let untied = start.iter().any(|(name, _)| name == "lm_head.weight" || name == "embed_out.weight");
        let freeze = Freeze { embeddings: true, layers: vec![1..=1], head: untied };
        let found = once(architecture, Some(freeze));
        let frozen = |name: &str| {
            let block = ["h.1.", "layers.1."].iter().any(|block| name.contains(block));
            let table =
                ["wte", "wpe", "embed_tokens", "embed_positions", "embed_in", "embed_out", "lm_head", "project"];
            block || table.iter().any(|table| name.contains(table))
        };
        assert!(found.iter().filter(|(name, _)| frozen(name)).count() > 6, "{architecture:?}");
        for ((name, found), ((_, start), (_, whole))) in found.iter().zip(start.iter().zip(&whole)) {
            // Biases of keys have no gradient, as they move all scores of a query alike.
            if frozen(name) {
                assert!(found == start, "{architecture:?}: {name} changed");
            } else {
                assert!(found == whole && (found != start || name.contains("k_proj.bias")), "{architecture:?}: {name}");
            }
        }
    }
}

#[test]
fn what_cannot_be_frozen_is_named() {
    let error = |freeze: Freeze, lora| {
        let recipe = Recipe { freeze: Some(freeze), lora, ..recipe() };
        fit(&mut model_of(Architecture::Gpt2), &examples(), &recipe, &mut ()).expect_err("no").to_string()
    };
    assert_eq!(
        error(Freeze { layers: vec![0..=0, 1..=2], ..Freeze::default() }, None),
        "cannot train with `freeze.layers` = 1-2: it must be a range within 0-1, the layers of the model"
    );
    assert_eq!(
        error(Freeze { head: true, ..Freeze::default() }, None),
        "cannot train with `freeze.head` = true: it must be absent: the output head of this model is the token embedding, which \
         `freeze.embeddings` freezes"
    );
    assert_eq!(
        error(Freeze::default(), Some(lora(&[]))),
        "cannot train with `freeze` = given: it must be absent with `lora`, which changes its targets alone"
    );
}

#[test]
fn all_linear_adapts_every_projection_and_nothing_else() {
    for architecture in Architecture::ALL {
        let mut model = model_of(architecture);
        let before = tensors(&model.weights_bytes().expect("readable"));
        let recipe = Recipe {
            lora: Some(lora(&["all-linear"])),
            lr: 1e-2,
            eval_every: None,
            length: Length::Steps(5),
            ..recipe()
        };
        fit(&mut model, &examples(), &recipe, &mut ()).expect("trains");
        let after = tensors(&model.weights_bytes().expect("readable"));
        let mut adapted = 0;
        for ((name, before), (_, after)) in before.iter().zip(&after) {
            let table = ["wte", "wpe", "embed_tokens", "embed_positions", "embed_in", "embed_out", "lm_head"];
            let in_blocks = name.contains("h.") || name.contains("layers.");
            let linear = in_blocks && name.ends_with(".weight") && !name.contains("norm") && !name.contains("ln_");
            if linear {
                assert!(before != after, "{architecture:?}: {name} did not change");
                adapted += 1;
            } else if !table.iter().any(|table| name.contains(table)) {
                assert!(before == after, "{architecture:?}: {name} changed");
            }
        }
        assert!(adapted >= 8, "{architecture:?}: {adapted}");
    }
    let error = Recipe { lora: Some(lora(&["all-linear", "c_attn"])), ..recipe() };
    let error = fit(&mut model_of(Architecture::Gpt2), &examples(), &error, &mut ()).expect_err("not alone");
    assert!(error.to_string().contains("`all-linear` alone, or among the model's projections: c_attn"), "{error}");
}

#[test]
fn narrow_moments_take_less_and_learn_alike() {
    for architecture in [Architecture::Gpt2, Architecture::Llama] {
        let with = |moments| {
            let (losses, _) = trained(architecture, &Recipe { moments, beta2: 0.95, ..recipe() });
            let mut model = model_of(architecture);
            let crate::student::Placed::Fused(network) = &mut model.placed else { panic!("computes on the CPU") };
            network.begin_training(&Recipe { moments, ..recipe() }).expect("trains");
            (losses[losses.len() - 1], network.moment_bytes())
        };
        let (whole, bytes) = with(Moments::F32);
        let (brain, brain_bytes) = with(Moments::Bf16);
        let (narrow, narrow_bytes) = with(Moments::Bits8);
        assert_eq!(2 * brain_bytes, bytes);
        assert!(narrow_bytes * 4 < bytes * 3, "{narrow_bytes} of {bytes}");
        for loss in [brain, narrow] {
            assert!((loss - whole).abs() < 0.01 * whole && loss.to_bits() != whole.to_bits(), "{loss}, not {whole}");
        }
    }
}

#[test]
fn targets_of_thousands_of_tokens_train() {
    let size = crate::Size { vocab_size: 50, context: 4200, d_model: 16, layers: 2, heads: 2, kv_heads: None };
    let config = crate::Config::new(Architecture::Llama, size);
    let mut model = Model::init(config, 3, &crate::Device::cpu());
    let ids: Vec<u32> = (0..4100).map(|i| i % 50).collect();
    let example = Example { ids, loss_from: 4, weights: None, task: None, teacher: None };
    let recipe = Recipe {
        lr: 1e-2,
        batch: 1,
        length: Length::Steps(3),
        checkpointing: Checkpointing::Blocks,
        loss_chunk: Some(512),
        moments: Moments::Bits8,
        schedule: crate::Schedule::Constant,
        ..Recipe::default()
    };
    let log = fit(&mut model, &[example], &recipe, &mut ()).expect("trains");
    assert!(log.steps[2].loss < log.steps[0].loss, "{:?}", log.steps);
}
