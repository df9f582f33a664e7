//! Training: determinism, resuming, early stopping, errors.

use std::io::{self, Cursor};

use crate::{
    Architecture, Checkpointing, Config, Device, Example, Falling, FitError, FitHooks, FitLog, Freeze, Length, Lora,
    LossType, Model, Moments, Precision, Recipe, Schedule, Size, StateError, StepReport, TrainState, fit, resume,
};

pub(super) fn model_of(architecture: Architecture) -> Model {
    let size = Size { vocab_size: 60, context: 48, d_model: 32, layers: 2, heads: 2, kv_heads: None };
    Model::init(Config::new(architecture, size), 5, &Device::cpu())
}

fn model() -> Model {
    model_of(Architecture::Gpt2)
}

/// Sequences that count up from a random start: easy to learn.
pub(super) fn examples() -> Vec<Example> {
    (0..21_u32)
        .map(|i| Example {
            ids: (0..8 + i % 13).map(|t| (i * 5 + t) % 60).collect(),
            loss_from: (i % 4) as usize,
            weights: None,
            task: None,
            teacher: None,
        })
        .collect()
}

pub(super) fn recipe() -> Recipe {
    Recipe {
        lr: 3e-3,
        batch: 3,
        accumulate: 2,
        length: Length::Epochs(4.5),
        warmup_steps: 3,
        weight_decay: 0.1,
        eval_every: Some(3),
        ..Recipe::default()
    }
}

/// What a recipe can ask for besides.
fn variants() -> Vec<Recipe> {
    let lora = Lora { rank: 4, alpha: 8.0, targets: Vec::new(), rows: vec![58, 59] };
    vec![
        recipe(),
        Recipe { dropout: Some(0.2), ..recipe() },
        Recipe { precision: Precision::Bf16, ..recipe() },
        Recipe { group_by_length: true, schedule: Schedule::Cosine, warmup_steps: 0, warmup_ratio: 0.2, ..recipe() },
        Recipe { lora: Some(lora), dropout: Some(0.1), ..recipe() },
        Recipe { checkpointing: Checkpointing::Blocks, loss_chunk: Some(5), dropout: Some(0.1), ..recipe() },
        Recipe { moments: Moments::Bf16, loss_type: LossType::Dft, beta2: 0.95, ..recipe() },
        Recipe {
            moments: Moments::Bits8,
            freeze: Some(Freeze { embeddings: true, layers: vec![0..=0], head: false }),
            schedule: Schedule::WarmupStableDecay,
            falling: Falling { min_lr_ratio: 0.1, decay_ratio: Some(0.3), ..Falling::default() },
            ..recipe()
        },
    ]
}

/// Evaluates by the loss on the first example, and stops, saves or cuts evaluations where it is told to.
#[derive(Default)]
struct Hooks {
    stop_at: Option<u64>,
    cut_at: Option<u64>,
    save_at: Option<u64>,
    state: Vec<u8>,
    seen: Vec<StepReport>,
    values: Vec<f64>,
    stopping: bool,
}

impl FitHooks for Hooks {
    fn on_step(&mut self, report: &StepReport) {
        self.seen.push(*report);
        self.stopping |= self.stop_at == Some(report.step);
    }

    fn evaluate(&mut self, model: &Model, step: u64) -> Option<f64> {
        if self.cut_at == Some(step) {
            self.stopping = true;
            return None;
        }
        if !self.values.is_empty() {
            return Some(self.values[(step as usize / 3 - 1).min(self.values.len() - 1)]);
        }
        let ids: &[u32] = &[5, 6, 7, 8];
        let logits = model.logits(&[ids]).expect("runs").remove(0);
        Some(f64::from(logits[3 * 60 + 9] - logits[3 * 60 + 20]))
    }

    fn save_due(&mut self, step: u64) -> bool {
        self.save_at == Some(step)
    }

    fn save(&mut self, state: &TrainState<'_>) -> io::Result<()> {
        self.state.clear();
        state.write_to(&mut self.state)
    }

    fn stopping(&mut self) -> bool {
        self.stopping
    }
}

