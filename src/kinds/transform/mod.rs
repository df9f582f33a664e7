//! `transform`: rationales changed step by step.
//!
//! Each step is an [`Operation`] with a file of its own in this folder, and `catalog.rs` is the one list of them: a new
//! one takes its file, its line there, and a test. A program of its own adds further ones through a
//! [`Registry`](crate::Registry), as `examples/additions.rs` shows. What an operation may ask for while it works is its
//! [`Materials`].
//!
//! # Chance
//!
//! What is random is drawn for each rationale by itself, out of the seed, the operation's name and place among the steps,
//! the question's identifier and the sample number. So adding, removing or reordering rationales moves no other one, and
//! what is chosen at a small fraction or count is among what is chosen at a larger one. `swap` and `insert`, which give a
//! rationale another's words, choose whose as `swap` says, which also says how few it moves.
//!
//! # Selections
//!
//! `keep`, `keep_top` and `keep_words` note in [`Rationale::kept`] where the words that stay stood in the text that the
//! transform started from, as long as no earlier step has changed that text. `shuffle` and `reverse` leave the note, since the
//! selection is the same; `sample` and `filter` leave whole rationales as they are; every other step clears it.

mod catalog;
pub mod corrupt;
pub mod fill;
pub mod filter;
pub mod fraction;
pub mod insert;
pub mod join;
pub mod keep;
pub mod keep_top;
pub mod keep_words;
pub mod mask;
mod materials;
mod missing;
pub mod neighbours;
mod operation;
pub mod replace;
pub mod reverse;
pub mod sample;
pub mod shuffle;
mod step;
pub mod strip_label;
pub mod swap;
#[cfg(test)]
mod tests;
pub mod trim;
pub mod truncate;
pub mod wrong;

use std::collections::BTreeMap;

pub(crate) use catalog::OPERATIONS;
pub use materials::{Materials, Supplies};
pub use operation::{Form, Needs, Operation};
pub use step::Step;

use retort_artifact::{Question, Questions, Rationale, Rationales, Split, TokenizerFile};
use retort_stage::params::{Input, Seed};
use retort_stage::{Clash, Context, Flaw, Looked, Stage, StageError};
use retort_text::tokenizer::Tokenizer;

use super::sequence::data;

retort_stage::params! {
    /// Rationales changed step by step.
    pub struct Transform {
        /// The rationales.
        pub rationales: Input<Rationales>,
        /// The changes, in their order; none leaves the rationales as they are, as a control among others.
        pub steps: Vec<Step>,
        /// The questions that the rationales belong to, for steps that go by the answer.
        pub questions: Option<Input<Questions>>,
        /// The split of those questions.
        pub split: Split = Split::Train,
        /// The tokenizer that steps at the level `token` go by.
        pub tokenizer: Option<Input<TokenizerFile>>,
        /// Decides what is random; the experiment's seed where none is given.
        pub seed: Seed,
    }
}

impl Stage for Transform {
    type Output = Rationales;

    const NAME: &'static str = "transform";
    const REVISION: u32 = 2;
    const ABOUT: &'static str =
        "Rationales changed step by step: masked, shuffled, truncated, reduced to what matters.";
    const EXAMPLE: &'static str = "{ rationales: rationales, steps: [ { mask: { fraction: 0.4, level: word } } ] }";

    fn check(&self) -> Result<(), Clash> {
        for (index, step) in self.steps.iter().enumerate() {
            let Needs { tokenizer, questions } = step.needs();
            let lacks = |what: &str, by: &str, hint: &str| {
                let why = format!("`steps[{index}].{}` goes by {by}, and the stage has no `{what}`", step.name());
                Err(Clash { field: "steps", why, hint: hint.to_owned() })
            };
            if tokenizer && self.tokenizer.is_none() {
                return lacks(
                    "tokenizer",
                    "tokens",
                    "name the stage that makes one as `tokenizer`, or use `level: word`",
                );
            }
            if questions && self.questions.is_none() {
                return lacks("questions", "the questions", "name the stage that gives them as `questions`");
            }
        }
        Ok(())
    }

    fn preflight(&self, context: &Context<'_>, _looked: &Looked) -> Vec<Flaw> {
        let check = |(index, step): (usize, &Step)| Flaw::of(&format!("steps[{index}]"), step.preflight(context));
        self.steps.iter().enumerate().filter_map(check).collect()
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        (port == "questions").then(|| vec![self.split.name().to_owned()])
    }

    fn run(&self, context: &Context<'_>) -> Result<Rationales, StageError> {
        let mut rows = context.read(&self.rationales)?.rows;
        once_each(&rows)?;
        let tokenizer = self.tokenizer.as_ref().map(|input| context.read(input)).transpose()?;
        let tokenizer = tokenizer.map(|file| Tokenizer::from_json(&file.json)).transpose().map_err(data)?;
        let questions = self.questions.as_ref().map(|input| context.read(input)).transpose()?;
        let by_id = |questions: Questions| -> BTreeMap<String, Question> {
            questions.split(self.split).iter().map(|question| (question.id.clone(), question.clone())).collect()
        };
        let supplies = Supplies {
            context: *context,
            seed: self.seed.0,
            tokenizer,
            questions: questions.map(by_id),
            started: rows.iter().map(|row| ((row.id.clone(), row.sample), row.text.clone())).collect(),
        };
        for (index, step) in self.steps.iter().enumerate() {
            if context.stopping() {
                return Err(StageError::Stopped);
            }
            rows = step.apply(rows, &Materials::new(&supplies, step.name(), index))?;
            context.progress(index as u64 + 1, self.steps.len() as u64, "steps");
        }
        Ok(Rationales { rows })
    }
}

/// Checks that no two rationales are of the same question and sample: nobody could tell them apart.
fn once_each(rows: &[Rationale]) -> Result<(), StageError> {
    let mut seen = std::collections::BTreeSet::new();
    match rows.iter().find(|row| !seen.insert((&row.id, row.sample))) {
        Some(Rationale { id, sample, .. }) => {
            Err(data(format!("two rationales are of the question `{id}` and the sample {sample}; number them apart")))
        }
        None => Ok(()),
    }
}
