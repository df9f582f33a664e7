//! How questions are put to a student: greedy generation that stops as soon as the label is known.

use crate::artifact::{Outcome, Placement, Question, Usage};
use crate::model::{GenerateOptions, Model, generate};
use crate::stage::StageError;
use crate::text::target;
use crate::text::tokenizer::Tokenizer;

use super::sequence::{Sequences, data};

/// The most tokens a student may write where nothing else is declared: the paper's 256 where the rationale comes first,
/// and enough for a label and its markers elsewhere.
pub(super) fn default_max_new(placement: Placement) -> usize {
    match placement {
        Placement::Before => 256,
        Placement::None | Placement::After => 8,
    }
}

/// Asks a student questions in batches, and reads its answers.
pub(super) struct Asker<'a> {
    pub(super) model: &'a Model,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) usage: &'a Usage,
    pub(super) sequences: Sequences<'a>,
    pub(super) max_new: usize,
    pub(super) batch: usize,
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
        };
        let marker = self.usage.format.marker.as_str();
        // Nothing after the closing marker can change the label, so nothing after it is generated.
        let marked = |_: usize, ids: &[u32]| {
            self.tokenizer.decode(ids).is_ok_and(|text| text.match_indices(marker).nth(1).is_some())
        };
        let generated = generate(self.model, &prompts, &options, &marked).map_err(data)?;
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
