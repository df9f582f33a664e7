//! Weighted losses: against a naive computation, by finite differences, and where weights make no difference.

use std::io::Cursor;

use super::fitting::{examples, model_of, recipe};
use super::parity::relative;
use crate::kernels::{AdamWStep, Precision};
use crate::learn::{Batch, Update, Way};
use crate::student::placed;
use crate::trained::Shelf;
use crate::{
    Architecture, Config, Device, Example, FitError, FitHooks, FitLog, Length, Lora, Model, Ramp, Recipe, Size,
    StateError, TokenWeight, TrainState, fit, resume,
};

/// A factor for each token that looks random, a fifth of them 0.
fn factor(example: usize, token: usize) -> f32 {
    ((example * 31 + token * 17) % 5) as f32 * 0.75
}

/// The usual examples, the tokens of some of them weighted, and every third of those on the ramp.
fn weighted() -> Vec<Example> {
    let weigh = |(i, example): (usize, Example)| {
        let token = |at| TokenWeight { factor: factor(i, at), ramped: at % 3 == 0 };
        let weights = (i % 4 != 0).then(|| (0..example.ids.len()).map(token).collect());
        Example { weights, ..example }
    };
    examples().into_iter().enumerate().map(weigh).collect()
}

fn with_factor(factor: f32) -> Vec<Example> {
    let weigh = |example: Example| {
        let weights = Some(vec![TokenWeight { factor, ramped: false }; example.ids.len()]);
        Example { weights, ..example }
    };
    examples().into_iter().map(weigh).collect()
}

fn trained(examples: &[Example], recipe: &Recipe) -> (FitLog, Vec<u8>) {
    let mut model = model_of(Architecture::Gpt2);
    let log = fit(&mut model, examples, recipe, &mut ()).expect("trains");
    (log, model.weights_bytes().expect("readable"))
}

fn llama(device: &Device) -> Model {
    let size = Size { vocab_size: 60, context: 48, d_model: 32, layers: 2, heads: 2, kv_heads: None };
    Model::init(Config::new(Architecture::Llama, size), 5, device)
}

