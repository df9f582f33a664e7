//! Training: the loop, its log and what a caller may hook into.
//!
//! Examples are drawn in a new random order each epoch. The loss is the mean cross-entropy over the tokens that carry
//! loss, by what they weigh as `weighing` says, or the sum over several tasks as `tasks` says. On the CPU the sequences of a batch lie one after the other without padding; on CUDA they are
//! padded to the longest. At the end the weights are those of the best evaluation, if there was any.

use std::io;

use super::archive::Source;
use super::decoder::DropoutRates;
use super::device::guarded;
use super::error::FitError;
use super::example::{Example, batch_of};
use super::fit_log::{Evaluation, FitLog, Progress, StepReport};
use super::fit_state::{self, TrainState};
use super::flops;
use super::forward::Drops;
use super::init::Random;
use super::kernels::AdamWStep;
use super::learn::{Batch, Learned, Update, Way};
use super::order::Order;
use super::recipe::{Checkpointing, Decay, LossType, Recipe};
use super::student::{Model, placed};
use super::tasks::{self, portions};

/// What a caller may hook into. Every method has a default that does nothing.
pub trait FitHooks {
    /// Is shown each step.
    fn on_step(&mut self, _report: &StepReport) {}

    /// Is shown the mean loss of each task in a step, after [`on_step`](Self::on_step), where there are several.
    fn on_tasks(&mut self, _step: u64, _losses: &[Option<f64>]) {}

    /// Evaluates the model, every [`Recipe::eval_every`] steps; larger is better. `None` skips this evaluation.
    fn evaluate(&mut self, _model: &Model, _step: u64) -> Option<f64> {
        None
    }

    /// Whether to save the state after this step.
    fn save_due(&mut self, _step: u64) -> bool {
        false
    }

    /// Saves the state: when it is due, and when the run is about to stop.
    fn save(&mut self, _state: &TrainState<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Whether to stop at once. Asked after each step and each evaluation; an evaluation cut short by it should return
    /// `None` and is then repeated when the run resumes.
    fn stopping(&mut self) -> bool {
        false
    }
}

/// Hooks that do nothing.
impl FitHooks for () {}

/// Trains `model` on `examples`. On an error the model's weights are those of the last step, but where
/// the device failed.
pub fn fit(
    model: &mut Model,
    examples: &[Example],
    recipe: &Recipe,
    hooks: &mut dyn FitHooks,
) -> Result<FitLog, FitError> {
    check(model, examples, recipe)?;
    placed!(&mut model.placed, network => network.begin_training(recipe))?;
    run(model, examples, recipe, hooks, Progress::default())
}

/// Goes on with a run from a saved [`TrainState`], which is read tensor by tensor. `model`, `examples` and `recipe` must be those of the
/// run, but for the model's weights, which are replaced. On the CPU the result equals that of an undisturbed run bit
/// for bit.
pub fn resume(
    model: &mut Model,
    examples: &[Example],
    recipe: &Recipe,
    state: impl Source,
    hooks: &mut dyn FitHooks,
) -> Result<FitLog, FitError> {
    check(model, examples, recipe)?;
    let progress = fit_state::restore(model, &identity(model, examples, recipe), recipe, state)?;
    run(model, examples, recipe, hooks, progress)
}

fn check(model: &Model, examples: &[Example], recipe: &Recipe) -> Result<(), FitError> {
    recipe.check()?;
    if examples.is_empty() {
        return Err(FitError::NoExamples);
    }
    recipe.check_steps(recipe.steps_total(Order::new(examples, recipe).units()))?;
    model.check(examples.iter().map(|example| example.ids.as_slice()))?;
    for (i, example) in examples.iter().enumerate() {
        example.check(i, recipe)?;
    }
    let lessons =
        || examples.iter().filter_map(|example| example.teacher.as_ref()).filter(|_| recipe.divergence.is_some());
    let vocab = model.config().vocab_size();
    if let Some(first) = lessons().next()
        && let Some(example) =
            lessons().position(|it| it.top() != first.top() || it.ids().iter().any(|id| *id as usize >= vocab))
    {
        return Err(FitError::Lesson { example, vocab });
    }
    let taskless = examples.iter().position(|example| example.task.is_none());
    match taskless.filter(|_| tasks::count(examples) > 0) {
        Some(example) => Err(FitError::NoTask { example }),
        None => Ok(()),
    }
}

/// What a saved state must agree with: the digest of configuration, examples and recipe.
fn identity(model: &Model, examples: &[Example], recipe: &Recipe) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("retort 2026 identity of a training run");
    hasher.update(model.config().to_json().as_bytes());
    hasher.update(format!("{recipe:?} {}", model.device().numerics()).as_bytes());
    examples.iter().for_each(|example| example.identify(&mut hasher));
    hasher.finalize().to_hex().to_string()
}

