//! `evaluate`: what a student answers, question by question.

mod rows;
mod scoring;
mod term;
mod writing;

use crate::failed::model_failed;
use retort_artifact::{Checkpoint, Outcome, Placement, Question, Questions, Scores, Split};
use retort_fingerprint::{ContentHash, RowKey, Term, Words};
use retort_model::{Budget, Config, Device, Model, Sampling, WeightsFile};
use retort_stage::params::{Count, Input, PositiveReal, Seed, Share};
use retort_stage::{Clash, Coming, Context, Misfit, Slot, Stage, StageError};
use retort_text::answer::Expected;
use retort_text::tokenizer::Tokenizer;

pub use self::rows::times;
pub use self::scoring::{By, LikelihoodRecipe, Scoring};
pub use super::choices::Stands;

pub(super) use self::term::student_term;
pub(super) use self::writing::written;

use self::rows::{Timed, asked, keep_times};
use super::ask::{Asker, Written, max_new, outcome};
use super::choices::{Candidate, Held, candidates, held};
use super::sequence::{Sequences, data};

/// The name of the rows of choices that a student holds for likely.
const ROWS: &str = "evaluate";

retort_stage::params! {
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

retort_stage::params! {
    /// A student's answers to the questions of a split: what it writes, which ends once the label is known, or the choice
    /// that it holds for the likeliest.
    pub struct Evaluate {
        /// The student.
        pub model: Input<Checkpoint>,
        /// The questions.
        pub questions: Input<Questions>,
        /// The split to ask; questions without a known answer are left out.
        pub split: Split = Split::Test,
        /// How the answer is found: by `generation`, or by `likelihood` of the choices or classes, which also gives their
        /// probabilities.
        pub score: Scoring = Scoring::Generation,
        /// The most tokens it may write: 256 where its rationale comes first, and enough for an answer elsewhere, if not
        /// given.
        pub max_new: Option<Count>,
        /// The most questions asked side by side.
        pub batch: Count = Count::of(64),
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
        let checkpoint = context.read(input)?;
        let config = Config::from_json(&checkpoint.config, "config.json").map_err(data)?;
        let weights = WeightsFile::new("model.safetensors", context.open_part(&checkpoint.weights)?);
        let model = Model::from_files(&config, vec![weights], 0, context.device::<Device>()?).map_err(model_failed)?;
        let tokenizer = Tokenizer::from_json(&checkpoint.tokenizer).map_err(data)?;
        Ok(Self { model, tokenizer, checkpoint })
    }
}

impl Stage for Evaluate {
    type Output = Scores;

    const NAME: &'static str = "evaluate";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "What a student answers, question by question.";
    const EXAMPLE: &'static str = "{ model: tuned, questions: questions, split: test }";

    fn check(&self) -> Result<(), Clash> {
        let given = [("max_new", self.max_new.is_some()), ("sampling", self.sampling.is_some())];
        match (&self.score, given.into_iter().find(|(_, given)| *given)) {
            (Scoring::Likelihood(_), Some((field, _))) => Err(Clash {
                field,
                why: format!("`{field}` has no meaning with `score: likelihood`: nothing is written"),
                hint: format!("leave `{field}` out, or use `score: generation`"),
            }),
            _ => Ok(()),
        }
    }

    fn slot(&self) -> Slot {
        Slot::Device
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        match port {
            "model" => Some(Checkpoint::MODEL_PARTS.map(str::to_owned).to_vec()),
            _ => Some(vec![self.split.name().to_owned()]),
        }
    }

    fn misfits(&self, coming: &[Coming]) -> Vec<Misfit> {
        let student = coming.iter().find(|coming| coming.port == "model");
        let placement = student.and_then(|student| Placement::of_word(student.told("placement")?)).copied();
        let by_answer = matches!(&self.score, Scoring::Likelihood(recipe) if recipe.of == Stands::Answer);
        let other = placement.filter(|placement| by_answer && !placement.label_first());
        let misfit =
            |placement: Placement| Misfit { field: "score".into(), message: needs_label_first(placement), hint: None };
        other.map(misfit).into_iter().collect()
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
        let outcomes = match &self.score {
            Scoring::Generation => self.by_generation(context, &loaded, &questions)?,
            Scoring::Likelihood(recipe) => self.by_likelihood(context, &loaded, &questions, recipe)?,
        };
        let times = outcomes.iter().map(|timed| (timed.row.id.as_str(), timed.took_us)).collect();
        keep_times(context, &times)?;
        Ok(Scores { rows: outcomes.into_iter().map(|timed| timed.row).collect() })
    }
}

fn needs_label_first(placement: Placement) -> String {
    format!(
        "`score: likelihood` needs a student that writes its label first, and this one's `placement` is `{placement}`: use \
         `score: generation`, or score the words of the choices with `score: {{ likelihood: {{ of: text }} }}`"
    )
}

impl Evaluate {
    /// What the student writes decides.
    fn by_generation(
        &self,
        context: &Context<'_>,
        loaded: &Loaded,
        questions: &[&Question],
    ) -> Result<Vec<Timed<Outcome>>, StageError> {
        let usage = &loaded.checkpoint.usage;
        let max_new = max_new(self.max_new, usage, &loaded.tokenizer, questions.iter().copied())?;
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
        let written = written(context, &self.model, &asker, self.sampling.as_ref(), questions)?;
        let outcome = |(question, Timed { row, took_us }): (&&Question, &Timed<Written>)| {
            Some(Timed { row: outcome(question, usage, row)?, took_us: *took_us })
        };
        Ok(questions.iter().zip(&written).filter_map(outcome).collect())
    }

    /// The choice that the student holds for the likeliest is its answer: of equally likely ones, the first.
    fn by_likelihood(
        &self,
        context: &Context<'_>,
        loaded: &Loaded,
        questions: &[&Question],
        recipe: &LikelihoodRecipe,
    ) -> Result<Vec<Timed<Outcome>>, StageError> {
        let usage = &loaded.checkpoint.usage;
        if recipe.of == Stands::Answer && !usage.format.placement.label_first() {
            return Err(data(needs_label_first(usage.format.placement)));
        }
        let sequences = Sequences::new(usage, &loaded.tokenizer)?;
        let all: Vec<Vec<Candidate>> = questions
            .iter()
            .map(|question| candidates(&sequences, question, recipe.of))
            .collect::<Result<_, StageError>>()?;
        let student = student_term(context, &self.model)?;
        let key = |candidates: &Vec<Candidate>| {
            RowKey::of(&Term::record([
                ("student", student.clone()),
                ("choices", candidates.term()),
                ("revision", Self::REVISION.term()),
            ]))
        };
        let keys: Vec<RowKey> = all.iter().map(key).collect();
        let budget = Budget::of(self.positions.get());
        let found: Vec<Timed<Vec<Held>>> = asked(context, ROWS, &keys, |open, ended| {
            open.chunks(self.batch.get()).try_for_each(|open| {
                let some: Vec<&[Candidate]> = open.iter().map(|index| all[*index].as_slice()).collect();
                let found = held(&loaded.model, &some, &budget)?;
                ended(open.iter().copied().zip(found).collect())
            })
        })?;
        let mut lost = 0;
        let outcome = |(question, Timed { row, took_us }): (&&Question, &Timed<Vec<Held>>)| {
            let likelihoods = recipe.by.compared(row).unwrap_or_else(|| {
                lost += 1;
                Vec::new()
            });
            let likelier = |a: usize, b: usize| if likelihoods[b].score > likelihoods[a].score { b } else { a };
            let best = (0..likelihoods.len()).reduce(likelier);
            let row = Outcome {
                id: question.id.clone(),
                answer: question.answer.clone()?,
                choices: Expected::from(*question).count(),
                predicted: best.map(|best| likelihoods[best].label.clone()),
                equal: false,
                output: String::new(),
                tokens: 0,
                likelihoods,
            };
            Some(Timed { row, took_us: *took_us })
        };
        let outcomes = questions.iter().zip(&found).filter_map(outcome).collect();
        if lost > 0 {
            context.warn(format!(
                "of {lost} questions the student's probabilities are no numbers, as after a training that diverged: they \
                 count as wrong"
            ));
        }
        Ok(outcomes)
    }
}
