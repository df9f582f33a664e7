//! How questions are put to a student: generation that stops as soon as the label is known.

use crate::artifact::{Outcome, Placement, Question, Usage};
use crate::model::{Budget, GenerateOptions, Model, Sampling, generate};
use crate::stage::StageError;
use crate::stage::params::Count;
use crate::text::target;
use crate::text::tokenizer::Tokenizer;

use super::sequence::{Sequences, data};

/// The most tokens a student may write: as `declared`, or else the paper's 256 where the rationale comes first, and
/// enough for a label and its markers elsewhere: 8 with markers of one token.
pub(super) fn max_new(declared: Option<Count>, usage: &Usage, tokenizer: &Tokenizer) -> Result<usize, StageError> {
    Ok(match (declared, usage.format.placement) {
        (Some(declared), _) => declared.get(),
        (None, Placement::Before) => 256,
        (None, Placement::None | Placement::After) => 2 * tokenizer.ids(&usage.format.marker).map_err(data)?.len() + 6,
    })
}

/// Asks a student questions in batches, and reads its answers.
pub(super) struct Asker<'a> {
    pub(super) model: &'a Model,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) usage: &'a Usage,
    pub(super) sequences: Sequences<'a>,
    pub(super) max_new: usize,
    pub(super) batch: usize,
    /// What is left of the room for generation after the questions so far.
    pub(super) budget: Budget,
    pub(super) sampling: Option<Sampling>,
}

/// What a student wrote.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Written {
    /// The text, special tokens included.
    pub(super) text: String,
    /// Tokens generated.
    pub(super) tokens: usize,
}

impl Asker<'_> {
    /// Puts questions to the student and returns what it wrote, in their order.
    pub(super) fn ask(&self, questions: &[&Question]) -> Result<Vec<Written>, StageError> {
        let prompts: Vec<Vec<u32>> =
            questions.iter().map(|question| self.sequences.prompt(question)).collect::<Result<_, _>>()?;
        let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        let options = GenerateOptions {
            max_new: self.max_new,
            stop_ids: self.sequences.end().into_iter().collect(),
            batch: self.batch,
            budget: self.budget.clone(),
            sampling: self.sampling,
        };
        let marker = self.usage.format.marker.as_str();
        // Nothing after the closing marker can change the label, so nothing after it is generated.
        let marked = |_: usize, ids: &[u32]| {
            self.tokenizer.decode(ids).is_ok_and(|text| text.match_indices(marker).nth(1).is_some())
        };
        let generated = generate(self.model, &prompts, &options, &marked)?;
        generated
            .iter()
            .map(|row| Ok(Written { text: self.tokenizer.decode(&row.ids).map_err(data)?, tokens: row.ids.len() }))
            .collect()
    }
}

/// Reads the answer out of what a student wrote; `None` where the question has no known answer.
pub(super) fn outcome(question: &Question, usage: &Usage, written: &Written) -> Option<Outcome> {
    Some(Outcome {
        id: question.id.clone(),
        answer: question.answer?,
        choices: question.choices.len(),
        predicted: target::parse(&written.text, &usage.format, &question.choices).ok(),
        output: written.text.clone(),
        tokens: written.tokens,
    })
}
