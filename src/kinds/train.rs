//! `train`: a student fine-tuned on questions with labels and rationales.

use crate::failed::{device_failed, model_failed};
use retort_artifact::{Checkpoint, Evaluation, Placement, Question, Rationales, Split, TrainingLog, Usage};
use retort_model::{self as model, Device, FitError, FitLog, Model, fit, resume};
use retort_stage::params::{Aside, Count, Input, Later, ModelSpec, Seed};
use retort_stage::{Clash, Coming, Context, Flaw, Footprint, Looked, Misfit, Posed, Slot, Stage, StageError};
use retort_text::chat_template::Day;
use retort_text::prompt::{self, STUDENT};
use retort_text::target::MARKER;
use retort_text::tokenizer::Tokenizer;
use retort_text::turn::Turns;

use super::ask::max_new;
use super::bounds::{Begin, End};
use super::chat::{Brackets, Prompt, Writing};
use super::divergence;
use super::examples::Prepared;
use super::hooks::Hooks;
use super::keeping::{self, STATE};
use super::labels::Labels;
use super::missing::Missing;
use super::mixture::Asked;
use super::pace::Pace;
use super::posed::posed;
use super::recipe::{EvalBy, TrainRecipe};
use super::saving::Saving;
use super::sequence::{data, turns};
use super::silence::warn_of_silence;
use super::student::{Speech, Student};
use super::targets::Target;
use super::templates::{check_fields, warn_of_sameness};
pub use super::train_words::{Keep, LossOn};
use super::weights::Weights;

/// Whether the marker is a token of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerAs {
    /// It is added to the vocabulary where it is not in it.
    Token,
    /// It is spelled with the tokens that are there.
    Text,
}

retort_stage::words!(MarkerAs { Token = "token", Text = "text" });

retort_stage::params! {
    /// A student fine-tuned on questions with labels and rationales.
    pub struct Train {
        /// What is trained: the name of a model, or `new: {…}`, `path: …` or `{ hub: …, revision: … }`.
        pub student: ModelSpec<Student>,
        /// The questions: it is trained on the train split, and evaluated on the dev split.
        ///
        /// Several datasets are a list: `[ { questions: a, rationales: of-a, proportion: 2 }, { questions: b, … } ]`.
        pub questions: Asked,
        /// Whether questions that the dev or the test split of any of the datasets has as well are left out of training, and
        /// counted. What is trained then depends on these splits, too.
        pub deduplicate: Later<bool>,
        /// The rationales; with `placement: none` only their labels are read, and these only with `labels: teacher`.
        pub rationales: Option<Input<Rationales>>,
        /// Where the target has its rationale: `none`, `before` the label, `after` it, or `both`.
        pub placement: Option<Placement>,
        /// Several targets a question instead of one `placement`, each a sequence of its own: `[ { placement: none, prefix:
        /// "[label] " }, { placement: alone, prefix: "[rationale] ", weight: 0.5 } ]` distils step by step. The loss is the
        /// sum of weight · mean loss over the targets; a batch counts questions. The student is evaluated by the first target
        /// with an answer.
        pub targets: Later<Vec<Target>>,
        /// What becomes of questions that have no rationale where the target needs one: it will `fail`, `drop` them, or
        /// `keep` them and train on their labels alone.
        pub missing: Missing = Missing::Fail,
        /// Whose labels are trained: `gold`, those of the dataset; `teacher`, those that the teacher's answers state; or
        /// `shuffled`, those of the dataset dealt out by `seed` among the questions of the split that have as many choices.
        pub labels: Labels = Labels::Gold,
        /// A template for its prompts, in Jinja, with `question` and `choices`. With `chat`, the model's own chat template
        /// writes them: the question is the user's message, the target is the assistant's, and loss is on the assistant's
        /// tokens. With `{ chat: FILE }`, the template in the file writes the user's message.
        pub prompt: Prompt,
        /// The system message, with `prompt: chat`.
        pub system: Later<String>,
        /// Brackets around a rationale that stands before the label, such as `{ open: "<think>", close: "</think>" }`. What
        /// stands in them is passed over when an answer is read.
        pub think: Later<Brackets>,
        /// A sentence that states the answer, instead of a label between markers, such as `The answer is {answer}.`
        pub answer_form: Later<String>,
        /// What stands around the label.
        pub marker: String = MARKER.into(),
        /// Whether the marker is a `token` of its own, or spelled as `text`.
        pub marker_as: MarkerAs = MarkerAs::Token,
        /// Further tokens that are added to the vocabulary where they are not in it, such as `[MASK]` and `<unk>` of masked and
        /// filled rationales. Each is one position, the space before it included.
        pub add_tokens: Vec<String> = Vec::new(),
        /// The token, or the tokens, before every text; `null` for none. Where this is not given, what the tokenizer's own
        /// post-processor adds, such as `<bos>` of Gemma and `<s>` of Llama and Mistral.
        pub begin: Begin,
        /// The token that ends a sequence; `null` for none. Where this is not given, the model's own, as
        /// `generation_config.json`, `config.json` or `tokenizer_config.json` names it; `<|endoftext|>` of a new student.
        pub end: End,
        /// Which tokens carry loss: those of the `target`, or the whole `sequence`.
        pub loss: LossOn = LossOn::Target,
        /// What tokens weigh in the loss; all weigh 1 where this is not given.
        pub weights: Option<Weights>,
        /// The most tokens of a sequence; longer ones are cut and counted.
        pub max_length: Count = Count::of(512),
        /// Which weights are kept once everything that reads them is done: the `best`, those of each evaluation as well
        /// (`full`), or `none`, which are trained again when something stale needs them. It is not in the key: what is
        /// made is the same.
        pub keep: Aside<Keep> = Aside(Keep::Best),
        /// How to train.
        pub recipe: TrainRecipe,
        /// Decides the initial weights of a new student and the order of examples.
        pub seed: Seed,
    }
}

