//! Several tasks at a time: against PyTorch, against a computation by hand, and in what does not depend on the batches.

use std::io::Cursor;

use serde_json::Value;

use super::fitting::{model_of, recipe};
use crate::{
    Architecture, Decay, Device, Example, FitError, FitHooks, FitLog, Length, Model, Precision, Ramp, Recipe, Schedule,
    Task, TokenWeight, TrainState, fit, resume,
};

/// What PyTorch saw; see `tests/golden/tasks.py`.
fn reference() -> (Value, Vec<Example>) {
    let path = super::workspace().join("tests/golden/gpt2/tasks.json");
    let json: Value = serde_json::from_slice(&fs_err::read(path).expect("the reference")).expect("JSON");
    let example = |row: &Value| {
        let number = |name: &str| row[name].as_u64().expect(name) as usize;
        let ids = row["ids"].as_array().expect("ids").iter().map(|id| id.as_u64().expect("an id") as u32).collect();
        let index = number("task");
        let weight = json["weights"][index].as_f64().expect("a weight");
        let task = Task { index, weight, question: number("question") };
        Example { ids, loss_from: number("loss_from"), weights: None, task: Some(task), teacher: None }
    };
    let examples = json["sequences"].as_array().expect("sequences").iter().map(example).collect();
    (json, examples)
}

fn gpt2(device: &Device) -> Model {
    Model::load(&super::workspace().join("tests/golden/gpt2"), device).expect("loads")
}

#[test]
fn parity_two_tasks_in_one_training() {
    let (json, examples) = reference();
    let recipe = Recipe {
        lr: json["lr"].as_f64().expect("a rate"),
        weight_decay: json["weight_decay"].as_f64().expect("a decay"),
        batch: 6,
        length: Length::Steps(4),
        schedule: Schedule::Constant,
        decay: Decay::All,
        dropout: Some(0.0),
        max_grad_norm: Some(1.0),
        ..Recipe::default()
    };
    for device in [Device::cpu(), Device::dispatched_cpu()] {
        // The mean of a task is over the whole step, however it is cut into batches.
        for (batch, accumulate) in [(6, 1), (3, 2), (1, 6)] {
            let recipe = Recipe { batch, accumulate, ..recipe.clone() };
            let log = fit(&mut gpt2(&device), &examples, &recipe, &mut ()).expect("trains");
            assert_eq!(log.steps.len(), 4);
            for (step, (found, tasks)) in log.steps.iter().zip(&log.tasks).enumerate() {
                let wanted = &json["steps"][step];
                let near = |what: &str, found: f64, wanted: &Value| {
                    let wanted = wanted.as_f64().expect("a number");
                    let error = (found - wanted).abs() / wanted;
                    assert!(
                        error < 2e-4,
                        "{device}, {batch} by {accumulate}, step {step}: {what} {found}, not {wanted}"
                    );
                };
                near("loss", found.loss, &wanted["loss"]);
                near("gradient norm", found.grad_norm, &wanted["grad_norm"]);
                for (task, loss) in tasks.iter().enumerate() {
                    near("task", loss.expect("every step has both"), &wanted["tasks"][task]);
                }
            }
        }
    }
}

/// Two tasks of some questions: the first is long and weighted by token, the second short.
fn examples() -> Vec<Example> {
    let sequence = |question: usize, index: usize| {
        let len = if index == 0 { 9 + question % 5 } else { 4 };
        let ids = (0..len).map(|at| ((question * 7 + at * 3 + index) % 60) as u32).collect();
        let weigh = |at| TokenWeight { factor: ((question + at) % 3) as f32 + 0.5, ramped: at % 2 == 0 };
        let task = Task { index, weight: if index == 0 { 0.25 } else { 1.0 }, question };
        Example {
            ids,
            loss_from: 2,
            weights: (index == 0).then(|| (0..len).map(weigh).collect()),
            task: Some(task),
            teacher: None,
        }
    };
    (0..11).flat_map(|question| [sequence(question, 0), sequence(question, 1)]).collect()
}

/// The mean over sequences of each one's mean cross-entropy by its weights, in double precision out of the logits.
fn by_hand(model: &Model, examples: &[Example], task: usize, ramp: f64) -> f64 {
    let vocab = model.config().vocab_size();
    let of_task: Vec<&Example> = examples.iter().filter(|it| it.task.is_some_and(|it| it.index == task)).collect();
    let mean = |example: &&Example| {
        let logits = model.logits(&[&example.ids]).expect("runs").remove(0);
        let (mut sum, mut mass) = (0.0, 0.0);
        for at in example.loss_from..example.ids.len() {
            let row: Vec<f64> = logits[(at - 1) * vocab..at * vocab].iter().map(|&x| f64::from(x)).collect();
            let greatest = row.iter().copied().fold(f64::MIN, f64::max);
            let log_sum = row.iter().map(|x| (x - greatest).exp()).sum::<f64>().ln() + greatest;
            let weight = example
                .weights
                .as_ref()
                .map_or(1.0, |weights| f64::from(weights[at].factor) * if weights[at].ramped { ramp } else { 1.0 });
            sum += weight * (log_sum - row[example.ids[at] as usize]);
            mass += weight;
        }
        sum / mass
    };
    of_task.iter().map(mean).sum::<f64>() / of_task.len() as f64
}