/// The gradient of each tensor and the loss, from one step that changes nothing.
fn gradient(model: &mut Model, batches: &[Batch<'_>]) -> (f64, Vec<Vec<f32>>) {
    let update = Update {
        adamw: AdamWStep {
            lr: 0.0,
            decay: 0.0,
            beta1: 0.5,
            beta2: 0.5,
            epsilon: 1e-8,
            correction1: 0.5,
            correction2: 0.5,
            grad_scale: 1.0,
        },
        exempt: false,
        max_grad_norm: None,
        drops: None,
        precision: Precision::F32,
        way: Way::default(),
        mass: None,
    };
    placed!(&mut model.placed, network => {
        network.begin_training(&Recipe { seed: 0, ..Recipe::default() }).expect("nothing to refuse");
        let learned = network.learn(batches, &update).expect("learns");
        let specs = network.learned_specs();
        // The first moment is half the gradient after one step.
        let grad = |i| network.read(network.shelf(Shelf::First, i).expect("there").clone()).expect("readable").iter().map(|x| x * 2.0).collect();
        (learned.loss, (0..specs.len()).map(grad).collect())
    })
}

/// Σ weight · cross-entropy / Σ weight, in double precision out of the logits.
fn naive(model: &Model, sequences: &[&[u32]], weights: &[Vec<f32>]) -> f64 {
    let vocab = model.config().vocab_size();
    let (mut sum, mut mass) = (0.0, 0.0);
    for ((ids, weights), logits) in sequences.iter().zip(weights).zip(model.logits(sequences).expect("runs")) {
        for at in 1..ids.len() {
            let row: Vec<f64> = logits[(at - 1) * vocab..at * vocab].iter().map(|&x| f64::from(x)).collect();
            let greatest = row.iter().copied().fold(f64::MIN, f64::max);
            let log_sum = row.iter().map(|x| (x - greatest).exp()).sum::<f64>().ln() + greatest;
            sum += f64::from(weights[at]) * (log_sum - row[ids[at] as usize]);
            mass += f64::from(weights[at]);
        }
    }
    sum / mass
}

#[test]
fn weighted_gradients_agree_with_finite_differences_of_a_naive_loss() {
    let examples = examples();
    let sequences: Vec<&[u32]> = examples.iter().take(5).map(|example| example.ids.as_slice()).collect();
    let weights: Vec<Vec<f32>> =
        sequences.iter().enumerate().map(|(i, ids)| (0..ids.len()).map(|at| factor(i, at)).collect()).collect();
    // As two batches of one step: what divides the sum is of the whole step.
    let batches = || {
        [0..2, 2..5].map(|part| Batch {
            loss_from: vec![0; part.len()],
            weights: Some(weights[part.clone()].to_vec()),
            sequences: sequences[part].to_vec(),
            lessons: None,
        })
    };
    let mut all: Vec<Vec<Vec<f32>>> = Vec::new();
    for device in [Device::cpu(), Device::dispatched_cpu()] {
        let mut model = llama(&device);
        let (loss, grads) = gradient(&mut model, &batches());
        let expected = naive(&model, &sequences, &weights);
        assert!((loss - expected).abs() < 1e-5 * expected, "{device}: {loss}, not {expected}");
        let mut checked = 0;
        for (i, grad) in grads.iter().enumerate() {
            let norm = grad.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            if norm < 1e-2 {
                continue;
            }
            let loss_at = |step: f64| {
                let mut model = llama(&device);
                let before: usize = grads[..i].iter().map(Vec::len).sum();
                let mut at = 0_usize;
                placed!(&mut model.placed, network => network.change_weights(|weight| {
                    if let Some(gradient) = at.checked_sub(before).and_then(|at| grad.get(at)) {
                        *weight += (step / norm * f64::from(*gradient)) as f32;
                    }
                    at += 1;
                }));
                naive(&model, &sequences, &weights)
            };
            let step = 0.01;
            let found = (loss_at(step) - loss_at(-step)) / (2.0 * step);
            assert!((found - norm).abs() < 2e-2 * norm, "{device}, tensor {i}: {norm}, by differences {found}");
            checked += 1;
        }
        assert!(checked > grads.len() / 2, "only {checked} of {} tensors have a gradient worth a look", grads.len());
        all.push(grads);
    }
    for (fused, composed) in all[0].iter().zip(&all[1]) {
        if composed.iter().any(|x| x.abs() > 1e-6) {
            assert!(relative(fused, composed) < 1e-3);
        }
    }
}

#[test]
fn tokens_that_weigh_nothing_are_as_good_as_left_out_bit_for_bit() {
    let hidden: Vec<Example> = examples()
        .into_iter()
        .map(|example| {
            let carries = |at| TokenWeight { factor: if at < example.loss_from { 0.0 } else { 1.0 }, ramped: false };
            Example { loss_from: 0, weights: Some((0..example.ids.len()).map(carries).collect()), ..example }
        })
        .collect();
    assert!(trained(&hidden, &recipe()) == trained(&examples(), &recipe()));
}

#[test]
fn equal_weights_are_no_weights() {
    let plain = trained(&examples(), &recipe());
    for factor in [1.0, 2.0, 0.125] {
        assert!(trained(&with_factor(factor), &recipe()) == plain, "{factor}");
    }
    for (a, b) in trained(&with_factor(3.0), &recipe()).0.steps.iter().zip(&plain.0.steps) {
        assert!((a.loss - b.loss).abs() < 1e-4 * b.loss, "{a:?} {b:?}");
    }
    assert!(trained(&weighted(), &recipe()) != plain);
}

#[test]
fn weights_are_summed_over_all_batches_of_a_step() {
    let ramp = Some(Ramp { from: 1.0, to: 0.0, over: 0.5 });
    let large = Recipe { batch: 6, accumulate: 1, eval_every: None, ramp, ..recipe() };
    let small = Recipe { batch: 2, accumulate: 3, ..large.clone() };
    for (a, b) in trained(&weighted(), &large).0.steps.iter().zip(&trained(&weighted(), &small).0.steps) {
        assert!((a.loss - b.loss).abs() < 1e-4 * a.loss, "{a:?} {b:?}");
    }
}

#[test]
fn a_ramp_is_what_its_factors_are_step_by_step() {
    // One step, so that it is at its beginning; or over before the beginning.
    let one = |ramp| trained(&weighted(), &Recipe { length: Length::Steps(1), ramp, eval_every: None, ..recipe() });
    let at = |from, to, over| one(Some(Ramp { from, to, over }));
    assert!(at(1.0, 0.25, 1.0) == one(None));
    assert!(at(0.25, 1.0, 0.0) == one(None));
    assert!(at(0.25, 1.0, 1.0) != one(None));
    assert!(at(0.25, 1.0, 1.0) == at(3.0, 0.25, 0.0));
}

/// Stops after a step and keeps the state.
#[derive(Default)]
struct Stopping {
    after: u64,
    step: u64,
    state: Vec<u8>,
}

impl FitHooks for Stopping {
    fn on_step(&mut self, report: &crate::StepReport) {
        self.step = report.step;
    }

    fn save(&mut self, state: &TrainState<'_>) -> std::io::Result<()> {
        self.state.clear();
        state.write_to(&mut self.state)
    }

    fn stopping(&mut self) -> bool {
        self.step == self.after
    }
}

#[test]
fn a_weighted_run_resumes_to_the_same_bits_and_only_with_its_own_weights() {
    let lora = Some(Lora { rank: 4, alpha: 8.0, targets: Vec::new(), rows: Vec::new() });
    let ramp = Some(Ramp { from: 2.0, to: 0.0, over: 0.75 });
    let recipe = Recipe { ramp, lora, dropout: Some(0.1), eval_every: None, ..recipe() };
    let whole = trained(&weighted(), &recipe);
    for after in 1..recipe.steps_total(weighted().len()) {
        let mut hooks = Stopping { after, ..Stopping::default() };
        let stopped = fit(&mut model_of(Architecture::Gpt2), &weighted(), &recipe, &mut hooks);
        assert!(matches!(stopped, Err(FitError::Stopped { .. })));
        let mut model = model_of(Architecture::Gpt2);
        let log = resume(&mut model, &weighted(), &recipe, Cursor::new(&hooks.state), &mut ()).expect("resumes");
        assert!((log, model.weights_bytes().expect("readable")) == whole, "stopped after {after}");
        let mut others = weighted();
        others[1].weights.as_mut().expect("weighted")[2].factor += 0.5;
        for (examples, recipe) in [
            (&others, recipe.clone()),
            (&examples(), recipe.clone()),
            (&weighted(), Recipe { ramp: Some(Ramp { from: 2.0, to: 0.0, over: 0.5 }), ..recipe.clone() }),
        ] {
            let refused =
                resume(&mut model_of(Architecture::Gpt2), examples, &recipe, Cursor::new(&hooks.state), &mut ());
            assert!(matches!(refused, Err(FitError::State(StateError::OtherRun))));
        }
    }
}

#[test]
fn a_weighted_run_is_the_same_with_any_number_of_threads() {
    let recipe = Recipe { ramp: Some(Ramp { from: 1.0, to: 0.0, over: 0.5 }), eval_every: None, ..recipe() };
    let once = trained(&weighted(), &recipe);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        assert!(once == pool.install(|| trained(&weighted(), &recipe)), "{threads} threads give another result");
    }
}