impl Stage for Train {
    type Output = Checkpoint;

    const NAME: &'static str = "train";
    const REVISION: u32 = 3;
    const ABOUT: &'static str = "A student fine-tuned on questions with labels and rationales.";
    const EXAMPLE: &'static str = "\
{ student: small, questions: questions, rationales: rationales, placement: after, recipe: { lr: 3.0e-5, batch: 8, epochs: 3 } }";

    fn foretold(&self) -> Vec<(&'static str, String)> {
        let targets = self.targets_told().map(|told| ("targets", told));
        [("placement", self.placement().to_string())].into_iter().chain(targets).collect()
    }

    fn settled(self, varied: &dyn Fn(&str) -> bool) -> Self {
        self.without_effects(varied)
    }

    fn check(&self) -> Result<(), Clash> {
        let clash = |field, why: &str, hint: &str| Err(Clash { field, why: why.into(), hint: hint.into() });
        self.writing().check()?;
        self.check_targets()?;
        self.check_datasets()?;
        if !self.has_rationales() && self.writes_rationales() {
            if self.targets.get().is_some() {
                let why = "a target with a rationale needs `rationales`";
                return clash("targets", why, "name the stage that gives them, or use targets of `placement: none`");
            }
            let why = format!("`placement: {}` needs `rationales`", self.placement());
            return clash("placement", &why, "name the stage that gives them, or use `placement: none`");
        }
        if self.labels == Labels::Teacher && !self.has_rationales() {
            let why = "`labels: teacher` needs `rationales`, whose labels are trained";
            return clash("labels", why, "name the stage that gives them, or use `labels: gold`");
        }
        if self.labels == Labels::Teacher && self.missing == Missing::Keep {
            let why = "with `labels: teacher`, a question that the teacher did not answer has no label to keep it for";
            return clash("missing", why, "use `missing: drop`");
        }
        if self.recipe.eval_by == EvalBy::Likelihood && !self.placement().label_first() {
            let why = format!(
                "`eval_by: likelihood` needs the label first, and with `placement: {}` it follows a rationale",
                self.placement()
            );
            return clash("recipe", &why, "use `eval_by: generation`");
        }
        if self.keep.0 == Keep::Full && self.recipe.eval_every.is_none() {
            return clash(
                "keep",
                "`keep: full` keeps the weights of each evaluation, and there are none",
                "give `recipe.eval_every`, or leave it out",
            );
        }
        match &self.weights {
            Some(weights) if weights.prompt.is_some() && self.loss == LossOn::Target => clash(
                "weights",
                "`weights.prompt` weighs tokens that carry no loss with `loss: target`",
                "use `loss: sequence`, or leave it out",
            ),
            Some(weights) if weights.floor.get() > 0.0 && weights.tokens.is_none() => clash(
                "weights",
                "`weights.floor` is how far scores count at least, and there are none",
                "name `weights.tokens`",
            ),
            _ => Ok(()),
        }
    }