#[test]
fn the_loss_of_a_step_is_the_sum_of_the_means_of_its_tasks_each_by_its_weight() {
    let ramp = Some(Ramp { from: 3.0, to: 0.5, over: 1.0 });
    let recipe = Recipe { batch: 11, accumulate: 1, length: Length::Steps(1), ramp, eval_every: None, ..recipe() };
    let model = model_of(Architecture::Llama);
    let means = [by_hand(&model, &examples(), 0, 3.0), by_hand(&model, &examples(), 1, 3.0)];
    let log = fit(&mut model_of(Architecture::Llama), &examples(), &recipe, &mut ()).expect("trains");
    let (loss, tasks) = (log.steps[0].loss, &log.tasks[0]);
    assert!(
        (loss - (0.25 * means[0] + means[1])).abs() < 1e-5 * loss,
        "{loss}, not 0.25 · {} + {}",
        means[0],
        means[1]
    );
    for (found, mean) in tasks.iter().zip(means) {
        assert!((found.expect("there") - mean).abs() < 1e-5 * mean, "{found:?}, not {mean}");
    }
}

fn trained(recipe: &Recipe, hooks: &mut dyn FitHooks) -> Result<(FitLog, Vec<u8>), FitError> {
    let mut model = model_of(Architecture::Gpt2);
    let log = fit(&mut model, &examples(), recipe, hooks)?;
    Ok((log, model.weights_bytes().expect("readable")))
}

/// Counts the tokens of steps, stops after one, and keeps the state.
#[derive(Default)]
struct Stopping {
    after: Option<u64>,
    step: u64,
    tasks: Vec<Vec<Option<f64>>>,
    state: Vec<u8>,
}

impl FitHooks for Stopping {
    fn on_step(&mut self, report: &crate::StepReport) {
        self.step = report.step;
    }

    fn on_tasks(&mut self, step: u64, losses: &[Option<f64>]) {
        assert_eq!(step, self.step);
        self.tasks.push(losses.to_vec());
    }

    fn save(&mut self, state: &TrainState<'_>) -> std::io::Result<()> {
        self.state.clear();
        state.write_to(&mut self.state)
    }

    fn stopping(&mut self) -> bool {
        self.after == Some(self.step)
    }
}

#[test]
fn a_run_of_several_tasks_counts_questions_and_resumes_to_the_same_bits() {
    let recipe = Recipe { batch: 2, accumulate: 2, length: Length::Epochs(2.0), eval_every: None, ..recipe() };
    let mut hooks = Stopping::default();
    let whole = trained(&recipe, &mut hooks).expect("trains");
    // Eleven questions of two sequences make three steps of up to four questions an epoch.
    assert_eq!(whole.0.steps.len(), 6);
    assert_eq!(hooks.tasks, whole.0.tasks);
    let per_epoch: u64 = examples().iter().map(|example| example.ids.len() as u64).sum();
    for epoch in whole.0.steps.chunks(3) {
        assert_eq!(epoch.iter().map(|step| step.tokens).sum::<u64>(), per_epoch);
    }
    for after in 1..6 {
        let mut hooks = Stopping { after: Some(after), ..Stopping::default() };
        assert!(matches!(trained(&recipe, &mut hooks), Err(FitError::Stopped { .. })));
        let mut model = model_of(Architecture::Gpt2);
        let log = resume(&mut model, &examples(), &recipe, Cursor::new(&hooks.state), &mut ()).expect("resumes");
        assert!((log, model.weights_bytes().expect("readable")) == whole, "stopped after {after}");
        // Another weight is another run.
        let mut others = examples();
        others[4].task = others[4].task.map(|task| Task { weight: 0.5, ..task });
        assert!(resume(&mut model, &others, &recipe, Cursor::new(&hooks.state), &mut ()).is_err());
    }
    for precision in [Precision::F32, Precision::Bf16] {
        let recipe = Recipe { precision, ..recipe.clone() };
        let once = trained(&recipe, &mut ()).expect("trains");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
        assert!(once == pool.install(|| trained(&recipe, &mut ())).expect("trains"));
    }
}

#[test]
fn tasks_that_make_no_sense_are_named() {
    let error = |change: &dyn Fn(&mut Vec<Example>)| {
        let mut examples = examples();
        change(&mut examples);
        fit(&mut model_of(Architecture::Gpt2), &examples, &recipe(), &mut ()).map(|_| ()).expect_err("refused")
    };
    let weight = |weight| {
        move |examples: &mut Vec<Example>| examples[3].task = examples[3].task.map(|task| Task { weight, ..task })
    };
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(error(&weight(wrong)), FitError::TaskWeight { example: 3, .. }), "{wrong}");
    }
    assert!(matches!(error(&|examples| examples[5].task = None), FitError::NoTask { example: 5 }));
}
