//! How a question and its target become the tokens a student learns from.

use std::fmt::Display;
use std::ops::Range;

use crate::artifact::{Label, Question, Usage};
use crate::model::Example;
use crate::stage::StageError;
use crate::text::prompt::{Answer, SEPARATOR, Template};
use crate::text::target;
use crate::text::tokenizer::Tokenizer;

/// Puts sequences together in the way a student is taught to write.
pub(super) struct Sequences<'a> {
    usage: &'a Usage,
    prompt: Template,
    tokenizer: &'a Tokenizer,
    end: Option<u32>,
}

/// The tokens of a question with its target, and where the target's pieces lie.
pub(super) struct Sequence {
    pub(super) ids: Vec<u32>,
    /// The index of the first token of the target.
    pub(super) target_from: usize,
    /// The index of the first token of the label.
    pub(super) label_at: usize,
    /// The tokens of the rationale: index in `ids`, and bytes of the rationale's trimmed text.
    pub(super) rationale: Vec<(usize, Range<usize>)>,
}

/// Makes an error of the data out of any other.
pub(super) fn data(error: impl Display) -> StageError {
    StageError::data(error.to_string())
}

impl<'a> Sequences<'a> {
    /// Prepares to put sequences together.
    pub(super) fn new(usage: &'a Usage, tokenizer: &'a Tokenizer) -> Result<Self, StageError> {
        let prompt = Template::parse("prompt", &usage.prompt).map_err(data)?;
        let id = |end: &String| {
            tokenizer.id(end).ok_or_else(|| data(format!("the tokenizer has no token `{end}` to end a sequence with")))
        };
        Ok(Self { usage, prompt, tokenizer, end: usage.end.as_ref().map(id).transpose()? })
    }

    /// Returns the token that ends a sequence, if the student was taught one.
    pub(super) fn end(&self) -> Option<u32> {
        self.end
    }

    /// Returns the tokens of a question as it is put to the student.
    pub(super) fn prompt(&self, question: &Question) -> Result<Vec<u32>, StageError> {
        let text = self.prompt.render(question, Answer::Hidden).map_err(data)? + SEPARATOR;
        self.tokenizer.ids(&text).map_err(data)
    }

    /// Returns the tokens of a question followed by its target.
    pub(super) fn with_target(
        &self,
        question: &Question,
        label: Label,
        rationale: &str,
    ) -> Result<Sequence, StageError> {
        let mut ids = self.prompt(question)?;
        let target_from = ids.len();
        let target = target::render(&self.usage.format, label, rationale)
            .map_err(|error| data(format!("question `{}`: {error}", question.id)))?;
        let (mut label_at, mut within) = (target_from, Vec::new());
        for token in self.tokenizer.encode(&target.text).map_err(data)? {
            if token.span.end <= target.label.start {
                label_at = ids.len() + 1;
            }
            let span = &target.rationale;
            let (start, end) = (token.span.start.max(span.start), token.span.end.min(span.end));
            if start < end {
                within.push((ids.len(), start - span.start..end - span.start));
            }
            ids.push(token.id);
        }
        ids.extend(self.end);
        Ok(Sequence { ids, target_from, label_at, rationale: within })
    }

    /// Returns what the student learns of a question, cut to `max_length` tokens, and whether it was cut.
    pub(super) fn example(
        &self,
        question: &Question,
        label: Label,
        rationale: &str,
        max_length: usize,
        whole: bool,
    ) -> Result<(Example, bool), StageError> {
        let Sequence { mut ids, target_from, .. } = self.with_target(question, label, rationale)?;
        if target_from + 1 >= max_length {
            return Err(data(format!(
                "question `{}` alone has {target_from} tokens, which leaves no room for a target in {max_length}: raise \
                 `max_length` or the student's `context`",
                question.id
            )));
        }
        let cut = ids.len() > max_length;
        ids.truncate(max_length);
        Ok((Example { ids, loss_from: if whole { 1 } else { target_from } }, cut))
    }
}
