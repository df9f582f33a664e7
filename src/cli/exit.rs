//! Exit codes, and the errors that lead to them.

use std::fmt;

use super::colour::colour;
use crate::session::SessionError;
use crate::source::Style;

/// The exit codes of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Success,
    /// A stage failed; its siblings were finished.
    StageFailed,
    /// The arguments, the settings or the pipeline file are wrong; nothing was run.
    Invalid,
    /// The cache, a file or the device cannot be used.
    Unusable,
    /// A check found a difference or damage.
    Differs,
    /// What `cache verify` found: one bit for each sort, and success where it is none.
    Verified {
        /// Something does not have the bytes it should have.
        corrupt: bool,
        /// A blob that a result names is gone.
        missing: bool,
        /// A result is signed by nobody who is trusted, though that is required.
        untrusted: bool,
    },
    /// The run was stopped by a signal; what was done is kept.
    Interrupted,
}

impl Exit {
    /// Returns the number that the program ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::StageFailed => 1,
            Self::Invalid => 2,
            Self::Unusable => 3,
            Self::Differs => 4,
            Self::Verified { corrupt, missing, untrusted } => {
                4 * u8::from(corrupt) + 8 * u8::from(missing) + 16 * u8::from(untrusted)
            }
            Self::Interrupted => 130,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub(super) exit: Exit,
    /// What went wrong, complete sentences apart.
    pub(super) message: String,
    /// What to try.
    pub(super) hint: Option<String>,
}

impl Failure {
    /// Makes a failure for bad input.
    pub(super) fn invalid(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Invalid, message: message.to_string(), hint: None }
    }

    /// Makes a failure for something on this machine that cannot be used.
    pub(super) fn unusable(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Unusable, message: message.to_string(), hint: None }
    }

    /// Adds what to try.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        let style = if colour() { Style::Colour } else { Style::Plain };
        let exit = if error.is_invalid() { Exit::Invalid } else { Exit::Unusable };
        Self { exit, message: error.render(style), hint: error.hint() }
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        SessionError::from(error).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        SessionError::from(error).into()
    }
}
