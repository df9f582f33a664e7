//! `pretrained`: a student as its files have it, without any training.

use std::fmt::Write as _;

use crate::failed::model_failed;
use retort_artifact::{Checkpoint, Placement, TrainingLog, Usage};
use retort_stage::params::{Later, ModelSpec, Seed};
use retort_stage::{Clash, Context, Flaw, Looked, Slot, Stage, StageError};
use retort_text::prompt::STUDENT_OPEN;
use retort_text::target::MARKER;
use retort_text::tokenizer::Tokenizer;

use super::bounds::{Begin, End};
use super::chat::{Brackets, Prompt, Writing};
use super::sequence::data;
use super::student::{Speech, Student};
use super::templates::{check_room, warn_of_sameness};

retort_stage::params! {
    /// A student as it is, without any training: a baseline, or a model that was trained elsewhere.
    pub struct Pretrained {
        /// The student: the name of a model, or `new: {…}`, `path: …` or `{ hub: …, revision: … }`.
        pub student: ModelSpec<Student>,
        /// Where the answers that it writes have their rationale: `none`, `before` the label, `after` it, or `both`. It matters
        /// where an answer is read between markers.
        pub placement: Placement = Placement::None,
        /// A template for its prompts, in Jinja, with `question` and `choices`. With `chat`, the model's own chat template
        /// writes them, and the question is the user's message. With `{ chat: FILE }`, the template in the file writes that
        /// message.
        pub prompt: Prompt,
        /// The system message, with `prompt: chat`.
        pub system: Later<String>,
        /// The brackets around its thoughts, such as `{ open: "<think>", close: "</think>" }`: what stands in them is passed
        /// over when an answer is read. Needs `placement: before`.
        pub think: Later<Brackets>,
        /// A sentence that states the answer, such as `The answer is {answer}.`, instead of a label between markers.
        pub answer_form: Later<String>,
        /// What stands around the label of an answer.
        pub marker: String = MARKER.into(),
        /// The token, or the tokens, before every text; `null` for none. Where this is not given, what the tokenizer's own
        /// post-processor adds.
        pub begin: Begin,
        /// The token that ends an answer; `null` for none. Where this is not given, the model's own.
        pub end: End,
        /// Decides the weights of a new student.
        pub seed: Seed,
    }
}

impl Stage for Pretrained {
    type Output = Checkpoint;

    const NAME: &'static str = "pretrained";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "A student as its files have it, without any training.";
    const EXAMPLE: &'static str = "{ student: small }";

    fn foretold(&self) -> Vec<(&'static str, String)> {
        vec![("placement", self.placement.to_string())]
    }

    fn settled(mut self, varied: &dyn Fn(&str) -> bool) -> Self {
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
        if varied("placement") && self.placement.label_first() {
            self.think = Later(None);
        }
        self
    }

    fn check(&self) -> Result<(), Clash> {
        self.writing().check()?;
        if self.think.get().is_some() && self.placement.label_first() {
            let why = format!(
                "`think` has no effect with `placement: {}`: an answer that comes first has no thoughts before it",
                self.placement
            );
            return Err(Clash { field: "think", why, hint: "use `placement: before`, or leave `think` out".into() });
        }
        Ok(())
    }

    fn slot(&self) -> Slot {
        Slot::Device
    }

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let mut flaws: Vec<Flaw> = Flaw::of("prompt", self.prompt.source(context, STUDENT_OPEN)).into_iter().collect();
        let mut what = self.student.0.seen(context);
        let Self { begin, end, prompt, system, .. } = self;
        let template = prompt.file().map(|file| context.seen(file)).unwrap_or_default();
        let _ = write!(what, " untrained {begin:?} {end:?} {} {system:?} {template}", prompt.is_chat());
        if let Ok(source) = prompt.source(context, STUDENT_OPEN) {
            warn_of_sameness(context, [source.as_str()]);
        }
        if flaws.is_empty() && looked.first(what) {
            if let Some(flaw) = self.writing().flaw(context, &self.student.0) {
                return vec![flaw];
            }
            flaws.extend(match self.student.0.look(context) {
                Err(error) => Some(Flaw::new("student", error)),
                Ok(Some(speech)) => match self.spoken(context, speech) {
                    Err(error) => Some(Flaw::new("end", error)),
                    Ok((tokenizer, usage)) => Flaw::of("prompt", self.room(context, &tokenizer, &usage)),
                },
                Ok(None) => None,
            });
        }
        flaws
    }

    fn run(&self, context: &Context<'_>) -> Result<Checkpoint, StageError> {
        let (tokenizer, usage) = self.spoken(context, self.student.0.speech(context)?)?;
        warn_of_sameness(context, [usage.prompt.as_str()]);
        let model = self.student.0.load(context, self.seed.0, &tokenizer)?;
        Ok(Checkpoint {
            config: model.config().to_json().into_bytes(),
            tokenizer: tokenizer.to_json().map_err(data)?,
            weights: context.store_part(|out| model.write_weights(out).map_err(model_failed))?,
            usage,
            log: TrainingLog::default(),
        })
    }
}

impl Pretrained {
    fn writing(&self) -> Writing<'_> {
        let Self { prompt, system, think, answer_form, marker, placement, end, .. } = self;
        Writing {
            prompt,
            system: system.get().map(String::as_str),
            think: think.get(),
            answer_form: answer_form.get().map(String::as_str),
            marker,
            placement: *placement,
            end,
        }
    }

    /// Checks that prompts leave room for a question, where the student's shape is known.
    fn room(&self, context: &Context<'_>, tokenizer: &Tokenizer, usage: &Usage) -> Result<(), StageError> {
        let Some(shape) = self.student.0.shape(context)? else { return Ok(()) };
        check_room(usage, tokenizer, shape.context(), "take a student with a longer context")
    }

    /// The student's tokenizer, and how the student is asked and read.
    fn spoken(&self, context: &Context<'_>, mut speech: Speech) -> Result<(Tokenizer, Usage), StageError> {
        let prompt = self.prompt.source(context, STUDENT_OPEN)?;
        let usage = self.writing().usage(context, &self.student.0, &mut speech, &self.begin, prompt)?;
        Ok((speech.tokenizer, usage))
    }
}