    fn slot(&self) -> Slot {
        Slot::Device
    }

    fn parts(&self, port: &str) -> Option<Vec<String>> {
        // Of several datasets, ports are called `questions[0].questions` and `questions[0].rationales`.
        match port.rsplit('.').next().filter(|_| port.starts_with("questions")).unwrap_or(port) {
            "questions" if self.deduplicate.get() == Some(&true) => {
                Some(Split::ALL.map(|split| split.name().to_owned()).to_vec())
            }
            "questions" if self.recipe.eval_every.is_some() => Some(vec!["dev".into(), "train".into()]),
            "questions" => Some(vec!["train".into()]),
            // The baseline reads no rationales, so it is one and the same student whatever they are.
            "rationales" if !self.reads() => Some(Vec::new()),
            "weights.tokens" if !self.writes_rationales() => Some(Vec::new()),
            // With a weight of 0 the teacher has no part in it.
            divergence::PORT if self.divergence().is_none() => Some(Vec::new()),
            _ => None,
        }
    }

    fn misfits(&self, coming: &[Coming]) -> Vec<Misfit> {
        self.other_sequences(coming)
    }

    fn passing_parts(&self) -> &'static [&'static str] {
        if self.keep.0 == Keep::None { &["weights"] } else { &[] }
    }

    fn footprint(&self, context: &Context<'_>) -> Result<Option<Footprint>, StageError> {
        self.reckoned(context)
    }

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let mut flaws: Vec<Flaw> = Flaw::of("recipe", self.settings().check()).into_iter().collect();
        if let Err(error) = self.prompt_source(context, STUDENT) {
            return flaws.into_iter().chain([Flaw::new("prompt", error)]).collect();
        }
        let plain = self.prompt_source(context, STUDENT).map(|prompt| self.usage(prompt, None));
        match plain.and_then(|usage| self.usages(context, usage)) {
            Ok((_, usages)) => {
                warn_of_sameness(context, usages.iter().map(|usage| usage.prompt.as_str()));
                let fields = usages.iter().try_for_each(|usage| check_fields(looked, &usage.prompt));
                flaws.extend(Flaw::of("prompt", fields));
            }
            Err(error) => flaws.push(Flaw::new("targets", error)),
        }
        let Self { begin, end, marker_as, add_tokens, prompt, system, .. } = self;
        let template = prompt.file().map(|file| context.seen(file)).unwrap_or_default();
        let written = format!("{} {system:?} {template} {}", prompt.is_chat(), self.max_length.get());
        let what = format!("{} {begin:?} {end:?} {marker_as:?} {add_tokens:?} {written}", self.student.0.seen(context));
        if looked.first(what) {
            if let Some(flaw) = self.writing().flaw(context, &self.student.0) {
                return flaws.into_iter().chain([flaw]).collect();
            }
            flaws.extend(match self.student.0.look(context) {
                Err(error) => Some(Flaw::new(self.student.0.wrong_field("student"), error)),
                Ok(Some(speech)) => match self.spoken(context, STUDENT, speech) {
                    Err(error) => Some(Flaw::new("end", error)),
                    Ok((tokenizer, usage, _)) => Flaw::of("max_length", self.room(context, &tokenizer, usage)),
                },
                Ok(None) => None,
            });
        }
        flaws
    }

    fn posed(&self, context: &Context<'_>, questions: &[Question]) -> Result<Option<Vec<Posed>>, StageError> {
        let talk = self.writing().talk(context, &self.student.0)?;
        let prompt = self.prompt_source(context, prompt::student(questions))?;
        let usage = self.usage(prompt, talk.as_ref().map(|talk| &talk.turns));
        posed(&Usage { chat: talk.map(|talk| talk.chat), ..usage }, questions).map(Some)
    }

    fn run(&self, context: &Context<'_>) -> Result<Checkpoint, StageError> {
        let materials = self.materials(context)?;
        let asked = || materials.iter().flat_map(|material| material.questions.split(Split::Train));
        let (tokenizer, base, added) = self.speech(context, prompt::student(asked()))?;
        let (usage, of_targets) = self.usages(context, base)?;
        self.warn_of_likeness(context, &of_targets);
        warn_of_sameness(context, of_targets.iter().map(|usage| usage.prompt.as_str()));
        if let Some(chat) = &usage.chat
            && turns(chat)?.asked_day()
        {
            context.warn(format!("the chat template asks for today's date, and is told {}", Day::DEFAULT));
        }
        let lessons = self.lessons(context, &tokenizer)?;
        let mut model = self.load(context, &tokenizer)?;
        let Prepared { mut examples, questions: made_of, samples: _, mut log } =
            self.examples(context, &of_targets, &tokenizer, &materials, model.config().context())?;
        if let Some(lessons) = lessons {
            lessons.give(&mut examples, &made_of, &tokenizer)?;
        }
        let dev = self.dev(&materials);
        let dev = dev.as_slice();
        if self.recipe.eval_every.is_some() && dev.is_empty() {
            return Err(data(
                "`eval_every` asks for evaluations, and the dev split has no question with a known answer",
            ));
        }
        let mut recipe = self.settings();
        if let Some(lora) = &mut recipe.lora {
            lora.rows = added;
        }
        let saved = keeping::saved(context, self.keep.0)?;
        let mut hooks = Hooks {
            context,
            tokenizer: &tokenizer,
            usage: &usage,
            dev,
            eval_by: self.recipe.eval_by,
            targets: log.targets.iter().map(|target| target.name.clone()).collect(),
            max_new: max_new(self.recipe.eval_max_new, &usage, &tokenizer, dev.iter().copied())?,
            keeps: (self.keep.0 == Keep::Full).then(|| context.partial()),
            saving: Saving::new(context.partial(), STATE),
            pace: Pace::new(),
            peak: model::peak_flops(context.device::<Device>()?, self.recipe.precision),
            failure: None,
        };
        let fitted = match saved {
            Some(state) => resume(&mut model, &examples, &recipe, state, &mut hooks),
            None => fit(&mut model, &examples, &recipe, &mut hooks),
        };
        if let Some(failure) = hooks.failure.take() {
            return Err(failure);
        }
        let fitted = match fitted {
            Err(FitError::State(error)) => {
                context.warn(format!("the saved state is of no use, so training begins anew: {error}"));
                drop(model);
                model = self.load(context, &tokenizer)?;
                fit(&mut model, &examples, &recipe, &mut hooks)
            }
            other => other,
        };
        // Whatever became of those of evaluations before a stop: a result has them all.
        let fitted = match fitted {
            Ok(log) if self.keep.0 == Keep::Full && !keeping::has_all(&context.partial(), &log)? => {
                context.warn("the weights of some evaluations before a stop are gone, so training begins anew");
                context.partial().forget_parts()?;
                drop(model);
                model = self.load(context, &tokenizer)?;
                fit(&mut model, &examples, &recipe, &mut hooks)
            }
            other => other,
        };
        if let Some(failure) = hooks.failure.take() {
            return Err(failure);
        }
        let fitted = fitted.map_err(|error| match error {
            FitError::Stopped { .. } => StageError::Stopped,
            FitError::Device(error) => device_failed(&error),
            FitError::Weightless { example } => weightless(&made_of[example]),
            other => data(other),
        })?;
        if self.keep.0 == Keep::Full && !keeping::has_all(&context.partial(), &fitted)? {
            return Err(data("`keep: full`: the weights of some evaluations are gone already"));
        }
        note(&mut log, &fitted);
        warn_of_silence(context, self.recipe.eval_by, &log);
        Ok(Checkpoint {
            config: model.config().to_json().into_bytes(),
            tokenizer: tokenizer.to_json().map_err(data)?,
            weights: context.store_part(|out| model.write_weights(out).map_err(model_failed))?,
            usage,
            log,
        })
    }
}