fn trained(recipe: &Recipe) -> (FitLog, Vec<u8>) {
    let mut model = model();
    let log = fit(&mut model, &examples(), recipe, &mut Hooks::default()).expect("trains");
    (log, model.weights_bytes().expect("readable"))
}

#[test]
fn training_learns() {
    let (log, _) = trained(&Recipe { length: Length::Epochs(30.0), ..recipe() });
    let (first, last) = (log.steps[0].loss, log.steps[log.steps.len() - 1].loss);
    assert!(first > 3.9 && last < 1.0, "loss went from {first} to {last}");
}

#[test]
fn training_repeats_bit_for_bit_whatever_the_number_of_threads() {
    for recipe in variants() {
        let once = trained(&recipe);
        assert!(once == trained(&recipe), "another result: {recipe:?}");
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            assert!(once == pool.install(|| trained(&recipe)), "{threads} threads give another result: {recipe:?}");
        }
        assert!(once.1 != trained(&Recipe { seed: 7, ..recipe }).1);
    }
}

#[test]
fn a_resumed_run_equals_an_undisturbed_one_bit_for_bit() {
    for recipe in variants() {
        let whole = trained(&recipe);
        let total = recipe.steps_total(examples().len());
        for stop in 1..total {
            for cut in [false, true] {
                let mut hooks =
                    Hooks { stop_at: (!cut).then_some(stop), cut_at: cut.then_some(stop), ..Hooks::default() };
                match fit(&mut model(), &examples(), &recipe, &mut hooks) {
                    Err(FitError::Stopped { step }) => assert_eq!(step, stop),
                    Ok(_) if cut && stop % 3 != 0 => continue,
                    other => panic!("did not stop at {stop}: {other:?}"),
                }
                let mut model = model();
                let log = resume(&mut model, &examples(), &recipe, Cursor::new(&hooks.state), &mut Hooks::default());
                assert_eq!(log.expect("resumes"), whole.0, "stopped at {stop}: {recipe:?}");
                assert!(
                    model.weights_bytes().expect("readable") == whole.1,
                    "stopped at {stop}, cut {cut}: {recipe:?}"
                );
            }
        }
    }
}

#[test]
fn what_is_dropped_is_what_the_recipe_says_or_else_the_configuration() {
    let run = |own: &str, dropout| {
        let json = model().config().to_json().replace("pdrop\": 0.0", &format!("pdrop\": {own}"));
        assert!(json.contains(&format!("pdrop\": {own}")));
        let config = Config::from_json(json.as_bytes(), "config.json").expect("a configuration");
        let mut model = Model::init(config, 5, &Device::cpu());
        fit(&mut model, &examples(), &Recipe { dropout, eval_every: None, ..recipe() }, &mut ()).expect("trains");
        model.weights_bytes().expect("readable")
    };
    let (none, some) = (run("0.0", None), run("0.1", None));
    assert!(none != some);
    assert!(none == run("0.1", Some(0.0)));
    assert!(some == run("0.0", Some(0.1)));
}

#[test]
fn bf16_products_stay_close_over_weights_that_are_not_rounded() {
    let recipe = Recipe { dropout: Some(0.0), eval_every: None, ..recipe() };
    for architecture in Architecture::ALL {
        let run = |precision| {
            let mut model = model_of(architecture);
            let log = fit(&mut model, &examples(), &Recipe { precision, ..recipe.clone() }, &mut ()).expect("trains");
            (log, model.weights_bytes().expect("readable"))
        };
        let ((exact, _), (coarse, weights)) = (run(Precision::F32), run(Precision::Bf16));
        assert_ne!(exact, coarse);
        for (a, b) in exact.steps.iter().zip(&coarse.steps) {
            assert!((a.loss - b.loss).abs() < 2e-2 * a.loss, "{architecture:?}: {a:?} {b:?}");
        }
        let rounded = weights.as_chunks::<4>().0.iter().filter(|bytes| bytes[..2] == [0, 0]).count();
        assert!(rounded < weights.len() / 40, "{rounded} of {} weights look rounded", weights.len() / 4);
    }
}