fn run(
    model: &mut Model,
    examples: &[Example],
    recipe: &Recipe,
    hooks: &mut dyn FitHooks,
    mut progress: Progress,
) -> Result<FitLog, FitError> {
    let identity = identity(model, examples, recipe);
    let mut order = Order::new(examples, recipe);
    let total = recipe.steps_total(order.units());
    loop {
        let evaluation_cut = evaluate(model, recipe, hooks, &mut progress);
        let stopping = evaluation_cut || hooks.stopping();
        let finished = progress.step >= total || progress.log.stopped_early;
        if (stopping && !finished) || (progress.step > 0 && !finished && hooks.save_due(progress.step)) {
            hooks.save(&TrainState { model, progress: &progress, identity: &identity }).map_err(FitError::Save)?;
        }
        if finished && !evaluation_cut {
            break;
        }
        if stopping {
            return Err(FitError::Stopped { step: progress.step });
        }
        let (report, tasks) = step(model, examples, recipe, &mut order, progress.step, total)?;
        progress.step = report.step;
        hooks.on_step(&report);
        if !tasks.is_empty() {
            hooks.on_tasks(report.step, &tasks);
            progress.log.tasks.push(tasks);
        }
        progress.log.steps.push(report);
    }
    placed!(&mut model.placed, network => network.end_training());
    progress.log.best = progress.stopping.best.map(|(step, value)| Evaluation { step, value });
    Ok(progress.log)
}

/// Evaluates if that is due and not yet done; whether the evaluation was cut short by a stop.
fn evaluate(model: &mut Model, recipe: &Recipe, hooks: &mut dyn FitHooks, progress: &mut Progress) -> bool {
    let step = progress.step;
    let due = recipe.eval_every.is_some_and(|every| step > 0 && step.is_multiple_of(every));
    if !due || progress.evaluated == step {
        return false;
    }
    match hooks.evaluate(model, step) {
        Some(value) => {
            progress.log.evaluations.push(Evaluation { step, value });
            let verdict = progress.stopping.note(step, value, recipe.threshold, recipe.patience);
            if verdict.best {
                placed!(&mut model.placed, network => network.keep_best());
            }
            progress.log.stopped_early = verdict.stop;
        }
        None if hooks.stopping() => return true,
        None => {}
    }
    progress.evaluated = step;
    false
}

fn step(
    model: &mut Model,
    examples: &[Example],
    recipe: &Recipe,
    order: &mut Order,
    done: u64,
    total: u64,
) -> Result<(StepReport, Vec<Option<f64>>), FitError> {
    let portions = portions(examples, order.batches(done));
    let ramp = recipe.ramp.map_or(1.0, |ramp| ramp.at(done, total));
    let batches: Vec<Batch<'_>> =
        portions.iter().map(|portion| batch_of(examples, &portion.examples, portion.mass, ramp, recipe)).collect();
    let tasks = tasks::count(examples);
    let step = done + 1;
    let lr = recipe.learning_rate(done, total);
    let update = Update {
        adamw: AdamWStep {
            lr: lr as f32,
            decay: recipe.weight_decay as f32,
            beta1: recipe.beta1 as f32,
            beta2: recipe.beta2 as f32,
            epsilon: recipe.epsilon as f32,
            correction1: (1.0 - power(recipe.beta1, step)) as f32,
            correction2: (1.0 - power(recipe.beta2, step)) as f32,
            grad_scale: 1.0,
        },
        exempt: recipe.decay == Decay::Matrices,
        max_grad_norm: recipe.max_grad_norm.map(|norm| norm as f32),
        drops: drops(model, recipe, step),
        precision: recipe.precision,
        way: Way {
            checkpointing: recipe.checkpointing == Checkpointing::Blocks,
            chunk: recipe.loss_chunk,
            by_confidence: recipe.loss_type == LossType::Dft,
        },
        // What the sequences of several tasks weigh is what their losses are multiplied by.
        mass: (tasks > 0).then_some(1.0),
    };
    let tokens = batches.iter().map(|batch| batch.tokens() as u64).sum();
    let chosen = portions.iter().flat_map(|portion| &portion.examples);
    let flops = flops::of_step(model.config(), chosen.map(|&i| examples[i].ids.len()));
    let device = model.device().to_string();
    let learned = placed!(&mut model.placed, network => guarded(&device, || network.learn(&batches, &update)))?;
    if !(learned.loss.is_finite() && learned.grad_norm.is_finite()) {
        return Err(FitError::Diverged { step, loss: learned.loss });
    }
    let apart = tasks::apart(examples, &portions, &learned.parts, tasks);
    let Learned { loss, grad_norm, .. } = learned;
    Ok((StepReport { step, steps_total: total, loss, grad_norm, lr, tokens, flops }, apart))
}

/// What a step drops; `None` where nothing is.
fn drops(model: &Model, recipe: &Recipe, step: u64) -> Option<Drops> {
    let own = model.config().decoder().dropout;
    let rates = match recipe.dropout {
        Some(rate) => DropoutRates { embedding: rate, attention: rate, residual: rate },
        None => own,
    };
    // Every batch of a step takes one seed, from here on.
    let seed = || Random::new("retort 2026 dropout of a step", recipe.seed, &step.to_le_bytes()).bits();
    (rates != DropoutRates::default()).then(|| Drops { rates, seed: seed() })
}

/// `base` to the power `exponent`, by squaring: the same bits on every machine.
fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut product = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            product *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    product
}