fn weightless(question: &str) -> StageError {
    data(format!(
        "question `{question}`: in some step none of its tokens that carry loss weighs anything: raise `weights`, or \
         `max_length` where its target was cut"
    ))
}

impl Train {
    /// What the recipe comes to.
    pub(super) fn settings(&self) -> model::Recipe {
        let ramp = self.weights.as_ref().and_then(Weights::ramp);
        model::Recipe { ramp, ..self.recipe.with_seed(self.seed.0) }
    }

    fn writing(&self) -> Writing<'_> {
        let Self { prompt, system, think, answer_form, marker, end, .. } = self;
        Writing {
            prompt,
            system: system.get().map(String::as_str),
            think: think.get(),
            answer_form: answer_form.get().map(String::as_str),
            marker,
            placement: self.placement(),
            end,
        }
    }

    /// The student as it is before training.
    fn load(&self, context: &Context<'_>, tokenizer: &Tokenizer) -> Result<Model, StageError> {
        self.student.0.load(context, self.seed.0, tokenizer)
    }

    /// The student's tokenizer with what is added to it, how the student is asked and read, and the tokens that are new.
    pub(super) fn speech(
        &self,
        context: &Context<'_>,
        prompt: &str,
    ) -> Result<(Tokenizer, Usage, Vec<u32>), StageError> {
        self.spoken(context, prompt, self.student.0.speech(context)?)
    }

    /// Adds to the student's tokenizer what is to be one token, and settles how the student is asked and read.
    fn spoken(
        &self,
        context: &Context<'_>,
        prompt: &str,
        speech: Speech,
    ) -> Result<(Tokenizer, Usage, Vec<u32>), StageError> {
        let mut speech = speech;
        let marked = self.marker_as == MarkerAs::Token && self.answer_form.get().is_none();
        let marker = marked.then_some(&self.marker);
        let tokens: Vec<&str> = marker.into_iter().chain(&self.add_tokens).map(String::as_str).collect();
        let added = speech.tokenizer.add_special(&tokens).map_err(data)?;
        let prompt = self.prompt_source(context, prompt)?;
        let usage = self.writing().usage(context, &self.student.0, &mut speech, &self.begin, prompt)?;
        Ok((speech.tokenizer, usage, added))
    }

    /// How the student is asked by the stage's own prompt, with neither a beginning nor an end yet.
    fn usage(&self, prompt: String, turns: Option<&Turns>) -> Usage {
        let format = self.writing().format(turns);
        Usage { format, prompt, begin: Vec::new(), end: None, chat: None, targets: Vec::new() }
    }

    /// The template that writes a question; `default` where the stage names none.
    fn prompt_source(&self, context: &Context<'_>, default: &str) -> Result<String, StageError> {
        self.prompt.source(context, default)
    }
}

fn note(log: &mut TrainingLog, fitted: &FitLog) {
    log.losses = fitted.steps.iter().map(|step| step.loss as f32).collect();
    for (index, target) in log.targets.iter_mut().enumerate() {
        target.losses = fitted.tasks.iter().map(|step| step[index].map(|loss| loss as f32)).collect();
    }
    log.learning_rates = fitted.steps.iter().map(|step| step.lr as f32).collect();
    log.grad_norms = fitted.steps.iter().map(|step| step.grad_norm as f32).collect();
    log.tokens = fitted.steps.iter().map(|step| step.tokens).sum();
    let evaluation = |evaluation: &model::Evaluation| Evaluation { step: evaluation.step, accuracy: evaluation.value };
    log.evaluations = fitted.evaluations.iter().map(evaluation).collect();
    log.best_step = fitted.best.map_or(fitted.steps.len() as u64, |best| best.step);
    log.stopped_early = fitted.stopped_early;
}
