//! What is trained: a model described from scratch, or one in Hugging Face's layout, by path or from the hub.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::failed::model_failed;
use retort_artifact::TokenizerFile;
use retort_fingerprint::{ContentHash, Digest, Term};
use retort_hub::{CHAT_TEMPLATE, CONFIG, HubModel, TOKENIZER, TOKENIZER_CONFIG, is_weights};
use retort_model::{Architecture, Config, Device, Model, Size, WeightsFile};
use retort_source::Node;
use retort_stage::params::{Count, External, FromNode, Input, Later, Scope, tagged};
use retort_stage::{Context, StageError, foreign};
use retort_text::chat_template::{ChatTemplate, Day};
use retort_text::tokenizer::Tokenizer;

use super::bounds::{NEW_END, OwnEnd};
use super::sequence::data;

retort_stage::params! {
    /// A student initialised at random.
    pub struct NewStudent {
        /// The architecture.
        pub architecture: Architecture = Architecture::Gpt2,
        /// Blocks.
        pub layers: Count,
        /// The width of the residual stream, a multiple of `heads`.
        pub width: Count,
        /// Attention heads.
        pub heads: Count,
        /// Heads of keys and values, which divide `heads`; without it one for all in Gemma, one for each elsewhere.
        pub kv_heads: Option<Count>,
        /// The most tokens of a sequence.
        pub context: Count = Count::of(256),
        /// The stage that makes its tokenizer.
        pub tokenizer: Input<TokenizerFile>,
        /// The file of its chat template, in Jinja, for `prompt: chat`. Tokens that the template names and that are to be one
        /// token each are named in `add_tokens` as well.
        pub chat_template: Later<External>,
    }
}

/// A model in Hugging Face's layout: `config.json`, `tokenizer.json` and safetensors, whole or in shards; and, where they are
/// there, `generation_config.json` and `tokenizer_config.json`, which say how its sequences end.
#[derive(Debug, Clone)]
pub struct ModelDirectory(External);

impl ModelDirectory {
    /// Returns the files of weights, in the order of their names, each with its place and digest.
    pub(super) fn weights<'a>(&self, context: &Context<'a>) -> Vec<&'a (String, PathBuf, Digest)> {
        context.files_of(&self.0).iter().filter(|(name, ..)| is_weights(name)).collect()
    }
}

/// What is trained.
#[derive(Debug, Clone)]
pub enum Student {
    /// A student initialised at random: `new: {…}`.
    New(NewStudent),
    /// A directory, by its `path`, or the snapshot of a model on the `hub`.
    Directory(ModelDirectory),
}

impl FromNode for Student {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        // A model on the hub has its revision beside it, so its mapping is read whole.
        if let Some(name) = node.get("hub") {
            let model = HubModel::from_node(node, scope)?;
            let files = scope.within("path", |scope| External::hub(model, name.span, scope));
            return Some(Self::Directory(ModelDirectory(files)));
        }
        let (form, body) = tagged(node, &["new", "path", "hub"], scope)?;
        scope.within(form, |scope| match form {
            "new" => NewStudent::from_node(body, scope).map(Self::New),
            _ => External::model_folder(body, scope).map(|files| Self::Directory(ModelDirectory(files))),
        })
    }

    fn schema() -> Json {
        let form = |name: &str, about: &str, body: Json| {
            json!({
                "type": "object", "description": about,
                "properties": { name: body }, "required": [name], "additionalProperties": false,
            })
        };
        let about = "A directory with `config.json`, `tokenizer.json` and `model.safetensors`, or \
                     `model.safetensors.index.json` with the files it names.";
        json!({
            "description": "What is trained.",
            "oneOf": [
                form("new", "A student initialised at random.", NewStudent::schema()),
                form("path", about, External::schema()),
                HubModel::schema(),
            ],
        })
    }
}

impl ContentHash for Student {
    fn term(&self) -> Term {
        match self {
            Self::New(student) => Term::variant("new", student.term()),
            // The same files are the same student, whether a path or the hub leads to them.
            Self::Directory(ModelDirectory(files)) => Term::variant("path", files.term()),
        }
    }
}

/// A student's tokenizer as it comes, and the token that the student itself ends a sequence with.
pub(super) struct Speech {
    pub(super) tokenizer: Tokenizer,
    pub(super) own_end: OwnEnd,
}

