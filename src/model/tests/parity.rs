//! Agreement with transformers, PyTorch's AdamW and captum on reference cases.
//!
//! Every directory below the one that the environment variable `RETORT_GOLDEN` names, or else below `tests/golden`,
//! that has an `expected.json` is a case, once with the fused operations of the CPU and once with those that CUDA runs.
//! A case of an architecture that is not known here is passed over, and said so.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::Value;

use crate::kernels::{AdamWStep, Precision};
use crate::layout::Layout;
use crate::learn::{Batch, Learned, Update};
use crate::student::{Placed, placed};
use crate::{
    Attributed, Budget, ConfigError, Device, GenerateOptions, IntegratedGradients, Model, ModelError, Quadrature,
    Reduction, Request, Scorer, attribute, generate,
};

pub(super) struct Case {
    pub(super) name: String,
    pub(super) directory: PathBuf,
    json: Value,
    tensors: Vec<u8>,
    pub(super) model: Model,
}

impl Case {
    fn load(directory: &Path, device: &Device) -> Result<Self, ModelError> {
        Ok(Self {
            name: format!("{} on {device}", directory.display()),
            json: serde_json::from_slice(&fs_err::read(directory.join("expected.json"))?).expect("JSON"),
            tensors: fs_err::read(directory.join("expected.safetensors"))?,
            model: Model::load(directory, device)?,
            directory: directory.to_owned(),
        })
    }

    /// The same case anew.
    fn again(&self) -> Self {
        Self::load(&self.directory, self.model.device()).expect("loads again")
    }

