//! A model that is forced along sequences: what a stage made, or a directory in Hugging Face's layout.

use retort_artifact::Checkpoint;
use retort_fingerprint::{ContentHash, Digest, Term};
use retort_hub::{CONFIG, is_weights};
use retort_model::{Config, Device, Model, WeightsFile};
use retort_source::{Diagnostic, Node};
use retort_stage::params::{FromNode, Input, ModelSpec, Scope};
use retort_stage::{Context, StageError};
use retort_text::tokenizer::Tokenizer;
use serde_json::{Value as Json, json};

use super::failed::model_failed;
use super::sequence::data;
use super::student::Student;

/// A model that is there already.
#[derive(Debug, Clone)]
pub enum Speaker {
    /// What a stage made: its name.
    Stage(Input<Checkpoint>),
    /// The name of a declared model, a directory, or a model on the hub.
    Directory(Box<Student>),
}

impl FromNode for Speaker {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        if node.text().is_some_and(|name| !scope.models.contains_key(name)) {
            return Input::from_node(node, scope).map(Self::Stage);
        }
        let ModelSpec(model) = <ModelSpec<Student> as FromNode<_>>::from_node(node, scope)?;
        match model {
            Student::Directory(_) => Some(Self::Directory(Box::new(model))),
            Student::New(_) => {
                let wrong =
                    Diagnostic::at(node.span, "a teacher that starts at random has nothing to teach".to_owned());
                let hint = "train it first and name the stage, or give `path: …` or `{ hub: …, revision: … }`";
                scope.fail(wrong.label("this is a new model").hint(hint))
            }
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [Input::<Checkpoint>::schema(), Student::schema()] })
    }
}

impl ContentHash for Speaker {
    fn term(&self) -> Term {
        match self {
            Self::Stage(input) => input.term(),
            Self::Directory(model) => Term::variant("model", model.term()),
        }
    }
}

impl Speaker {
    /// The parts that are read of what a stage made.
    pub(super) const PARTS: [&'static str; 3] = ["config", "tokenizer", Checkpoint::WEIGHTS];

    /// Reads the tokenizer of a model that is there before anything runs.
    pub(super) fn look(&self, context: &Context<'_>) -> Result<Option<Tokenizer>, StageError> {
        match self {
            Self::Stage(_) => Ok(None),
            Self::Directory(model) => Ok(model.look(context)?.map(|speech| speech.tokenizer)),
        }
    }

    /// Reads the tokenizer.
    pub(super) fn tokenizer(&self, context: &Context<'_>) -> Result<Tokenizer, StageError> {
        match self {
            Self::Stage(input) => Tokenizer::from_json(&context.part(input, "tokenizer")?).map_err(data),
            Self::Directory(model) => Ok(model.speech(context)?.tokenizer),
        }
    }

    /// Reads the configuration.
    pub(super) fn config(&self, context: &Context<'_>) -> Result<Config, StageError> {
        match self {
            Self::Stage(input) => Config::from_json(&context.part(input, "config")?, CONFIG).map_err(data),
            Self::Directory(model) => model.shape(context)?.ok_or_else(|| data("the teacher's files are not there")),
        }
    }

    /// Returns what it says depends on, but for the device.
    pub(super) fn row_term(&self, context: &Context<'_>) -> Result<Term, StageError> {
        let of = |name: &str, digest: Digest| (name.to_owned().into(), Term::Digest(digest));
        Ok(Term::Record(match self {
            Self::Stage(input) => {
                let parts = context.parts(input)?.iter().filter(|(part, _)| *part != "tokenizer");
                parts.map(|(part, digest)| of(part, *digest)).collect()
            }
            Self::Directory(model) => {
                let files = model.files(context).iter();
                let read = files.filter(|(name, ..)| name == CONFIG || is_weights(name));
                read.map(|(name, _, digest)| of(name, *digest)).collect()
            }
        }))
    }

    /// Loads the model onto the device; `tokenizer` is its own.
    pub(super) fn load(&self, context: &Context<'_>, tokenizer: &Tokenizer) -> Result<Model, StageError> {
        match self {
            Self::Stage(input) => {
                let config = self.config(context)?;
                let lost = || StageError::NoPart { port: input.port.clone(), part: Checkpoint::WEIGHTS.to_owned() };
                let weights = context.parts(input)?.get(Checkpoint::WEIGHTS).ok_or_else(lost)?;
                let weights = WeightsFile::new("model.safetensors", context.open_part(weights)?);
                Model::from_files(&config, vec![weights], 0, context.device::<Device>()?).map_err(model_failed)
            }
            Self::Directory(model) => model.load(context, 0, tokenizer),
        }
    }
}
