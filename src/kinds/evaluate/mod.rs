//! `evaluate`: what a student answers, question by question.

mod extract;
mod generation;
mod likelihood;
mod prefill;
mod rows;
mod sampling;
mod scoring;
mod term;
mod votes;
mod writing;

use crate::failed::model_failed;
use retort_artifact::{Checkpoint, Placement, Question, Questions, Scores, Split, Usage, Vote};
use retort_fingerprint::Words;
use retort_model::{Config, Device, Model, WeightsFile};
use retort_stage::params::{Count, External, Input, Later};
use retort_stage::{Clash, Coming, Context, Flaw, Looked, Misfit, Slot, Stage, StageError};
use retort_text::tokenizer::Tokenizer;

pub use self::extract::{Extract, ExtractFields, Unmatched};
pub use self::prefill::{Fillers, Prefill, PrefillFields};
pub use self::rows::times;
pub use self::sampling::SamplingRecipe;
pub use self::scoring::{By, LikelihoodRecipe, Scoring};
pub use super::choices::Stands;

pub(super) use self::term::student_term;
pub(super) use self::writing::written;

use self::prefill::Prefilled;
use self::rows::keep_times;
use super::chat::template;
use super::sequence::{Sequences, data};
use super::targets::{asked_for, placement_told};
use super::templates::{check_fields, warn_of_sameness};

/// The most samples of a question.
const SAMPLES_MAX: usize = 10_000;

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
        /// Which of several `targets` that the student was taught it is asked for, by name; the first with an answer where this is
        /// not given.
        pub target: Later<String>,
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
        /// How many outputs are drawn for each question, each on its own. Needs `sampling`; all of them are kept.
        pub samples: Later<Count>,
        /// How the samples count: the answer of their `majority` (self-consistency, where this is not given); whether `any` is
        /// right (pass@n); or the `mean`, the fraction that is right.
        pub vote: Later<Vote>,
        /// How an answer is read from free text: regular expressions for the strict reading, or `{ strict: […], lenient: […] }`.
        /// A lenient reading stands beside the strict one wherever this is given. Without it, the answer stands between the
        /// markers, as the student was taught.
        pub extract: Later<Extract>,
        /// What answers are made to begin with: a text, or `{ fill: { count: 10, with: "<pause>" }, text: … }` for tokens to
        /// compute on.
        pub prefill: Later<Prefill>,
        /// Texts that end an answer, and are no part of it.
        pub stop: Later<Vec<String>>,
        /// A template for the prompts, in Jinja, instead of the one that the student was trained with.
        pub prompt: Later<External>,
        /// What stands between the prompt and what follows it; a line feed, as in training, where this is not given. Spaces at
        /// its end belong to what follows, so with `" "` a prompt ends in its last word.
        pub separator: Later<String>,
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
    const REVISION: u32 = 3;
    const ABOUT: &'static str = "What a student answers, question by question.";
    const EXAMPLE: &'static str = "{ model: tuned, questions: questions, split: test }";

    fn settled(mut self, varied: &dyn Fn(&str) -> bool) -> Self {
        if varied("score") && matches!(self.score, Scoring::Likelihood(_)) {
            (self.max_new, self.sampling) = (None, None);
            (self.samples, self.vote) = (Later(None), Later(None));
            (self.extract, self.stop) = (Later(None), Later(None));
        }
        if varied("sampling") && self.sampling.is_none() {
            self.samples = Later(None);
        }
        if (varied("sampling") || varied("samples")) && self.samples.get().is_none() {
            self.vote = Later(None);
        }
        self
    }

    fn check(&self) -> Result<(), Clash> {
        let given = [
            ("max_new", self.max_new.is_some()),
            ("sampling", self.sampling.is_some()),
            ("samples", self.samples.get().is_some()),
            ("vote", self.vote.get().is_some()),
            ("extract", self.extract.get().is_some()),
            ("stop", self.stop.get().is_some()),
        ];
        if let (Scoring::Likelihood(_), Some((field, _))) = (&self.score, given.into_iter().find(|(_, given)| *given)) {
            return Err(Clash {
                field,
                why: format!("`{field}` has no meaning with `score: likelihood`: nothing is written"),
                hint: format!("leave `{field}` out, or use `score: generation`"),
            });
        }
        let clash = |field, why: &str, hint: &str| Err(Clash { field, why: why.into(), hint: hint.into() });
        match (self.samples.get(), &self.sampling, self.vote.get()) {
            (Some(_), None, _) => clash(
                "samples",
                "`samples` needs a temperature: without `sampling` every sample is the same",
                "add `sampling: { temperature: 0.7 }`, or leave `samples` out",
            ),
            (Some(samples), ..) if samples.get() > SAMPLES_MAX => {
                clash("samples", &format!("`samples` is at most {SAMPLES_MAX}"), "draw fewer")
            }
            (None, _, Some(_)) => clash(
                "vote",
                "`vote` needs `samples`: one output has nothing to vote on",
                "add `samples: 8`, or leave `vote` out",
            ),
            _ if self.stop.get().is_some_and(|stop| stop.iter().any(String::is_empty)) => {
                clash("stop", "an empty text in `stop` ends every answer before it begins", "leave it out")
            }
            _ => Ok(()),
        }
    }

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let template = self.template(context);
        if let Ok(Some(source)) = &template {
            warn_of_sameness(context, [source.as_str()]);
        }
        let checked = template.and_then(|source| source.map_or(Ok(()), |source| check_fields(looked, &source)));
        Flaw::of("prompt", checked).into_iter().collect()
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
        let word = |student: &Coming| match self.target.get() {
            Some(target) => placement_told(student.told("targets")?, target).map(str::to_owned),
            None => student.told("placement").map(str::to_owned),
        };
        let placement = student.and_then(word).and_then(|word| Placement::of_word(&word).copied());
        let by_answer = matches!(&self.score, Scoring::Likelihood(recipe) if recipe.of == Stands::Answer);
        let other = placement.filter(|placement| by_answer && !placement.label_first());
        let misfit = |placement: Placement| Misfit {
            field: "score".into(),
            message: scoring::needs_label_first(placement),
            hint: None,
        };
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
        let usage = self.usage(context, &loaded)?;
        let outcomes = match &self.score {
            Scoring::Generation => self.by_generation(context, &loaded, &usage, &questions)?,
            Scoring::Likelihood(recipe) => self.by_likelihood(context, &loaded, &usage, &questions, recipe)?,
        };
        let times = outcomes.iter().map(|timed| (timed.row.id.as_str(), timed.took_us)).collect();
        keep_times(context, &times)?;
        Ok(Scores { rows: outcomes.into_iter().map(|timed| timed.row).collect() })
    }
}