    pub(super) fn floats(&self, name: &str) -> Vec<f32> {
        let archive = SafeTensors::deserialize(&self.tensors).expect("a reference file");
        let data = archive.tensor(name).expect(name).data();
        data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    /// A tensor of integers and its last dimension.
    fn integers(&self, name: &str) -> (Vec<i64>, usize) {
        let archive = SafeTensors::deserialize(&self.tensors).expect("a reference file");
        let view = archive.tensor(name).expect(name);
        let last = view.shape().last().copied().unwrap_or(1);
        (view.data().as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect(), last)
    }

    pub(super) fn ids(&self, name: &str) -> Vec<Vec<u32>> {
        let (data, last) = self.integers(name);
        data.chunks(last).map(|row| row.iter().map(|&id| id as u32).collect()).collect()
    }

    fn number(&self, name: &str) -> f64 {
        self.json[name].as_f64().expect(name)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let root = super::workspace().join(std::env::var_os("RETORT_GOLDEN").unwrap_or_else(|| "tests/golden".into()));
    let mut directories: Vec<PathBuf> =
        fs_err::read_dir(root).expect("the reference cases").flatten().map(|entry| entry.path()).collect();
    directories.sort();
    let mut cases = Vec::new();
    for directory in directories.into_iter().filter(|directory| directory.join("expected.json").exists()) {
        for device in [Device::cpu(), Device::dispatched_cpu()] {
            match Case::load(&directory, &device) {
                Ok(case) => cases.push(case),
                Err(ModelError::Config(ConfigError::UnknownArchitecture { found, .. })) => {
                    eprintln!("skipped: {} is of the unknown architecture {found}", directory.display());
                }
                Err(error) => panic!("{}: {error}", directory.display()),
            }
        }
    }
    assert!(!cases.is_empty(), "there is no reference case");
    cases
}

pub(super) fn relative(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let square = |x: f64| x * x;
    let error: f64 = got.iter().zip(want).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let norm: f64 = want.iter().map(|b| square(f64::from(*b))).sum();
    (error / norm).sqrt()
}

pub(super) fn slices(rows: &[Vec<u32>]) -> Vec<&[u32]> {
    rows.iter().map(Vec::as_slice).collect()
}

#[test]
fn parity_logits_and_hidden_states() {
    for case in cases() {
        let ids = case.ids("input_ids");
        let logits = case.model.logits(&slices(&ids)).expect("runs").concat();
        let error = relative(&logits, &case.floats("logits"));
        assert!(error < 1e-5, "{}: logits are off by {error}", case.name);
        for (layer, states) in case.model.hidden_states(&slices(&ids)).expect("runs").iter().enumerate() {
            let error = relative(&states.concat(), &case.floats(&format!("hidden.{layer}")));
            assert!(error < 1e-5, "{}: hidden states {layer} are off by {error}", case.name);
        }
        assert_eq!(Some(case.model.parameter_count()), case.json["parameters"].as_u64());
    }
}

#[test]
fn parity_logits_padded_on_either_side() {
    for case in cases() {
        let mut ids = case.ids("input_ids");
        ids[0].truncate(7);
        ids[1].truncate(19);
        let lens: Vec<usize> = ids.iter().map(Vec::len).collect();
        let alone: Vec<Vec<f32>> = ids.iter().map(|row| case.model.logits(&[row]).expect("runs").remove(0)).collect();
        let fused = matches!(case.model.placed, Placed::Fused(_));
        let packed = fused.then(|| Layout::packed(&lens));
        for layout in packed.into_iter().chain([Layout::padded_left(&lens), Layout::padded_right(&lens)]) {
            let together =
                placed!(&case.model.placed, network => network.logits(&slices(&ids), &layout)).expect("runs");
            for (a, b) in alone.iter().zip(&together) {
                let error = relative(b, a);
                assert!(error < 1e-5, "{}: {layout:?} is off by {error}", case.name);
            }
        }
    }
}

#[test]
fn parity_greedy_generation() {
    for case in cases() {
        // The reference goes on from the first half of each sequence.
        let mut prompts = case.ids("input_ids");
        for ids in &mut prompts {
            ids.truncate(ids.len() / 2);
        }
        let wanted = case.ids("greedy_ids");
        let max_new = wanted[0].len() - prompts[0].len();
        let options =
            |batch| GenerateOptions { max_new, stop_ids: Vec::new(), batch, budget: Budget::default(), sampling: None };
        for batch in [1, 2, 8] {
            let made = generate(&case.model, &slices(&prompts), &options(batch), &|_, _| false).expect("runs");
            for ((prompt, made), wanted) in prompts.iter().zip(&made).zip(&wanted) {
                assert_eq!([prompt.as_slice(), &made.ids].concat(), *wanted, "{}, batch {batch}", case.name);
            }
        }
        // Without what is remembered: the whole sequence again for each token.
        for (prompt, wanted) in prompts.iter().zip(&wanted) {
            let mut ids = prompt.clone();
            let vocab = case.model.config().vocab_size();
            for _ in 0..max_new {
                let logits = case.model.logits(&[&ids]).expect("runs").remove(0);
                let last = &logits[logits.len() - vocab..];
                let best = (0..vocab).max_by(|&a, &b| last[a].total_cmp(&last[b])).expect("a vocabulary");
                ids.push(best as u32);
            }
            assert_eq!(ids, *wanted, "{}, without memory", case.name);
        }
    }
}

/// Runs the eight steps of the reference and hands each step's loss and gradient norm to `seen`.
fn train(case: &mut Case, mut seen: impl FnMut(usize, Learned)) {
    let (ids, width) = case.integers("sft.input_ids");
    let (labels, _) = case.integers("sft.labels");
    let (lengths, rows) = case.integers("sft.lengths");
    let mut examples = Vec::new();
    for (row, &len) in lengths.iter().enumerate() {
        let at = row * width..row * width + len as usize;
        let ids: Vec<u32> = ids[at.clone()].iter().map(|&id| id as u32).collect();
        let from = labels[at].iter().position(|&label| label != -100).expect("a row that carries loss");
        examples.push((ids, from));
    }
    for (step, power) in (0..8_usize).zip(1_i32..) {
        let batch = &examples[(step % 4) * rows..(step % 4 + 1) * rows];
        let batch = Batch {
            sequences: batch.iter().map(|(ids, _)| ids.as_slice()).collect(),
            loss_from: batch.iter().map(|(_, from)| *from).collect(),
            weights: None,
        };
        let update = Update {
            adamw: AdamWStep {
                lr: case.json["sft"]["lr"][step].as_f64().expect("a number") as f32,
                decay: 0.01,
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                correction1: (1.0 - 0.9_f64.powi(power)) as f32,
                correction2: (1.0 - 0.999_f64.powi(power)) as f32,
                grad_scale: 1.0,
            },
            exempt: false,
            max_grad_norm: Some(1.0),
            drops: None,
            precision: Precision::F32,
            mass: None,
        };
        let learned = placed!(&mut case.model.placed, network => {
            if step == 0 {
                network.begin_training(None, 0).expect("nothing to refuse");
            }
            network.learn(&[batch], &update)
        });
        seen(step, learned.expect("learns"));
    }
}

/// The case with every weight off by about half of its last bit. No two correct programs agree better than it agrees with
/// the case, and training magnifies the difference: in some cases ten-thousandfold within eight steps.
fn moved(case: &Case) -> Case {
    let mut case = case.again();
    let mut fraction = 6e-8;
    placed!(&mut case.model.placed, network => network.change_weights(|weight| {
        fraction = -fraction;
        *weight += *weight * fraction;
    }));
    case
}

/// What is allowed after training: `least`, or four times what the case itself strays, up to ten times `least`. The
/// operations that CUDA runs may be off ten times as far.
fn allowed(case: &Case, least: f64, stray: f64) -> f64 {
    let least = if matches!(case.model.placed, Placed::Fused(_)) { least } else { 10.0 * least };
    (4.0 * stray).clamp(least, 10.0 * least)
}

#[test]
fn parity_eight_steps_of_adamw() {
    for mut case in cases() {
        let (name, sft) = (case.name.clone(), case.json["sft"].clone());
        let (start, mut nearby) = (case.again(), Vec::new());
        train(&mut moved(&case), |_, learned| nearby.push(learned));
        train(&mut case, |step, learned| {
            for (what, got, near, want) in [
                ("loss", learned.loss, nearby[step].loss, &sft["loss"]),
                ("gradient norm", learned.grad_norm, nearby[step].grad_norm, &sft["grad_norm_before_clipping"]),
            ] {
                let want = want[step].as_f64().expect("a number");
                let (error, most) = ((got - want).abs() / want, allowed(&start, 1e-4, (got - near).abs() / want));
                assert!(error < most, "{name}, step {step}: {what} {got}, not {want}, is off by {error} of {most}");
            }
        });
        let logits = case.model.logits(&slices(&case.ids("input_ids"))).expect("runs").concat();
        let error = relative(&logits, &case.floats("sft.logits_after"));
        assert!(error < allowed(&start, 1e-3, 0.0), "{}: logits after training are off by {error}", case.name);
    }
}

#[test]
fn parity_integrated_gradients() {
    for mut case in cases() {
        let mut nearby = moved(&case);
        train(&mut case, |_, _| {});
        train(&mut nearby, |_, _| {});
        let ig = &case.json["ig"];
        let ids: Vec<u32> =
            ig["input_ids"].as_array().expect("ids").iter().map(|id| id.as_u64().expect("an id") as u32).collect();
        let whole = |field: &str| ig[field].as_u64().expect("a whole number");
        for (function, function_name) in [(Attributed::Logit, "logit"), (Attributed::LogProbability, "logprob")] {
            for (quadrature, rule) in
                [(Quadrature::GaussLegendre, "gausslegendre"), (Quadrature::RiemannRight, "riemann_right")]
            {
                for (reduction, suffix) in [(Reduction::Sum, "sum"), (Reduction::L2, "l2")] {
                    let scorer = Scorer::IntegratedGradients(IntegratedGradients {
                        function,
                        quadrature,
                        steps: whole("steps") as usize,
                        reduction,
                        ..IntegratedGradients::default()
                    });
                    let scored: Vec<usize> = (0..ids.len()).collect();
                    let (position, target) = (whole("position") as usize, whole("target_id") as u32);
                    let request = Request { ids: &ids, position, target, scored: &scored };
                    let score = |model: &Model| {
                        let made = attribute(model, &[request], &scorer, &Budget::of(7 * ids.len())).expect("runs");
                        let per_token: Vec<f32> = made[0].per_token.iter().map(|&score| score as f32).collect();
                        (per_token, made[0].completeness.expect("integrated gradients"))
                    };
                    let name = format!("ig.{function_name}.{rule}");
                    let ((made, ends), (near, _)) = (score(&case.model), score(&nearby.model));
                    let most = allowed(&case, 1e-3, relative(&near, &made));
                    let error = relative(&made, &case.floats(&format!("{name}.per_token_{suffix}")));
                    assert!(error < most, "{}: {name} by {suffix} is off by {error} of {most}", case.name);
                    let delta = case.number(&format!("{name}.convergence_delta"));
                    let change = (ends.value - ends.value_baseline).abs();
                    let off = (ends.delta - delta).abs();
                    assert!(
                        off < allowed(&case, 1e-3, 0.0) * (1.0 + change),
                        "{}: {name} leaves {off} of {change}",
                        case.name
                    );
                }
            }
        }
    }
}
