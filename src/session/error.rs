//! Why something that was asked for was not done.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use retort_engine::EngineError;
use retort_hub::HubError;
use retort_model::DeviceError;
use retort_source::{Diagnostics, Sources, Style};
use retort_store::StoreError;

/// Why something that was asked for was not done.
///
/// [`hint`](Self::hint) says what to try. [`is_invalid`](Self::is_invalid) tells mistakes of the request (a pipeline with
/// errors, a target that matches nothing) from what cannot be used on this machine (the cache, a file, the device).
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The request is wrong: nothing like that exists, or it cannot be done.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// What to try.
        hint: Option<String>,
    },
    /// Something that is needed cannot be used, or is not there.
    #[error("{message}")]
    Unusable {
        /// What, and why.
        message: String,
        /// What to try.
        hint: Option<String>,
    },
    /// A pipeline file has errors, all of which are listed with their places.
    #[error("{0}")]
    Pipeline(Box<Faults>),
    /// A pipeline names files, models or servers that cannot be used; each is listed with its place.
    #[error("{0}")]
    Resources(Box<Faults>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A run could not go on.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A model could not be fetched.
    #[error(transparent)]
    Hub(Box<HubError>),
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A file or folder could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl SessionError {
    /// Makes an error about the request.
    pub fn invalid(message: impl fmt::Display) -> Self {
        Self::Invalid { message: message.to_string(), hint: None }
    }

    /// Makes an error about something that cannot be used.
    pub fn unusable(message: impl fmt::Display) -> Self {
        Self::Unusable { message: message.to_string(), hint: None }
    }

    /// Adds what to try. Errors of other rooms keep their own hints.
    #[must_use]
    pub fn with_hint(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Invalid { hint, .. } | Self::Unusable { hint, .. } => *hint = Some(text.into()),
            Self::Pipeline(faults) | Self::Resources(faults) => faults.hint = Some(text.into()),
            Self::Store(_) | Self::Engine(_) | Self::Hub(_) | Self::Device(_) | Self::Io(_) => {}
        }
        self
    }

    /// Says what to try, where something is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { hint, .. } | Self::Unusable { hint, .. } => hint.clone(),
            Self::Pipeline(faults) | Self::Resources(faults) => faults.hint.clone(),
            Self::Store(error) | Self::Engine(EngineError::Store { source: error, .. }) => {
                error.hint().map(str::to_owned)
            }
            Self::Hub(error) => error.hint(),
            Self::Device(error) => error.hint().map(str::to_owned),
            Self::Io(error) => match error.kind() {
                io::ErrorKind::FileTooLarge => Some("`ulimit -f` says how large a file may be".to_owned()),
                io::ErrorKind::StorageFull => Some("the disk is full".to_owned()),
                _ => None,
            },
        }
    }

    /// Says whether the request is wrong, and not something on this machine.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid { .. } | Self::Pipeline(_))
    }

    /// Writes the error for a person; errors that point into files may be coloured.
    pub fn render(&self, style: Style) -> String {
        match self {
            Self::Pipeline(faults) | Self::Resources(faults) => faults.render(style),
            other => other.to_string(),
        }
    }
}

impl From<HubError> for SessionError {
    fn from(error: HubError) -> Self {
        Self::Hub(Box::new(error))
    }
}

/// Errors that point into the files of a pipeline.
#[derive(Debug)]
pub struct Faults {
    /// The errors.
    pub diagnostics: Diagnostics,
    /// The text that they point into.
    pub sources: Arc<Sources>,
    /// What to try about all of them.
    pub hint: Option<String>,
    /// The pipeline file, where the errors are all that was found in it.
    pub(crate) counted_in: Option<PathBuf>,
}

impl Faults {
    /// Writes every error with its file, line, column and caret.
    pub fn render(&self, style: Style) -> String {
        let mut text = self.diagnostics.render(&self.sources, style);
        if let Some(file) = &self.counted_in {
            let count = self.diagnostics.len();
            let plural = if count == 1 { "error" } else { "errors" };
            text += &format!("\n\n{count} {plural} in `{}`", file.display());
        }
        text
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::Plain))
    }
}
