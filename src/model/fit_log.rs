//! What happened in a training, and how far it is.

use super::early_stopping::EarlyStopping;

/// One step, as it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The step, counted from 1.
    pub step: u64,
    /// Steps of the whole run.
    pub steps_total: u64,
    /// Mean cross-entropy over the targets, each by its weight, in nats, before the step; of several tasks the sum of their
    /// mean losses, each by its weight.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
    /// The learning rate.
    pub lr: f64,
    /// Tokens in the step's sequences.
    pub tokens: u64,
    /// Floating-point operations of the step, as they are commonly counted.
    pub flops: f64,
}

/// One evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// After this step.
    pub step: u64,
    /// What the hook returned; larger is better.
    pub value: f64,
}

/// What happened in a run. It holds no times: on the CPU equal runs have equal logs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FitLog {
    /// Every step.
    pub steps: Vec<StepReport>,
    /// The mean loss of each task in every step, where there are several; `None` where a step has no sequence of one.
    pub tasks: Vec<Vec<Option<f64>>>,
    /// Every evaluation.
    pub evaluations: Vec<Evaluation>,
    /// The best evaluation, whose weights the model has at the end.
    pub best: Option<Evaluation>,
    /// Whether patience ended the run before its last step.
    pub stopped_early: bool,
}

/// Where a run is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// Steps done.
    pub(crate) step: u64,
    /// The last step whose evaluation is done.
    pub(crate) evaluated: u64,
    /// The state of early stopping.
    pub(crate) stopping: EarlyStopping,
    /// The log so far.
    pub(crate) log: FitLog,
}
