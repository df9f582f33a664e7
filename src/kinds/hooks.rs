//! What a training tells, asks and saves on its way.

use crate::failed::model_failed;
use retort_artifact::{Checkpoint, Outcome, Question, Usage};
use retort_model::{Budget, FitHooks, Model, StepReport, TrainState};
use retort_stage::{Context, StageError};
use retort_store::PartialDir;
use retort_text::tokenizer::Tokenizer;

use super::ask::{Asker, Manner, outcome};
use super::pace::Pace;
use super::recipe::EvalBy;
use super::saving::Saving;
use super::sequence::Sequences;

/// What training tells, asks and saves on the way.
pub(super) struct Hooks<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) usage: &'a Usage,
    pub(super) dev: &'a [&'a Question],
    pub(super) eval_by: EvalBy,
    /// The names of the targets, where there are several.
    pub(super) targets: Vec<String>,
    pub(super) max_new: usize,
    /// Where the weights of each evaluation are kept, if they are.
    pub(super) keeps: Option<PartialDir>,
    pub(super) saving: Saving,
    pub(super) pace: Pace,
    /// What the device can do at most, in operations per second.
    pub(super) peak: Option<f64>,
    pub(super) failure: Option<StageError>,
}

impl Hooks<'_> {
    /// Keeps the weights that were just evaluated, where each are.
    fn keep(&self, model: &Model, step: u64) -> Result<(), StageError> {
        let Some(partial) = &self.keeps else { return Ok(()) };
        let weights = self.context.written(|out| model.write_weights(out).map_err(model_failed))?;
        Ok(partial.keep_part(&Checkpoint::step_part(step), weights)?)
    }

    fn accuracy(&self, model: &Model) -> Result<f64, StageError> {
        let asker = Asker {
            model,
            tokenizer: self.tokenizer,
            usage: self.usage,
            sequences: Sequences::new(self.usage, self.tokenizer)?,
            max_new: self.max_new,
            batch: 32,
            budget: Budget::default(),
            sampling: None,
            manner: Manner::default(),
        };
        let mut right = 0;
        for batch in self.dev.chunks(32) {
            if self.context.stopping() {
                return Err(StageError::Stopped);
            }
            right += match self.eval_by {
                EvalBy::Generation => {
                    let written = asker.ask(batch)?;
                    let outcomes = batch
                        .iter()
                        .zip(&written)
                        .filter_map(|(question, written)| outcome(question, self.usage, written));
                    outcomes.filter(Outcome::correct).count()
                }
                EvalBy::Likelihood => {
                    let chosen = asker.likeliest(batch)?;
                    batch
                        .iter()
                        .zip(&chosen)
                        .filter(|(question, answer)| question.answer.as_ref() == Some(answer))
                        .count()
                }
            };
        }
        Ok(right as f64 / self.dev.len() as f64)
    }
}

impl FitHooks for Hooks<'_> {
    fn on_step(&mut self, report: &StepReport) {
        self.context.progress(report.step, report.steps_total, "steps");
        self.context.measure("loss", report.step, report.loss);
        self.context.measure("learning rate", report.step, report.lr);
        self.context.measure("gradient norm", report.step, report.grad_norm);
        self.pace.step(self.context, report, self.peak);
    }

    fn on_tasks(&mut self, step: u64, losses: &[Option<f64>]) {
        for (name, loss) in self.targets.iter().zip(losses) {
            if let Some(loss) = loss {
                self.context.measure(&format!("loss of {name}"), step, *loss);
            }
        }
    }

    fn evaluate(&mut self, model: &Model, step: u64) -> Option<f64> {
        let evaluated = self.accuracy(model);
        self.pace = Pace::new();
        match evaluated {
            Ok(accuracy) => {
                self.context.measure("dev accuracy", step, accuracy);
                if let Err(error) = self.keep(model, step) {
                    self.failure = Some(error);
                    return None;
                }
                Some(accuracy)
            }
            Err(StageError::Stopped) => None,
            Err(error) => {
                self.failure = Some(error);
                None
            }
        }
    }

    fn save_due(&mut self, _step: u64) -> bool {
        self.saving.due()
    }

    fn save(&mut self, state: &TrainState<'_>) -> std::io::Result<()> {
        self.saving.save(|out| state.write_to(out))?;
        self.pace = Pace::new();
        Ok(())
    }

    fn stopping(&mut self) -> bool {
        self.context.stopping() || self.failure.is_some()
    }
}