#[test]
fn saving_changes_nothing() {
    let mut hooks = Hooks { save_at: Some(5), ..Hooks::default() };
    let mut model = model();
    let log = fit(&mut model, &examples(), &recipe(), &mut hooks).expect("trains");
    assert_eq!((log.clone(), model.weights_bytes().expect("readable")), trained(&recipe()));
    assert!(!hooks.state.is_empty());
    assert_eq!(hooks.seen, log.steps);
}

#[test]
fn a_damaged_state_or_one_of_another_run_is_refused() {
    let mut hooks = Hooks { stop_at: Some(4), ..Hooks::default() };
    let stopped = fit(&mut model(), &examples(), &recipe(), &mut hooks);
    assert!(matches!(stopped, Err(FitError::Stopped { step: 4 })));
    let again = |state: &[u8], recipe: &Recipe| resume(&mut model(), &examples(), recipe, Cursor::new(state), &mut ());
    let refused = |state: &[u8], recipe: &Recipe, reason: StateError| {
        assert!(matches!(again(state, recipe), Err(FitError::State(found)) if found == reason));
    };
    refused(&[], &recipe(), StateError::Damaged);
    refused(&hooks.state[..hooks.state.len() - 1], &recipe(), StateError::Damaged);
    for at in (0..hooks.state.len()).step_by(hooks.state.len() / 40) {
        let mut flipped = hooks.state.clone();
        flipped[at] ^= 1;
        refused(&flipped, &recipe(), StateError::Damaged);
    }
    refused(&hooks.state, &Recipe { lr: 1e-4, ..recipe() }, StateError::OtherRun);
}

#[test]
fn the_best_weights_are_those_at_the_end() {
    let values = vec![0.1, 0.5, 0.4, 0.45, 0.5];
    let mut hooks = Hooks { values, ..Hooks::default() };
    let mut early = model();
    let stop = Recipe { patience: Some(3), length: Length::Steps(18), ..recipe() };
    let log = fit(&mut early, &examples(), &stop, &mut hooks).expect("trains");
    assert!(log.stopped_early);
    assert_eq!(log.steps.len(), 15);
    assert_eq!(log.best.map(|best| best.step), Some(6));
    // The same run cut off at the best step has the same weights.
    let mut hooks = Hooks { stop_at: Some(6), ..Hooks::default() };
    let mut cut = model();
    fit(&mut cut, &examples(), &stop, &mut hooks).expect_err("stops");
    assert!(early.weights_bytes().expect("readable") == cut.weights_bytes().expect("readable"));
}

#[test]
fn accumulated_batches_equal_one_large_batch() {
    let large = Recipe { batch: 6, accumulate: 1, eval_every: None, ..recipe() };
    let small = Recipe { batch: 2, accumulate: 3, eval_every: None, ..recipe() };
    for (a, b) in trained(&large).0.steps.iter().zip(&trained(&small).0.steps) {
        assert!((a.loss - b.loss).abs() < 1e-4 * a.loss, "{a:?} {b:?}");
        assert_eq!((a.tokens, a.lr.to_bits()), (b.tokens, b.lr.to_bits()));
    }
}

#[test]
fn examples_that_cannot_be_learnt_are_named() {
    let error = |examples: &[Example]| fit(&mut model(), examples, &recipe(), &mut ()).expect_err("no").to_string();
    let example =
        |ids: &[u32], loss_from| Example { ids: ids.to_vec(), loss_from, weights: None, task: None, teacher: None };
    assert_eq!(error(&[]), "cannot train: there are no examples");
    assert_eq!(
        error(&[example(&[1, 2], 0), example(&[1, 2], 2)]),
        "cannot train on example 1: none of its 2 tokens carries loss"
    );
    assert_eq!(
        error(&[example(&[1, 60], 0)]),
        "cannot train on the examples: cannot run sequence 0: token 60 is not below the vocabulary's size 60"
    );
}

#[test]
fn a_run_that_diverges_says_so() {
    let wild = Recipe { lr: 1e30, max_grad_norm: None, warmup_steps: 0, ..recipe() };
    let error = fit(&mut model(), &examples(), &wild, &mut ()).expect_err("diverges");
    assert!(matches!(error, FitError::Diverged { .. }), "{error}");
}
