//! The state of a training run as one stream of bytes: a safetensors file with what is learned, both moments and the
//! best so far, the rest as JSON in its metadata, and after it the blake3 digest of all that, so that a cut or a flipped bit
//! is found before anything is believed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::archive::{self, Entry, Source};
use super::early_stopping::EarlyStopping;
use super::fit_log::{Evaluation, FitLog, Progress, StepReport};
use super::recipe::Recipe;
use super::saved::{Saved, StateError};
use super::sealed::Sealed;
use super::student::{Model, placed};
use super::tensors::TensorSpec;
use super::trained::Shelf;

/// The version of the stream. A state of another version is not read.
const VERSION: u32 = 3;
/// The key of the JSON in the metadata.
const KEY: &str = "retort.training";

/// The shelves of a state and the first part of their tensors' names.
const SHELVES: [(Shelf, &str); 6] = [
    (Shelf::Learned, "learned/"),
    (Shelf::First, "first/"),
    (Shelf::FirstScale, "first-scale/"),
    (Shelf::Second, "second/"),
    (Shelf::SecondScale, "second-scale/"),
    (Shelf::Best, "best/"),
];

/// A run between two steps.
pub struct TrainState<'a> {
    pub(crate) model: &'a Model,
    pub(crate) progress: &'a Progress,
    pub(crate) identity: &'a str,
}

/// The metadata as written. Floating-point numbers are their bits.
#[derive(Serialize, Deserialize)]
struct Wire {
    version: u32,
    identity: String,
    step: u64,
    evaluated: u64,
    waited: u32,
    best: Option<(u64, u64)>,
    steps_total: u64,
    /// Loss, norm, learning rate, tokens and operations of every step.
    steps: Vec<[u64; 5]>,
    /// The loss of each task in every step, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tasks: Vec<Vec<Option<u64>>>,
    evaluations: Vec<(u64, u64)>,
    stopped_early: bool,
}

impl Wire {
    fn new(progress: &Progress, identity: &str) -> Self {
        let Progress { step, evaluated, stopping: EarlyStopping { best, waited }, log } = progress;
        // The best of the log is set at the end of a run.
        let FitLog { steps, tasks, evaluations, best: _, stopped_early } = log;
        Self {
            version: VERSION,
            identity: identity.to_owned(),
            step: *step,
            evaluated: *evaluated,
            waited: *waited,
            best: best.map(|(step, value)| (step, value.to_bits())),
            steps_total: steps.first().map_or(0, |report| report.steps_total),
            steps: steps
                .iter()
                .map(|report| {
                    let StepReport { step: _, steps_total: _, loss, grad_norm, lr, tokens, flops } = *report;
                    [loss.to_bits(), grad_norm.to_bits(), lr.to_bits(), tokens, flops.to_bits()]
                })
                .collect(),
            tasks: tasks.iter().map(|step| step.iter().map(|loss| loss.map(f64::to_bits)).collect()).collect(),
            evaluations: evaluations.iter().map(|&Evaluation { step, value }| (step, value.to_bits())).collect(),
            stopped_early: *stopped_early,
        }
    }

    fn progress(self) -> Progress {
        let report = |(i, [loss, grad_norm, lr, tokens, flops]): (usize, [u64; 5])| StepReport {
            step: i as u64 + 1,
            steps_total: self.steps_total,
            loss: f64::from_bits(loss),
            grad_norm: f64::from_bits(grad_norm),
            lr: f64::from_bits(lr),
            tokens,
            flops: f64::from_bits(flops),
        };
        let task = |step: Vec<Option<u64>>| step.into_iter().map(|loss| loss.map(f64::from_bits)).collect();
        let evaluation = |(step, value)| Evaluation { step, value: f64::from_bits(value) };
        Progress {
            step: self.step,
            evaluated: self.evaluated,
            stopping: EarlyStopping {
                best: self.best.map(|(step, value)| (step, f64::from_bits(value))),
                waited: self.waited,
            },
            log: FitLog {
                steps: self.steps.into_iter().enumerate().map(report).collect(),
                tasks: self.tasks.into_iter().map(task).collect(),
                evaluations: self.evaluations.into_iter().map(evaluation).collect(),
                best: None,
                stopped_early: self.stopped_early,
            },
        }
    }
}

impl TrainState<'_> {
    /// Steps done.
    pub fn step(&self) -> u64 {
        self.progress.step
    }

    /// Writes the state. A few rows at a time are copied.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut entries = Vec::new();
        let mut places = Vec::new();
        for (shelf, prefix) in SHELVES {
            if shelf == Shelf::Best && self.progress.stopping.best.is_none() {
                continue;
            }
            for (i, spec) in self.model.shelf_specs(shelf) {
                entries.push(Entry { name: format!("{prefix}{}", spec.name()), shape: spec.shape.clone() });
                places.push((shelf, i));
            }
        }
        let wire = serde_json::to_string(&Wire::new(self.progress, self.identity))?;
        let metadata = BTreeMap::from([(KEY.to_owned(), wire)]);
        let mut sealed = Sealed::new(out);
        archive::write(&mut sealed, &metadata, &entries, |at, give| {
            let (shelf, i) = places[at];
            self.model.give_shelf(shelf, i, give)
        })?;
        sealed.finish()
    }
}

/// Puts a saved state back into `model`.
pub(crate) fn restore(
    model: &mut Model,
    identity: &str,
    recipe: &Recipe,
    state: impl Source,
) -> Result<Progress, StateError> {
    let (mut saved, wire) = Saved::open::<Wire>(Box::new(state), KEY, VERSION, identity)?;
    let begun = placed!(&mut model.placed, network => network.begin_training(recipe));
    begun.map_err(|_| StateError::OtherRun)?;
    for (shelf, prefix) in SHELVES {
        if shelf == Shelf::Best && wire.best.is_none() {
            continue;
        }
        let tensor = |spec: &TensorSpec| saved.tensor(&format!("{prefix}{}", spec.name()), &spec.shape);
        placed!(&mut model.placed, network => network.set_shelf(shelf, tensor))?;
    }
    Ok(wire.progress())
}
