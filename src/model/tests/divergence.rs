//! Learning from a teacher's distributions: against PyTorch, and in what does not depend on batches, stops or threads.

use std::io::Cursor;
use std::sync::Arc;

use burn_flex::Flex;
use retort_fingerprint::Words;
use serde_json::Value;

use super::fitting::{model_of, recipe};
use crate::divergence::Taught;
use crate::kernels::{Kernels, Targets};
use crate::{
    Architecture, Budget, Continuation, Decay, Device, Distributions, Divergence, DivergenceKind, Example, FitError,
    FitHooks, FitLog, Length, Lora, Model, Precision, Recipe, Schedule, Task, TokenWeight, TrainState, distributions,
    fit, resume,
};

/// What PyTorch saw; see `tests/golden/divergence.py`.
fn reference() -> Value {
    let path = super::workspace().join("tests/golden/gpt2/divergence.json");
    serde_json::from_slice(&fs_err::read(path).expect("the reference")).expect("JSON")
}

fn floats(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(floats).collect(),
        other => vec![other.as_f64().expect("a number") as f32],
    }
}

fn ids(value: &Value) -> Vec<u32> {
    match value {
        Value::Array(items) => items.iter().flat_map(ids).collect(),
        other => vec![other.as_u64().expect("an id") as u32],
    }
}

fn setting(value: &Value) -> Divergence {
    let number = |name: &str| value[name].as_f64().expect(name);
    let kind = value["kind"].as_str().and_then(DivergenceKind::of_word).expect("a kind");
    Divergence { kind: *kind, weight: number("weight"), temperature: number("temperature") }
}

