//! What of a training is settled, and checked, before anything is trained.

use retort_artifact::Usage;
use retort_stage::params::Later;
use retort_stage::{Context, StageError};
use retort_text::target::MARKER;
use retort_text::tokenizer::Tokenizer;

use super::bounds::End;
use super::targets::Target;
use super::templates::check_room;
use super::train::Train;
use super::train_words::LossOn;

impl Train {
    /// Leaves out what has no effect beside the value that an axis gives another field.
    pub(super) fn without_effects(mut self, varied: &dyn Fn(&str) -> bool) -> Self {
        if varied("prompt") {
            if self.prompt.is_chat() {
                self.end = End::Own;
            } else {
                self.system = Later(None);
            }
        }
        if varied("answer_form") && self.answer_form.get().is_some() {
            MARKER.clone_into(&mut self.marker);
        }
        if let Some(targets) = self.targets.get().filter(|_| varied("targets")) {
            self.placement = None;
            if !targets.iter().any(Target::reasons_first) {
                self.think = Later(None);
            }
        }
        if let Some(weights) = self.weights.as_mut().filter(|_| varied("loss") && self.loss == LossOn::Target) {
            weights.prompt = None;
        }
        self
    }

    /// Checks that prompts leave room for a question, where the student's shape is known.
    pub(super) fn room(&self, context: &Context<'_>, tokenizer: &Tokenizer, usage: Usage) -> Result<(), StageError> {
        let Some(shape) = self.student.0.shape(context)? else { return Ok(()) };
        let room = self.max_length.get().min(shape.context());
        let (_, usages) = self.usages(context, usage)?;
        let hint = "raise `max_length` or the student's `context`";
        usages.iter().try_for_each(|usage| check_room(usage, tokenizer, room, hint))
    }
}
