//! `evaluate`: what a student answers, question by question.

use std::io::Cursor;

use crate::artifact::{Checkpoint, Question, Questions, Scores, Split};
use crate::fingerprint::{ContentHash, RowKey, Term};
use crate::model::{Config, Model, WeightsFile};
use crate::stage::params::{Count, Input};
use crate::stage::{Context, Slot, Stage, StageError};
use crate::text::tokenizer::Tokenizer;

use super::ask::{Asker, Written, default_max_new, outcome};
use super::sequence::{Sequences, data};

crate::params! {
    /// A student's answers to the questions of a split, by greedy generation that stops once the label is known.
    pub struct Evaluate {
        /// The student.
        pub model: Input<Checkpoint>,
        /// The questions.
        pub questions: Input<Questions>,
        /// The split to ask; questions without a known answer are left out.
        pub split: Split = Split::Test,
        /// The most tokens it may write: 256 where its rationale comes first, 8 elsewhere, if not given.
        pub max_new: Option<Count>,
        /// Questions asked side by side.
        pub batch: Count = Count::of(32),
    }
}

/// A model with all that is needed to ask it.
pub(super) struct Loaded {
    pub(super) model: Model,
    pub(super) tokenizer: Tokenizer,
    pub(super) checkpoint: Checkpoint,
}

impl Loaded {
    /// Loads a checkpoint onto the device.
    pub(super) fn from(context: &Context<'_>, input: &Input<Checkpoint>) -> Result<Self, StageError> {
        let mut checkpoint = context.read(input)?;
        let config = Config::from_json(&checkpoint.config, "config.json").map_err(data)?;
        let weights = WeightsFile::new("model.safetensors", Cursor::new(std::mem::take(&mut checkpoint.weights)));
        let model = Model::from_files(&config, vec![weights], 0, context.device()?).map_err(data)?;
        let tokenizer = Tokenizer::from_json(&checkpoint.tokenizer).map_err(data)?;
        Ok(Self { model, tokenizer, checkpoint })
    }
}

/// What every row of a student depends on: its parts and the numerics it computes with.
pub(super) fn student_term(context: &Context<'_>, input: &Input<Checkpoint>) -> Result<Term, StageError> {
    let parts = context.parts(input)?;
    let digests = parts.iter().map(|(part, digest)| (part.clone().into(), Term::Digest(*digest)));
    let numerics = context.device()?.numerics();
    Ok(Term::record([("parts", Term::Record(digests.collect())), ("numerics", Term::Text(numerics.into()))]))
}

impl Stage for Evaluate {
    type Output = Scores;

    const NAME: &'static str = "evaluate";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "What a student answers, question by question.";
    const EXAMPLE: &'static str = "{ model: tuned, questions: questions, split: test }";

    fn slot(&self) -> Slot {
        Slot::Device
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        match port {
            "model" => Some(Checkpoint::MODEL_PARTS.map(str::to_owned).to_vec()),
            _ => Some(vec![self.split.name().to_owned()]),
        }
    }

    fn run(&self, context: &Context<'_>) -> Result<Scores, StageError> {
        let questions = context.read(&self.questions)?;
        let all = questions.split(self.split);
        let questions: Vec<&Question> = all.iter().filter(|question| question.answer.is_some()).collect();
        if questions.len() < all.len() {
            let without = all.len() - questions.len();
            context
                .warn(format!("{without} questions of split `{}` have no known answer and are left out", self.split));
        }
        if questions.is_empty() {
            return Err(data(format!("split `{}` has no question with a known answer", self.split)));
        }
        let loaded = Loaded::from(context, &self.model)?;
        let usage = &loaded.checkpoint.usage;
        let max_new = self.max_new.map_or_else(|| default_max_new(usage.format.placement), Count::get);
        let asker = Asker {
            model: &loaded.model,
            tokenizer: &loaded.tokenizer,
            usage,
            sequences: Sequences::new(usage, &loaded.tokenizer)?,
            max_new,
            batch: self.batch.get(),
        };
        let student = student_term(context, &self.model)?;
        let key = |question: &Question| -> Result<RowKey, StageError> {
            let prompt = asker.sequences.prompt(question)?;
            Ok(RowKey::of(&Term::record([
                ("student", student.clone()),
                ("prompt", prompt.term()),
                ("max_new", max_new.term()),
                ("revision", Self::REVISION.term()),
            ])))
        };
        let written = answered(context, &asker, &questions, &key)?;
        let rows = questions.iter().zip(&written).filter_map(|(question, written)| outcome(question, usage, written));
        Ok(Scores { rows: rows.collect() })
    }
}

/// Asks what was not asked before; each batch is kept as soon as it is answered.
fn answered(
    context: &Context<'_>,
    asker: &Asker<'_>,
    questions: &[&Question],
    key: &dyn Fn(&Question) -> Result<RowKey, StageError>,
) -> Result<Vec<Written>, StageError> {
    let rows = context.rows("evaluate")?;
    let mut written: Vec<Option<Written>> = Vec::with_capacity(questions.len());
    let mut keys = Vec::with_capacity(questions.len());
    for question in questions {
        let key = key(question)?;
        let known = rows.get(&key)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        written.push(known);
        keys.push(key);
    }
    let open: Vec<usize> = (0..questions.len()).filter(|index| written[*index].is_none()).collect();
    let mut done = questions.len() - open.len();
    for batch in open.chunks(asker.batch) {
        if context.stopping() {
            rows.flush()?;
            return Err(StageError::Stopped);
        }
        let asked: Vec<&Question> = batch.iter().map(|index| questions[*index]).collect();
        for (index, answer) in batch.iter().zip(asker.ask(&asked)?) {
            rows.put(keys[*index], &serde_json::to_vec(&answer).map_err(data)?)?;
            written[*index] = Some(answer);
        }
        done += batch.len();
        context.progress(done as u64, questions.len() as u64, "questions");
    }
    rows.flush()?;
    Ok(written.into_iter().flatten().collect())
}
