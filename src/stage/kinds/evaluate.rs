//! `evaluate`: what a student answers, question by question.

use std::io::Cursor;

use crate::artifact::{Checkpoint, Question, Questions, Scores, Split};
use crate::fingerprint::{ContentHash, RowKey, Term};
use crate::model::{Budget, Config, Model, Sampling, WeightsFile};
use crate::stage::params::{Count, Input, PositiveReal, Seed, Share};
use crate::stage::{Context, Slot, Stage, StageError};
use crate::text::tokenizer::Tokenizer;

use super::ask::{Asker, Written, max_new, outcome};
use super::sequence::{Sequences, data};

crate::params! {
    /// Tokens that are drawn at random. As in transformers, `temperature` comes first, then `top_k`, then `top_p`.
    pub struct SamplingRecipe {
        /// What logits are divided by: below 1 likely tokens become likelier.
        pub temperature: PositiveReal = PositiveReal::of(1.0),
        /// How many of the likeliest tokens may be drawn; all where this is not given.
        pub top_k: Option<Count>,
        /// The probability that the likeliest tokens which may be drawn have together; 1 where this is not given.
        pub top_p: Option<Share>,
        /// Decides, with each question, what is drawn.
        pub seed: Seed,
    }
}

crate::params! {
    /// A student's answers to the questions of a split, by generation that stops once the label is known.
    pub struct Evaluate {
        /// The student.
        pub model: Input<Checkpoint>,
        /// The questions.
        pub questions: Input<Questions>,
        /// The split to ask; questions without a known answer are left out.
        pub split: Split = Split::Test,
        /// The most tokens it may write: 256 where its rationale comes first, and enough for a label elsewhere, if not
        /// given.
        pub max_new: Option<Count>,
        /// The most questions asked side by side.
        pub batch: Count = Count::of(32),
        /// The most tokens, those of the questions included, that questions asked side by side may come to; halved
        /// whenever the device has no memory for them.
        pub positions: Count = Count::of(16_384),
        /// How tokens are drawn; the likeliest is taken where this is not given.
        pub sampling: Option<SamplingRecipe>,
    }
}

impl SamplingRecipe {
    fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature.get(),
            top_k: self.top_k.map(Count::get),
            top_p: self.top_p.map(Share::get),
            seed: self.seed.0,
        }
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
        let model = Model::from_files(&config, vec![weights], 0, context.device()?)?;
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
        let max_new = max_new(self.max_new, usage, &loaded.tokenizer)?;
        let asker = Asker {
            model: &loaded.model,
            tokenizer: &loaded.tokenizer,
            usage,
            sequences: Sequences::new(usage, &loaded.tokenizer)?,
            max_new,
            batch: self.batch.get(),
            budget: Budget::of(self.positions.get()),
            sampling: self.sampling.as_ref().map(SamplingRecipe::sampling),
        };
        let student = student_term(context, &self.model)?;
        let key = |question: &Question| -> Result<RowKey, StageError> {
            let prompt = asker.sequences.prompt(question)?;
            Ok(RowKey::of(&Term::record([
                ("student", student.clone()),
                ("prompt", prompt.term()),
                ("max_new", max_new.term()),
                ("sampling", self.sampling.term()),
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