#[test]
fn weights_that_make_no_sense_are_named() {
    let ramp = |from, to| Some(Ramp { from, to, over: 0.5 });
    let error = |weights: &[(f32, bool)], ramp| {
        let weights = weights.iter().map(|&(factor, ramped)| TokenWeight { factor, ramped }).collect();
        let example = Example { ids: vec![1, 2, 3], loss_from: 2, weights: Some(weights), task: None, teacher: None };
        let recipe = Recipe { ramp, length: Length::Steps(1), eval_every: None, ..recipe() };
        fit(&mut model_of(Architecture::Gpt2), &[example], &recipe, &mut ())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let fine = (1.0, false);
    let weightless = "cannot train on example 0: in some step none of its tokens that carry loss weighs anything";
    assert_eq!(error(&[fine; 3], None), Ok(()));
    assert_eq!(error(&[fine; 2], None), Err("cannot train on example 0: it has weights for 2 of its 3 tokens".into()));
    let wrong = "cannot train on example 0: a token weighs -1, expected a number of at least 0";
    assert_eq!(error(&[fine, (-1.0, false), fine], None), Err(wrong.into()));
    assert!(error(&[fine, fine, (f32::NAN, false)], None).is_err());
    assert_eq!(error(&[fine, fine, (0.0, false)], None), Err(weightless.into()));
    assert_eq!(error(&[fine, fine, (1.0, true)], ramp(1.0, 0.5)), Ok(()));
    assert_eq!(error(&[fine, fine, (1.0, true)], ramp(1.0, 0.0)), Err(weightless.into()));
    assert_eq!(error(&[fine, fine, (1.0, true)], ramp(0.0, 1.0)), Err(weightless.into()));
}