impl Student {
    /// Returns the files of a model that is there: name, place and digest.
    pub(super) fn files<'a>(&self, context: &Context<'a>) -> &'a [(String, PathBuf, Digest)] {
        match self {
            Self::New(_) => &[],
            Self::Directory(directory) => context.files_of(&directory.0),
        }
    }

    /// Checks what can be known before anything is loaded, and returns the tokenizer of a model that is there; `None` for
    /// one that starts at random, whose tokenizer has yet to be made.
    pub(super) fn look(&self, context: &Context<'_>) -> Result<Option<Speech>, StageError> {
        match self {
            Self::New(new) => new.check().map(|()| None),
            Self::Directory(directory) => {
                let speech = self.speech(context)?;
                let refuse = |(_, path, _): &(String, PathBuf, Digest)| foreign::refuse(path);
                directory.weights(context).into_iter().try_for_each(refuse).map_err(data)?;
                Ok(Some(speech))
            }
        }
    }

    /// Names what is trained by its content.
    pub(super) fn seen(&self, context: &Context<'_>) -> String {
        match self {
            Self::New(new) => {
                let template = new.chat_template.get().map(|file| context.seen(file));
                format!("{new:?} {template:?}")
            }
            Self::Directory(directory) => context.seen(&directory.0),
        }
    }

    /// Reads the tokenizer, and checks that it is of this model.
    pub(super) fn speech(&self, context: &Context<'_>) -> Result<Speech, StageError> {
        match self {
            Self::New(new) => {
                let tokenizer = Tokenizer::from_json(&context.read(&new.tokenizer)?.json).map_err(data)?;
                let own_end = OwnEnd::of_new(&tokenizer);
                Ok(Speech { tokenizer, own_end })
            }
            Self::Directory(ModelDirectory(files)) => {
                let place = context.path_of(files);
                let bytes = context.file_named(files, TOKENIZER)?;
                let tokenizer = Tokenizer::from_json(&bytes)
                    .map_err(|error| data(format!("cannot use `{place}/{TOKENIZER}`: {error}")))?;
                let config = Self::config(context, files)?;
                if tokenizer.size() > config.vocab_size() {
                    return Err(data(format!(
                        "the tokenizer `{place}/{TOKENIZER}` has ids up to {}, which `{}` of shape [{}, {}] has no rows \
                         for: they are not of one model",
                        tokenizer.size() - 1,
                        config.embedding(),
                        config.vocab_size(),
                        config.d_model(),
                    )));
                }
                let known = |name: &str| context.files_of(files).iter().any(|(file, ..)| file == name);
                let file = |name: &str| known(name).then(|| context.file_named(files, name)).transpose();
                let own_end = OwnEnd::of_files(&tokenizer, file)
                    .map_err(|error| data(format!("cannot use the model `{place}`: {error}")))?;
                Ok(Speech { tokenizer, own_end })
            }
        }
    }

    /// Reads the chat template of a student that is talked to.
    pub(super) fn chat_template(&self, context: &Context<'_>) -> Result<ChatTemplate, StageError> {
        match self {
            Self::New(NewStudent { chat_template, .. }) => {
                let file = chat_template.get().ok_or_else(|| {
                    data("`prompt: chat` needs a chat template, and a new student has none: name its file as `chat_template` in `new`")
                })?;
                let cannot =
                    |why: String| data(format!("cannot use the chat template `{}`: {why}", context.path_of(file)));
                let special = [("eos_token".to_owned(), Json::from(NEW_END))].into();
                let source = String::from_utf8(context.file(file)?).map_err(|_| cannot("it is not UTF-8".into()))?;
                ChatTemplate::new(&source, special, Day::DEFAULT).map_err(|error| cannot(error.to_string()))
            }
            Self::Directory(ModelDirectory(files)) => {
                let known = |name: &str| context.files_of(files).iter().any(|(file, ..)| file == name);
                let file = |name: &str| known(name).then(|| context.file_named(files, name)).transpose();
                let (jinja, setup) = (file(CHAT_TEMPLATE)?, file(TOKENIZER_CONFIG)?);
                ChatTemplate::from_files(jinja.as_deref(), setup.as_deref(), Day::DEFAULT).map_err(|error| {
                    let place = context.path_of(files);
                    data(format!("cannot use `prompt: chat` with the model `{place}`: {error}"))
                })
            }
        }
    }

    /// Returns the path of the field that is wrong of a model below a field of its stage.
    pub(super) fn wrong_field(&self, below: &str) -> String {
        match self {
            Self::New(new) => {
                new.sizes().err().map_or_else(|| below.to_owned(), |(field, _)| format!("{below}.new.{field}"))
            }
            Self::Directory(_) => below.to_owned(),
        }
    }

    /// The shape of the model; `None` where its files, or its tokenizer's stage, have not come yet.
    pub(super) fn shape(&self, context: &Context<'_>) -> Result<Option<Config>, StageError> {
        match self {
            Self::New(new) => {
                let Ok(file) = context.read(&new.tokenizer) else { return Ok(None) };
                let size = Size {
                    vocab_size: Tokenizer::from_json(&file.json).map_err(data)?.size(),
                    context: new.context.get(),
                    d_model: new.width.get(),
                    layers: new.layers.get(),
                    heads: new.heads.get(),
                    kv_heads: new.kv_heads.map(Count::get),
                };
                Ok(Some(Config::new(new.architecture, size)))
            }
            Self::Directory(ModelDirectory(files)) if context.files_of(files).is_empty() => Ok(None),
            Self::Directory(ModelDirectory(files)) => Self::config(context, files).map(Some),
        }
    }

    /// Loads or initialises the model, with a row for each token of what its tokenizer has become.
    pub(super) fn load(&self, context: &Context<'_>, seed: u64, tokenizer: &Tokenizer) -> Result<Model, StageError> {
        let device = context.device::<Device>()?;
        match self {
            Self::New(new) => {
                let NewStudent {
                    architecture,
                    layers,
                    width,
                    heads,
                    kv_heads,
                    context: positions,
                    tokenizer: _,
                    chat_template: _,
                } = new;
                new.check()?;
                let size = Size {
                    vocab_size: tokenizer.size(),
                    context: positions.get(),
                    d_model: width.get(),
                    layers: layers.get(),
                    heads: heads.get(),
                    kv_heads: kv_heads.map(Count::get),
                };
                let config = Config::new(*architecture, size);
                config.require_memory().map_err(model_failed)?;
                Ok(Model::init(config, seed, device))
            }
            Self::Directory(directory @ ModelDirectory(files)) => {
                let config = Self::config(context, files)?;
                let open = |file: &(String, PathBuf, Digest)| {
                    foreign::refuse(&file.1).map_err(data)?;
                    Ok(WeightsFile::new(file.1.display().to_string(), context.open(file)?))
                };
                let weights = directory.weights(context).into_iter().map(open).collect::<Result<_, StageError>>()?;
                Model::from_files(&config, weights, tokenizer.size(), device).map_err(model_failed)
            }
        }
    }

    fn config(context: &Context<'_>, files: &External) -> Result<Config, StageError> {
        let place = context.path_of(files);
        Config::from_json(&context.file_named(files, CONFIG)?, &format!("{place}/{CONFIG}")).map_err(data)
    }
}

