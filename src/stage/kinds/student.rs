//! What is trained: a model described from scratch, or a directory in Hugging Face's layout.

use serde_json::Value as Json;

use crate::artifact::TokenizerFile;
use crate::fingerprint::{ContentHash, Term};
use std::io::Cursor;

use crate::model::{Architecture, Config, Model, Size, WeightsFile};
use crate::source::Node;
use crate::stage::params::{Count, External, ExternalShape, FromNode, Input, Scope};
use crate::stage::{Context, StageError};
use crate::text::tokenizer::Tokenizer;

crate::words!(Architecture { Gpt2 = "gpt2", Phi = "phi", Gemma = "gemma", Llama = "llama", Mistral = "mistral" });

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
        /// Heads of keys and values, which divide `heads`; without it one for all in Gemma, one for each elsewhere.
        pub kv_heads: Option<Count>,
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
            Self::New(new) => {
                let NewStudent { architecture, layers, width, heads, kv_heads, context: positions, tokenizer } = new;
                for (field, whole, part) in [("width", width, heads), ("heads", heads, &kv_heads.unwrap_or(*heads))] {
                    if whole.get() % part.get() != 0 {
                        let other = if field == "width" { "heads" } else { "kv_heads" };
                        let why = format!("`{field}` {} is no multiple of `{other}` {}", whole.get(), part.get());
                        return Err(StageError::data(why));
                    }
                }
                let mut tokenizer =
                    Tokenizer::from_json(&context.read(tokenizer)?.json).map_err(|error| data(&error))?;
                prepare(&mut tokenizer)?;
                let size = Size {
                    vocab_size: tokenizer.size(),
                    context: positions.get(),
                    d_model: width.get(),
                    layers: layers.get(),
                    heads: heads.get(),
                    kv_heads: kv_heads.map(Count::get),
                };
                Ok((Model::init(Config::new(*architecture, size), seed, device), tokenizer))
            }
            Self::Path(ModelDirectory(files)) => {
                let file = |name: &str| context.file_named(files, name);
                let mut tokenizer = Tokenizer::from_json(&file("tokenizer.json")?).map_err(|error| data(&error))?;
                prepare(&mut tokenizer)?;
                let place = context.path_of(files);
                let config = Config::from_json(&file("config.json")?, &format!("{place}/config.json"))
                    .map_err(|error| data(&error))?;
                let weights = file("model.safetensors")?;
                let file = WeightsFile::new(format!("{place}/model.safetensors"), Cursor::new(weights));
                let model =
                    Model::from_files(&config, vec![file], tokenizer.size(), device).map_err(|error| data(&error))?;
                Ok((model, tokenizer))
            }
        }
    }
}
