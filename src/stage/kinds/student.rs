//! What is trained: a model described from scratch, or a directory in Hugging Face's layout.

use serde_json::Value as Json;

use crate::artifact::TokenizerFile;
use crate::fingerprint::{ContentHash, Term};
use crate::model::{Config, Gpt2Config, Model};
use crate::source::Node;
use crate::stage::params::{Count, External, ExternalShape, FromNode, Input, Scope};
use crate::stage::{Context, StageError};
use crate::text::tokenizer::Tokenizer;

/// The architectures that can be started from scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// GPT-2: learned positions, layer norm before each block, GELU.
    Gpt2,
}

crate::words!(Architecture { Gpt2 = "gpt2" });

crate::params! {
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
        /// The most tokens of a sequence.
        pub context: Count = Count::of(256),
        /// The stage that makes its tokenizer.
        pub tokenizer: Input<TokenizerFile>,
    }
}

/// A directory with `config.json`, `tokenizer.json` and `model*.safetensors`.
#[derive(Debug, Clone)]
pub struct ModelDirectory(External);

/// The files of a model directory that decide what it is.
const MODEL_FILES: &[&str] = &["config.json", "tokenizer.json", "model.safetensors"];

impl FromNode for ModelDirectory {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        External::read(node, scope, ExternalShape::Directory(MODEL_FILES)).map(Self)
    }

    fn schema() -> Json {
        External::schema()
    }
}

impl ContentHash for ModelDirectory {
    fn term(&self) -> Term {
        self.0.term()
    }
}

crate::variants! {
    /// What is trained.
    pub enum Student {
        /// A student initialised at random.
        New(NewStudent) = "new",
        /// A directory in Hugging Face's layout.
        Path(ModelDirectory) = "path",
    }
}

impl Student {
    /// Loads or initialises the model and its tokenizer, once `prepare` has added to the tokenizer what it must know.
    pub(super) fn load(
        &self,
        context: &Context<'_>,
        seed: u64,
        prepare: impl FnOnce(&mut Tokenizer) -> Result<(), StageError>,
    ) -> Result<(Model, Tokenizer), StageError> {
        let device = context.device()?;
        let data = |error: &dyn std::fmt::Display| StageError::data(error.to_string());
        match self {
            Self::New(NewStudent {
                architecture: Architecture::Gpt2,
                layers,
                width,
                heads,
                context: positions,
                tokenizer,
            }) => {
                if width.get() % heads.get() != 0 {
                    let why = format!("`width` {} is no multiple of `heads` {}", width.get(), heads.get());
                    return Err(StageError::data(why));
                }
                let mut tokenizer =
                    Tokenizer::from_json(&context.read(tokenizer)?.json).map_err(|error| data(&error))?;
                prepare(&mut tokenizer)?;
                let shape = Gpt2Config::new(tokenizer.size(), positions.get(), width.get(), layers.get(), heads.get());
                Ok((Model::init(Config::Gpt2(shape), seed, device), tokenizer))
            }
            Self::Path(ModelDirectory(files)) => {
                let file = |name: &str| context.file_named(files, name);
                let mut tokenizer = Tokenizer::from_json(&file("tokenizer.json")?).map_err(|error| data(&error))?;
                prepare(&mut tokenizer)?;
                let place = context.path_of(files);
                let config = Config::from_json(&file("config.json")?, &format!("{place}/config.json"))
                    .map_err(|error| data(&error))?;
                if tokenizer.size() > config.vocab_size() {
                    let why = format!(
                        "the tokenizer of `{place}` has {} tokens with the marker, and its model has room for {}: \
                         use `marker_as: text`",
                        tokenizer.size(),
                        config.vocab_size()
                    );
                    return Err(StageError::data(why));
                }
                let weights = format!("{place}/model.safetensors");
                let model = Model::from_bytes(config, &file("model.safetensors")?, &weights, device)
                    .map_err(|error| data(&error))?;
                Ok((model, tokenizer))
            }
        }
    }
}