#[test]
fn parity_losses_and_gradients_of_rows() {
    use crate::kernels::flex_of as tensor;
    let reference = reference();
    let rows = reference["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 24);
    for row in rows {
        let (given, targets, weights) = (floats(&row["logits"]), ids(&row["targets"]), floats(&row["weights"]));
        let top = row["top"].as_u64().expect("a number") as usize;
        let (ids, mut logs) = (ids(&row["ids"]), floats(&row["logs"]));
        logs.iter_mut().filter(|log| **log < -1e29).for_each(|log| *log = f32::NEG_INFINITY);
        let by = Taught { divergence: setting(row), top, ids: &ids, logs: &logs };
        let scale = floats(&row["scale"])[0];
        let targets = Targets { ids: &targets, by_confidence: false, weights: Some(&weights), scale, taught: Some(by) };
        let logits = tensor(given.clone(), &[4, given.len() / 4]);
        let fused = Flex::taught(logits.clone(), targets, by);
        let plain = crate::kernels::taught_of_burn::<Flex>(&logits, targets, by);
        let wanted = floats(&row["loss"])[0];
        for (what, (loss, gradient)) in [("fused", fused), ("composed", plain)] {
            let read = |x| crate::kernels::elements_of(&x).to_vec();
            let loss = read(loss)[0];
            assert!((loss - wanted).abs() < 2e-6 * (1.0 + wanted.abs()), "{what}: {loss}, not {wanted}: {row}");
            for (at, (found, wanted)) in read(gradient).iter().zip(floats(&row["gradient"])).enumerate() {
                assert!((found - wanted).abs() < 2e-6, "{what}, element {at}: {found}, not {wanted}: {row}");
            }
        }
    }
}

#[test]
fn a_student_that_is_its_teacher_is_no_distance_from_it() {
    let model = model_of(Architecture::Llama);
    let taught = taught_by(&model, 5);
    for kind in [DivergenceKind::Forward, DivergenceKind::Reverse, DivergenceKind::Jsd] {
        for temperature in [0.5, 1.0, 3.0] {
            let divergence = Some(Divergence { kind, weight: 1.0, temperature });
            let recipe = Recipe { divergence, length: Length::Steps(1), eval_every: None, ..recipe() };
            let log = fit(&mut model_of(Architecture::Llama), &taught, &recipe, &mut ()).expect("trains");
            let step = log.steps[0];
            assert!(step.loss.abs() < 1e-5 && step.grad_norm < 1e-3, "{kind:?} at {temperature}: {step:?}");
        }
    }
}

#[test]
fn parity_four_steps_with_a_teacher() {
    let json = reference();
    let example = |row: &Value| {
        let teacher = Distributions::new(6, ids(&row["top"]), floats(&row["logs"])).expect("sound");
        let loss_from = row["loss_from"].as_u64().expect("a place") as usize;
        Example { ids: ids(&row["ids"]), loss_from, weights: None, task: None, teacher: Some(Arc::new(teacher)) }
    };
    let examples: Vec<Example> = json["sequences"].as_array().expect("sequences").iter().map(example).collect();
    let runs = json["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 7);
    for (device, run) in
        [Device::cpu(), Device::dispatched_cpu()].iter().flat_map(|at| runs.iter().map(move |run| (at, run)))
    {
        for (batch, accumulate) in [(5, 1), (2, 3)] {
            let recipe = Recipe {
                lr: json["lr"].as_f64().expect("a rate"),
                weight_decay: json["weight_decay"].as_f64().expect("a decay"),
                batch,
                accumulate,
                length: Length::Steps(4),
                schedule: Schedule::Constant,
                decay: Decay::All,
                dropout: Some(0.0),
                max_grad_norm: Some(1.0),
                divergence: Some(setting(run)),
                ..Recipe::default()
            };
            let mut model = Model::load(&super::workspace().join("tests/golden/gpt2"), device).expect("loads");
            let log = fit(&mut model, &examples, &recipe, &mut ()).expect("trains");
            for (step, found) in log.steps.iter().enumerate() {
                for (what, found) in [("loss", found.loss), ("grad_norm", found.grad_norm)] {
                    let wanted = run["steps"][step][what].as_f64().expect("a number");
                    let error = (found - wanted).abs() / wanted;
                    assert!(
                        error < 2e-4,
                        "{device}, {batch} by {accumulate}, step {step}: {what} {found}, not {wanted}: {run}"
                    );
                }
            }
        }
    }
}

/// Sequences with what a model says of them.
fn taught_by(model: &Model, top: usize) -> Vec<Example> {
    let plain = super::fitting::examples();
    let sequences: Vec<Continuation<'_>> =
        plain.iter().map(|it| Continuation { ids: &it.ids, from: it.loss_from.max(1) }).collect();
    let said = distributions(model, &sequences, top, 60, &Budget::of(64)).expect("runs");
    plain.iter().zip(said).map(|(it, said)| Example { teacher: Some(Arc::new(said)), ..it.clone() }).collect()
}

#[test]
fn what_a_teacher_says_is_what_its_logits_say() {
    for device in [Device::cpu(), Device::dispatched_cpu()] {
        let model = Model::load(&super::workspace().join("tests/golden/gpt2"), &device).expect("loads");
        let vocab = model.config().vocab_size();
        let sequences: Vec<Vec<u32>> =
            (0..5_u32).map(|i| (0..6 + i).map(|t| (i * 31 + t * 7) % 90).collect()).collect();
        let asked: Vec<Continuation<'_>> =
            sequences.iter().enumerate().map(|(i, ids)| Continuation { ids, from: 1 + i }).collect();
        let (top, among) = (7, vocab - 3);
        let found = distributions(&model, &asked, top, among, &Budget::of(1_000)).expect("runs");
        for (of, found) in asked.iter().zip(&found) {
            assert_eq!(found.positions(), of.ids.len() - of.from);
            let logits = model.logits(&[of.ids]).expect("runs").remove(0);
            for position in 0..found.positions() {
                let row = &logits[(of.from + position - 1) * vocab..][..vocab];
                let sum = row.iter().map(|x| f64::from(*x).exp()).sum::<f64>();
                let (ids, logs) = found.at(position);
                let mut order: Vec<u32> = (0..among as u32).collect();
                order.sort_by(|a, b| row[*b as usize].total_cmp(&row[*a as usize]));
                assert_eq!(ids, &order[..top]);
                let p = |id: &u32| f64::from(row[*id as usize]).exp() / sum;
                let rest = 1.0 - ids.iter().map(p).sum::<f64>();
                for (log, p) in logs.iter().zip(ids.iter().map(p).chain([rest])) {
                    assert!((f64::from(*log).exp() - p).abs() < 1e-5, "{device}: {log}, not {p}");
                }
            }
        }
        // Each is what it is alone.
        if device.deterministic() {
            for (of, found) in asked.iter().zip(&found) {
                let alone = distributions(&model, &[*of], top, among, &Budget::of(1_000)).expect("runs");
                assert!(alone[0] == *found, "another result beside others");
            }
        }
    }
}

const JSD: Option<Divergence> = Some(Divergence { kind: DivergenceKind::Jsd, weight: 0.6, temperature: 2.0 });

/// Stops after a step, and keeps the state.
#[derive(Default)]
struct Stopping {
    after: Option<u64>,
    step: u64,
    state: Vec<u8>,
}

impl FitHooks for Stopping {
    fn on_step(&mut self, report: &crate::StepReport) {
        self.step = report.step;
    }

    fn evaluate(&mut self, _model: &Model, step: u64) -> Option<f64> {
        Some(if step == 3 { 1.0 } else { 0.0 })
    }

    fn save(&mut self, state: &TrainState<'_>) -> std::io::Result<()> {
        self.state.clear();
        state.write_to(&mut self.state)
    }

    fn stopping(&mut self) -> bool {
        self.after == Some(self.step)
    }
}

fn trained(examples: &[Example], recipe: &Recipe, hooks: &mut dyn FitHooks) -> Result<(FitLog, Vec<u8>), FitError> {
    let mut model = model_of(Architecture::Gpt2);
    let log = fit(&mut model, examples, recipe, hooks)?;
    Ok((log, model.weights_bytes().expect("readable")))
}

#[test]
fn a_training_with_a_teacher_resumes_to_the_same_bits_whatever_else_it_does() {
    let examples = taught_by(&model_of(Architecture::Llama), 4);
    let weigh = |at: usize| TokenWeight { factor: (at % 3) as f32 * 0.5 + 0.25, ramped: at.is_multiple_of(2) };
    let weighed: Vec<Example> = examples
        .iter()
        .map(|it| Example { weights: Some((0..it.ids.len()).map(weigh).collect()), ..it.clone() })
        .collect();
    let task = |(at, it): (usize, &Example)| {
        let task = Task { index: at % 2, weight: 0.5 + (at % 2) as f64, question: at / 2 };
        Example { task: Some(task), ..it.clone() }
    };
    let tasks: Vec<Example> = weighed.iter().enumerate().map(task).collect();
    let base = Recipe { divergence: JSD, length: Length::Steps(6), ..recipe() };
    let lora = Lora { rank: 4, alpha: 8.0, targets: Vec::new(), rows: vec![58, 59] };
    for (examples, recipe) in [
        (&examples, base.clone()),
        (&examples, Recipe { lora: Some(lora), dropout: Some(0.1), ..base.clone() }),
        (&weighed, Recipe { precision: Precision::Bf16, group_by_length: true, ..base.clone() }),
        (&tasks, base.clone()),
    ] {
        let whole = trained(examples, &recipe, &mut Stopping::default()).expect("trains");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
        assert!(whole == pool.install(|| trained(examples, &recipe, &mut Stopping::default())).expect("trains"));
        let mut hooks = Stopping { after: Some(4), ..Stopping::default() };
        assert!(matches!(trained(examples, &recipe, &mut hooks), Err(FitError::Stopped { .. })));
        let mut model = model_of(Architecture::Gpt2);
        let state = || Cursor::new(&hooks.state);
        let log = resume(&mut model, examples, &recipe, state(), &mut Stopping::default()).expect("resumes");
        assert!((log, model.weights_bytes().expect("readable")) == whole);
        // Another teacher, or another divergence, is another run.
        let others = taught_by(&model_of(Architecture::Gpt2), 4);
        let teachers: Vec<Example> =
            examples.iter().zip(others).map(|(it, other)| Example { teacher: other.teacher, ..it.clone() }).collect();
        let resumed = |examples: &[Example], recipe: &Recipe| {
            resume(&mut model_of(Architecture::Gpt2), examples, recipe, state(), &mut ()).is_ok()
        };
        assert!(!resumed(&teachers, &recipe));
        let hotter = recipe.divergence.map(|of| Divergence { temperature: 3.0, ..of });
        assert!(!resumed(examples, &Recipe { divergence: hotter, ..recipe.clone() }));
    }
}

#[test]
fn tokens_without_weight_have_no_part_in_the_divergence() {
    let examples = taught_by(&model_of(Architecture::Llama), 4);
    let recipe = Recipe { divergence: JSD, length: Length::Steps(4), eval_every: None, ..recipe() };
    let silenced = |it: &Example| {
        let from = it.loss_from.max(1) + 1;
        let weigh = |at| TokenWeight { factor: if at < from { 0.0 } else { 1.0 }, ramped: false };
        Example { weights: Some((0..it.ids.len()).map(weigh).collect()), ..it.clone() }
    };
    let later = |it: &Example| {
        let teacher = it.teacher.as_ref().expect("taught");
        let (top, from) = (teacher.top(), it.loss_from.max(1) + 1);
        let (ids, logs) = (teacher.ids()[top..].to_vec(), teacher.logs()[top + 1..].to_vec());
        let teacher = Distributions::new(top, ids, logs).expect("sound");
        Example { loss_from: from, teacher: Some(Arc::new(teacher)), ..it.clone() }
    };
    let run = |change: &dyn Fn(&Example) -> Example| {
        let examples: Vec<Example> = examples.iter().map(change).collect();
        trained(&examples, &recipe, &mut ()).expect("trains").1
    };
    assert!(run(&silenced) == run(&later));
    assert!(run(&silenced) != run(&Example::clone));
}

#[test]
fn lessons_that_make_no_sense_are_named() {
    let examples = taught_by(&model_of(Architecture::Llama), 4);
    let error = |divergence: Option<Divergence>, change: &dyn Fn(&mut Vec<Example>)| {
        let mut examples = examples.clone();
        change(&mut examples);
        let recipe = Recipe { divergence, ..recipe() };
        fit(&mut model_of(Architecture::Gpt2), &examples, &recipe, &mut ()).map(|_| ()).expect_err("refused")
    };
    let with = |weight, temperature| Some(Divergence { kind: DivergenceKind::Forward, weight, temperature });
    for weight in [0.0, -0.5, 1.5, f64::NAN] {
        assert!(matches!(error(with(weight, 1.0), &|_| ()), FitError::Recipe(it) if it.field == "divergence.weight"));
    }
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let found = error(with(0.5, temperature), &|_| ());
        assert!(matches!(found, FitError::Recipe(it) if it.field == "divergence.temperature"));
    }
    assert!(matches!(error(JSD, &|all| all[3].teacher = None), FitError::Untaught { example: 3, positions: 0, .. }));
    assert!(matches!(
        error(JSD, &|all| {
            all[4].ids.pop();
        }),
        FitError::Untaught { example: 4, .. }
    ));
    let of = |top: usize, id: u32, positions: usize| {
        let (ids, logs) = (vec![id; top * positions], vec![-1.0; (top + 1) * positions]);
        Some(Arc::new(Distributions::new(top, ids, logs).expect("sound")))
    };
    let positions = |it: &Example| it.ids.len() - it.loss_from.max(1);
    for (top, id) in [(5, 7), (4, 60)] {
        let found = error(JSD, &|all| all[2].teacher = of(top, id, positions(&all[2])));
        assert!(matches!(found, FitError::Lesson { example: 2, vocab: 60 }), "{found}");
    }
}