impl Evaluate {
    /// Reads the template of its own, where there is one.
    fn template(&self, context: &Context<'_>) -> Result<Option<String>, StageError> {
        self.prompt.get().map(|file| template(context, file)).transpose()
    }

    /// How the student is asked and read.
    fn usage(&self, context: &Context<'_>, loaded: &Loaded) -> Result<Usage, StageError> {
        let mut usage = match self.target.get() {
            Some(target) => asked_for(&loaded.checkpoint.usage, target)?,
            None => loaded.checkpoint.usage.clone(),
        };
        if let Some(prompt) = self.template(context)? {
            warn_of_sameness(context, [prompt.as_str()]);
            usage.prompt = prompt;
        }
        Ok(usage)
    }

    /// How questions are put, and what answers begin with.
    fn sequences<'a>(
        &self,
        usage: &'a Usage,
        tokenizer: &'a Tokenizer,
    ) -> Result<(Sequences<'a>, Option<Prefilled>), StageError> {
        let mut sequences = Sequences::new(usage, tokenizer)?;
        if let Some(separator) = self.separator.get() {
            if usage.chat.is_some() {
                return Err(data(
                    "`separator` has no effect on this student: its chat template writes what stands between a question and \
                     its answer. Remove `separator`",
                ));
            }
            sequences = sequences.separated_by(separator);
        }
        let prefilled = self.prefill.get().map(|prefill| prefill.of(tokenizer)).transpose()?;
        if let Some(Prefilled { text, .. }) = &prefilled {
            sequences = sequences.prefilled(text);
        }
        Ok((sequences, prefilled))
    }
}