impl NewStudent {
    /// Checks that the sizes go together.
    fn check(&self) -> Result<(), StageError> {
        self.sizes().map_err(|(_, why)| StageError::data(why))
    }

    /// As [`check`](Self::check), with the field to look at.
    fn sizes(&self) -> Result<(), (&'static str, String)> {
        let Self { architecture, layers: _, width, heads, kv_heads, context: _, tokenizer: _, chat_template: _ } = self;
        if kv_heads.is_some() && !architecture.shares_keys() {
            let why = format!("`{}` has keys for every head: leave out `kv_heads`", architecture.name());
            return Err(("kv_heads", why));
        }
        for (field, whole, part) in [("width", width, heads), ("heads", heads, &kv_heads.unwrap_or(*heads))] {
            if whole.get() % part.get() != 0 {
                let other = if field == "width" { "heads" } else { "kv_heads" };
                let why = format!("`{field}` {} is no multiple of `{other}` {}", whole.get(), part.get());
                return Err((other, why));
            }
        }
        let (d_model, heads) = (width.get(), heads.get());
        let size = Size { vocab_size: 1, context: 1, d_model, layers: 1, heads, kv_heads: None };
        Config::new(*architecture, size).too_narrow().map_or(Ok(()), |why| Err(("width", why)))
    }
}
