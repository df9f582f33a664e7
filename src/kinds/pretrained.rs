//! `pretrained`: a student as its files have it, without any training.

use std::fmt::Write as _;

use crate::failed::model_failed;
use retort_artifact::{Checkpoint, Format, Placement, TrainingLog, Usage};
use retort_stage::params::{External, ModelSpec, Seed};
use retort_stage::{Clash, Context, Flaw, Looked, Slot, Stage, StageError};
use retort_text::prompt::{STUDENT_OPEN, Template};
use retort_text::target::{MARKER, check_marker};
use retort_text::tokenizer::Tokenizer;

use super::bounds::{Begin, End};
use super::sequence::data;
use super::student::{Speech, Student};

retort_stage::params! {
    /// A student as it is, without any training: a baseline, or a model that was trained elsewhere.
    pub struct Pretrained {
        /// The student: the name of a model, or `new: {…}`, `path: …` or `{ hub: …, revision: … }`.
        pub student: ModelSpec<Student>,
        /// Where the answers that it writes have their rationale: `none`, `before` the label, `after` it, or `both`. It matters
        /// where an answer is read between markers.
        pub placement: Placement = Placement::None,
        /// A template for its prompts, in Jinja, with `question` and `choices`.
        pub prompt: Option<External>,
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

    fn check(&self) -> Result<(), Clash> {
        check_marker(&self.marker).map_err(|error| Clash {
            field: "marker",
            why: error.to_string(),
            hint: "give another, or leave `marker` out".into(),
        })
    }

    fn slot(&self) -> Slot {
        Slot::Device
    }

    fn preflight(&self, context: &Context<'_>, looked: &Looked) -> Vec<Flaw> {
        let mut flaws: Vec<Flaw> = Flaw::of("prompt", self.template(context)).into_iter().collect();
        let mut what = self.student.0.seen(context);
        let _ = write!(what, " untrained {:?} {:?}", self.begin, self.end);
        if looked.first(what) {
            flaws.extend(match self.student.0.look(context) {
                Err(error) => Some(Flaw::new("student", error)),
                Ok(Some(speech)) => Flaw::of("end", self.spoken(context, speech).map(drop)),
                Ok(None) => None,
            });
        }
        flaws
    }

    fn run(&self, context: &Context<'_>) -> Result<Checkpoint, StageError> {
        let (tokenizer, usage) = self.spoken(context, self.student.0.speech(context)?)?;
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
    /// The template of its prompts.
    fn template(&self, context: &Context<'_>) -> Result<String, StageError> {
        let Some(file) = &self.prompt else { return Ok(STUDENT_OPEN.to_owned()) };
        let place = context.path_of(file);
        let text =
            String::from_utf8(context.file(file)?).map_err(|_| data(format!("the template `{place}` is not UTF-8")))?;
        Ok(Template::parse(&place, &text).map_err(data)?.source().to_owned())
    }

    /// The student's tokenizer, and how the student is asked and read.
    fn spoken(&self, context: &Context<'_>, speech: Speech) -> Result<(Tokenizer, Usage), StageError> {
        let Speech { mut tokenizer, own_end } = speech;
        let begin = self.begin.resolve(&tokenizer)?;
        let end = self.end.resolve(&tokenizer, &own_end)?;
        if tokenizer.begin().map_err(data)? != begin {
            // Whoever asks the student elsewhere asks it as it is asked here.
            tokenizer.set_begin(&begin).map_err(data)?;
        }
        let format = Format::marked(self.placement, self.marker.clone());
        let prompt = self.template(context)?;
        Ok((tokenizer, Usage { format, prompt, begin, end, chat: None, targets: Vec::new() }))
    }
}
