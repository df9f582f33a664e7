//! What can be asked of an attribution, and why it cannot be answered.

use crate::error::ModelError;
use crate::student::Model;

/// A token after a sequence, and the tokens of it whose scores are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The sequence.
    pub ids: &'a [u32],
    /// The index of the token after which the target stands.
    pub position: usize,
    /// The target; attention roll-out does not look at it.
    pub target: u32,
    /// The indices of the tokens that are scored.
    pub scored: &'a [usize],
}

/// Why a model cannot take a request: the end of a sentence about the request.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unfit {
    /// The sequence is longer than the model's context.
    #[error("its {tokens} tokens are more than the model's {context} positions")]
    TooLong {
        /// Its length.
        tokens: usize,
        /// The largest length.
        context: usize,
    },
    /// A position is not in the sequence.
    #[error("position {position} is not in it: it has {tokens} tokens")]
    Position {
        /// The position.
        position: usize,
        /// Length of the sequence.
        tokens: usize,
    },
    /// A token of the sequence, or the target, is not in the vocabulary.
    #[error("its token {token} is not below the vocabulary's size {vocab}")]
    UnknownToken {
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
}

/// Why nothing can be attributed.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    /// The model cannot take a request.
    #[error("cannot attribute sequence {request}: {why}")]
    Request {
        /// The index of the request.
        request: usize,
        /// What is wrong with it.
        why: Unfit,
    },
    /// The baseline is not in the vocabulary.
    #[error("cannot attribute against the baseline of token {token}: it is not below the vocabulary's size {vocab}")]
    UnknownBaseline {
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// There are no steps.
    #[error("cannot attribute in 0 steps: at least 1 is needed")]
    NoSteps,
    /// The device failed.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl Request<'_> {
    /// Says whether a model can take the request.
    pub fn check(&self, model: &Model) -> Result<(), Unfit> {
        let Self { ids, position, target, scored } = self;
        let (tokens, context, vocab) = (ids.len(), model.config().context(), model.config().vocab_size());
        if tokens > context {
            return Err(Unfit::TooLong { tokens, context });
        }
        if let Some(&position) = [position].into_iter().chain(*scored).find(|&&position| position >= tokens) {
            return Err(Unfit::Position { position, tokens });
        }
        match ids.iter().chain([target]).find(|&&token| token as usize >= vocab) {
            Some(&token) => Err(Unfit::UnknownToken { token, vocab }),
            None => Ok(()),
        }
    }
}
