//! Lenses against the reference cases: what the logit lens reads, in double precision from their hidden states, and how a
//! tuned lens is trained, against PyTorch's optimiser.

use super::parity::{cases, slices};
use crate::student::placed;
use crate::{Budget, LensLimits, LensRequest, Passage, TuneRecipe, TuneStep, read_layers, tune};

/// Norm, projection and head of a model, as they are stored.
struct Ends {
    gain: Option<Vec<f32>>,
    norm_bias: Option<Vec<f32>>,
    project: Option<Vec<f32>>,
    head: Vec<f32>,
    head_bias: Option<Vec<f32>>,
}

#[test]
fn the_logit_lens_reads_the_hidden_states_of_the_reference() {
    for case in cases() {
        let (config, ids) = (case.model.config().clone(), case.ids("input_ids"));
        let (layers, width, vocab, normal) =
            (config.layers(), config.d_model(), config.vocab_size(), config.decoder().normal);
        let (embedded, scale, cap) =
            (config.embedding_width(), config.decoder().logit_scale, config.decoder().logit_cap);
        let ends = placed!(&case.model.placed, network => {
            let weights = network.parameters(&network.values);
            let read = |x: &_| network.read(Clone::clone(x)).expect("reads");
            Ends {
                gain: weights.norm.as_ref().map(|norm| read(&norm.weight)),
                norm_bias: weights.norm.as_ref().and_then(|norm| norm.bias.as_ref()).map(read),
                project: weights.project_out.as_ref().map(|project| read(&project.weight)),
                head: read(weights.head()),
                head_bias: weights.head_bias.as_ref().map(read),
            }
        });
        // The distribution of a row of the residual stream, normalised unless it is already.
        let distribution = |row: &[f32], normed: bool| -> Vec<f64> {
            let mut x: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
            if let Some(gain) = ends.gain.as_ref().filter(|_| !normed) {
                let mean = if normal.centred { x.iter().sum::<f64>() / width as f64 } else { 0.0 };
                let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / width as f64;
                let scale = 1.0 / (variance + f64::from(normal.epsilon)).sqrt();
                for (i, x) in x.iter_mut().enumerate() {
                    let bias = ends.norm_bias.as_ref().map_or(0.0, |bias| f64::from(bias[i]));
                    *x = (*x - mean) * scale * (f64::from(gain[i]) + f64::from(normal.offset)) + bias;
                }
            }
            let product = |matrix: &[f32], row: usize, x: &[f64]| -> f64 {
                matrix[row * x.len()..(row + 1) * x.len()].iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum()
            };
            if let Some(project) = ends.project.as_ref().filter(|_| !normed) {
                x = (0..embedded).map(|row| product(project, row, &x)).collect();
            }
            let logit = |token: usize| {
                let bias = ends.head_bias.as_ref().map_or(0.0, |bias| f64::from(bias[token]));
                let logit = (product(&ends.head, token, &x) + bias) * scale;
                cap.map_or(logit, |cap| cap * (logit / cap).tanh())
            };
            let logits: Vec<f64> = (0..vocab).map(logit).collect();
            let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logits.iter().map(|z| (z - most).exp()).sum();
            logits.iter().map(|z| (z - most).exp() / sum).collect()
        };

        let all: Vec<usize> = (0..=layers).collect();
        let requests: Vec<LensRequest<'_>> =
            slices(&ids).into_iter().map(|ids| LensRequest { ids, read: 0..ids.len(), targets: ids }).collect();
        let limits = LensLimits { budget: Budget::default(), logits_max: 1 << 24 };
        let found = read_layers(&case.model, &requests, &all, None, &limits).expect("reads");
        let finals = case.floats(&format!("hidden.{layers}"));
        for layer in all {
            let states = case.floats(&format!("hidden.{layer}"));
            let rows = states.chunks(if layer == layers { embedded } else { width }).zip(finals.chunks(embedded));
            let readings = found.iter().flat_map(|grid| &grid[layer]);
            let targets = ids.iter().flatten();
            // A few places of each sequence; a whole vocabulary in double precision takes its time.
            for (((row, last), reading), &target) in rows.zip(readings).zip(targets).step_by(5) {
                let (own, last) = (distribution(row, layer == layers), distribution(last, true));
                let entropy: f64 = -own.iter().map(|p| p * p.max(1e-300).ln()).sum::<f64>();
                let divergence: f64 = last.iter().zip(&own).map(|(q, p)| q * (q / p).max(1e-300).ln()).sum();
                let name = format!("{}, layer {layer}", case.name);
                for (what, found, wanted) in [
                    ("probability", reading.probability, own[target as usize]),
                    ("likeliest", reading.top_probability, own.iter().copied().fold(0.0, f64::max)),
                    ("entropy", reading.entropy, entropy),
                    ("divergence", reading.divergence, divergence),
                ] {
                    let off = (f64::from(found) - wanted).abs();
                    assert!(off < 1e-4 * (wanted.abs() + 1e-3) + 1e-6, "{name}: {what} is {found}, not {wanted}");
                }
                assert!((own[reading.top as usize] - f64::from(reading.top_probability)).abs() < 1e-5, "{name}");
                let before = own.iter().filter(|p| **p > own[target as usize] * (1.0 + 1e-5)).count();
                let up_to = own.iter().filter(|p| **p >= own[target as usize] * (1.0 - 1e-5)).count();
                assert!((before + 1..=up_to).contains(&(reading.rank as usize)), "{name}: rank {}", reading.rank);
            }
        }
    }
}

#[test]
fn tuning_goes_step_by_step_as_in_pytorch() {
    let mut compared = 0;
    for case in cases() {
        let Ok(json) = fs_err::read(case.directory.join("lens.json")) else {
            eprintln!("skipped: {} has no reference for a tuned lens", case.name);
            continue;
        };
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        let wanted = |field: &str| -> Vec<f64> {
            json[field].as_array().expect(field).iter().map(|number| number.as_f64().expect("a number")).collect()
        };
        let text: Vec<Passage> = case.ids("input_ids").into_iter().map(|ids| Passage { ids, from: 0 }).collect();
        let recipe = TuneRecipe {
            steps: 8,
            // All of the text in each step.
            tokens: text.iter().map(|passage| passage.ids.len()).sum(),
            lr: 1.0,
            momentum: 0.9,
            weight_decay: 1e-3,
            max_grad_norm: Some(1.0),
            bias_only: false,
            seed: 0,
        };
        let limits = LensLimits { budget: Budget::default(), logits_max: 1 << 24 };
        let mut steps = Vec::new();
        tune(&case.model, &text, &recipe, &limits, &mut |step: &TuneStep| {
            steps.push(*step);
            true
        })
        .expect("tunes");
        for (what, found) in [
            ("divergence", steps.iter().map(|step| step.divergence).collect::<Vec<_>>()),
            ("grad_norm", steps.iter().map(|step| step.grad_norm).collect()),
            ("lr", steps.iter().map(|step| step.lr).collect()),
        ] {
            for (step, (found, wanted)) in found.iter().zip(wanted(what)).enumerate() {
                let off = (found - wanted).abs() / wanted;
                assert!(off < 1e-3, "{}, step {step}: {what} is {found}, not {wanted}", case.name);
            }
        }
        compared += 1;
    }
    assert!(compared > 0 || std::env::var_os("RETORT_GOLDEN").is_some(), "no case has a reference");
}
