//! What the log of a training takes from how it was fitted.

use retort_artifact::{Evaluation, TrainingLog};
use retort_model::{self as model, FitLog};

/// Notes losses, rates, evaluations and which weights are kept.
pub(super) fn note(log: &mut TrainingLog, fitted: &FitLog) {
    log.losses = fitted.steps.iter().map(|step| step.loss as f32).collect();
    log.learning_rates = fitted.steps.iter().map(|step| step.lr as f32).collect();
    log.grad_norms = fitted.steps.iter().map(|step| step.grad_norm as f32).collect();
    log.tokens = fitted.steps.iter().map(|step| step.tokens).sum();
    let evaluation = |evaluation: &model::Evaluation| Evaluation { step: evaluation.step, accuracy: evaluation.value };
    log.evaluations = fitted.evaluations.iter().map(evaluation).collect();
    log.best_step = fitted.best.map_or(fitted.steps.len() as u64, |best| best.step);
    log.stopped_early = fitted.stopped_early;
}
