//! Why a model cannot be made, used or trained.

use std::io;
use std::path::PathBuf;

use super::archive::WeightsError;
use super::device::DeviceError;
use super::saved::StateError;
use retort_hub::FolderError;

/// Why a `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The bytes are not a JSON object.
    #[error("cannot read the model configuration `{file}`: {source}")]
    Json {
        /// The file.
        file: String,
        /// What the JSON parser found.
        source: serde_json::Error,
    },
    /// The architecture is not one of [`Architecture::ALL`](crate::Architecture::ALL).
    #[error("cannot use the model of `{file}`: its `model_type` is `{found}`{missing}, supported are {known}")]
    UnknownArchitecture {
        /// The file.
        file: String,
        /// The `model_type` it names.
        found: String,
        /// What it has that is missing here, in parentheses, or nothing.
        missing: String,
        /// Those that are supported.
        known: String,
    },
    /// A field is missing or has a value that the architecture cannot have.
    #[error("cannot use the model configuration `{file}`: `{field}` {problem}")]
    Field {
        /// The file.
        file: String,
        /// The key in the JSON object.
        field: String,
        /// What is wrong with its value.
        problem: String,
    },
}

/// Why a model cannot be loaded, used or written.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The configuration is of no use.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights are of no use.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// There are no weights, or not all of them.
    #[error("cannot load the model of `{}`: {source}", .directory.display())]
    Folder {
        /// The directory.
        directory: PathBuf,
        /// What is missing.
        source: FolderError,
    },
    /// The weights are more than this process can have the memory for.
    #[error("the model's weights take {} GiB of memory, which this machine does not have", bytes >> 30)]
    TooLarge {
        /// What they take.
        bytes: u128,
    },
    /// The configuration has blocks that the files cannot hold.
    #[error("the configuration has {layers} blocks, and the weights are {tensors} tensors: they are not of one model")]
    Blocks {
        /// The blocks of the configuration.
        layers: usize,
        /// The tensors of the files.
        tensors: usize,
    },
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A sequence of tokens that the model cannot take.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// Logits that are no numbers.
    #[error(
        "the model's logits behind sequence {sequence} are NaN or infinite, as with damaged weights or after a training that \
         diverged"
    )]
    Logits {
        /// Its index.
        sequence: usize,
    },
}

/// Why a model cannot take a sequence of tokens.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SequenceError {
    /// There is nothing in it.
    #[error("cannot run sequence {sequence}: it is empty")]
    Empty {
        /// Its index.
        sequence: usize,
    },
    /// It is longer than the model's context.
    #[error("cannot run sequence {sequence}: its {tokens} tokens are more than the model's {context} positions")]
    TooLong {
        /// Its index.
        sequence: usize,
        /// Its length.
        tokens: usize,
        /// The largest length.
        context: usize,
    },
    /// A token is not in the vocabulary.
    #[error("cannot run sequence {sequence}: token {token} is not below the vocabulary's size {vocab}")]
    UnknownToken {
        /// Its index.
        sequence: usize,
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
}

/// A setting that makes no sense.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
#[error("cannot train with `{field}` = {value}: it must be {wanted}")]
pub struct RecipeError {
    /// The setting.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What it must be.
    pub wanted: String,
}

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// A setting makes no sense.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// There is nothing to learn from.
    #[error("cannot train: there are no examples")]
    NoExamples,
    /// An example that the model cannot take.
    #[error("cannot train on the examples: {0}")]
    Example(#[from] SequenceError),
    /// An example without a token that carries loss.
    #[error("cannot train on example {example}: none of its {tokens} tokens carries loss")]
    NoTarget {
        /// Its index.
        example: usize,
        /// Its length.
        tokens: usize,
    },
    /// Weights that do not fit the tokens.
    #[error("cannot train on example {example}: it has weights for {weights} of its {tokens} tokens")]
    Weights {
        /// Its index.
        example: usize,
        /// How many there are.
        weights: usize,
        /// Its length.
        tokens: usize,
    },
    /// A weight that is none.
    #[error("cannot train on example {example}: a token weighs {weight}, expected a number of at least 0")]
    Weight {
        /// Its index.
        example: usize,
        /// The weight.
        weight: f32,
    },
    /// An example whose task has a weight that is not above 0.
    #[error("cannot train on example {example}: its task weighs {weight}, which is not above 0")]
    TaskWeight {
        /// Its index.
        example: usize,
        /// The weight.
        weight: f64,
    },
    /// An example without a task beside others that have one.
    #[error("cannot train on example {example}: it teaches no task, and others do")]
    NoTask {
        /// Its index.
        example: usize,
    },
    /// An example all of whose targets weigh nothing, at the beginning or at the end.
    #[error("cannot train on example {example}: in some step none of its tokens that carry loss weighs anything")]
    Weightless {
        /// Its index.
        example: usize,
    },
    /// An example without a teacher's distributions for its tokens.
    #[error(
        "cannot train on example {example}: its teacher speaks of {positions} of the {wanted} tokens that carry loss"
    )]
    Untaught {
        /// Its index.
        example: usize,
        /// The positions that the teacher speaks of.
        positions: usize,
        /// The tokens that carry loss.
        wanted: usize,
    },
    /// A teacher's distributions that do not go with the others, or are of another vocabulary.
    #[error(
        "cannot train on example {example}: its teacher's distributions have another number of tokens than those of the first \
         example, or a token that is not below the vocabulary's size {vocab}"
    )]
    Lesson {
        /// Its index.
        example: usize,
        /// Size of the student's vocabulary.
        vocab: usize,
    },
    /// The loss is no longer a number.
    #[error("training diverged: the loss of step {step} is {loss}; try a lower `lr` or a lower `max_grad_norm`")]
    Diverged {
        /// The step.
        step: u64,
        /// The loss.
        loss: f64,
    },
    /// A hook asked to stop; the state was saved.
    #[error("training was stopped after step {step}")]
    Stopped {
        /// Steps done.
        step: u64,
    },
    /// The state could not be saved.
    #[error("cannot save the state of training: {0}")]
    Save(io::Error),
    /// A saved state cannot be resumed from.
    #[error(transparent)]
    State(#[from] StateError),
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}
