//! What can be done to a rationale: pure functions from text to text.
//!
//! | operation | keeps | loses |
//! |---|---|---|
//! | [`Mask`] | the order of what stays | a share of the units, at random |
//! | [`Shuffle`] | every unit | their order |
//! | [`Truncate`] | the beginning | the end |
//! | [`KeepTop`] | the tokens that matter most to the label, in order | all others |
//!
//! A unit is a word, a sentence (both as [`words`](crate::text::words) says) or a token of a student's tokenizer.
//!
//! # Chance
//!
//! What is random is drawn for each rationale by itself, out of the seed, the operation's place among the steps, the
//! question's identifier and the sample number. So adding, removing or reordering rationales moves no other one, and
//! the units masked at a small fraction are among those masked at a larger one.

mod keep_top;
mod mask;
mod shuffle;
#[cfg(test)]
mod tests;
mod truncate;
mod units;

pub use keep_top::{KeepTop, Subwords};
pub use mask::{MASK, Mask};
pub use shuffle::Shuffle;
pub use truncate::Truncate;

use super::tokenizer::{Tokenizer, TokenizerError};
use crate::artifact::{Attribution, Rationale};
use crate::fingerprint::{ContentHash, Draw, Term};

/// What an operation takes as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A word without the punctuation around it.
    Word,
    /// A token of a tokenizer.
    Token,
    /// A sentence with its punctuation.
    Sentence,
}

impl ContentHash for Level {
    fn term(&self) -> Term {
        let name = match self {
            Self::Word => "word",
            Self::Token => "token",
            Self::Sentence => "sentence",
        };
        Term::variant(name, Term::None)
    }
}

/// One step of a transform.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Masks or deletes a share of the units.
    Mask(Mask),
    /// Puts the units in random order.
    Shuffle(Shuffle),
    /// Cuts the text off after some units.
    Truncate(Truncate),
    /// Keeps the tokens with the highest scores.
    KeepTop(KeepTop),
}

impl ContentHash for Operation {
    fn term(&self) -> Term {
        match self {
            Self::Mask(mask) => Term::variant("mask", mask.term()),
            Self::Shuffle(shuffle) => Term::variant("shuffle", shuffle.term()),
            Self::Truncate(truncate) => Term::variant("truncate", truncate.term()),
            Self::KeepTop(keep_top) => Term::variant("keep_top", keep_top.term()),
        }
    }
}

/// What an operation works with beside the rationale.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The seed of the transform.
    pub seed: u64,
    /// The operation's place among the steps, from 0.
    pub index: usize,
    /// The tokenizer that makes tokens, where one is at hand.
    pub tokenizer: Option<&'a Tokenizer>,
    /// The scores of this rationale's tokens, where they are at hand.
    pub attribution: Option<&'a Attribution>,
}

/// An operation that cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// The level is `token`, and there is no tokenizer.
    #[error(
        "cannot find the tokens of the rationale of `{id}`: no tokenizer is given; name one, or use the level `word`"
    )]
    NoTokenizer {
        /// The question's identifier.
        id: String,
    },
    /// The tokenizer refuses the text.
    #[error("cannot find the tokens of the rationale of `{id}`")]
    Tokenizer {
        /// The question's identifier.
        id: String,
        /// What the tokenizer said.
        #[source]
        source: TokenizerError,
    },
    /// There are no scores for the rationale.
    #[error("cannot keep the top tokens of the rationale of `{id}`, sample {sample}: it has no attribution")]
    NoAttribution {
        /// The question's identifier.
        id: String,
        /// The sample number.
        sample: u32,
    },
    /// The scores were made for another text.
    #[error(
        "cannot keep the top tokens of the rationale of `{id}`, sample {sample}: its attribution was made for another \
         text; attribute the rationale that is transformed here"
    )]
    OtherText {
        /// The question's identifier.
        id: String,
        /// The sample number.
        sample: u32,
    },
    /// A score stands at a place that the text does not have.
    #[error(
        "cannot keep the top tokens of the rationale of `{id}`: it has no characters at the bytes {start} to {end}"
    )]
    Span {
        /// The question's identifier.
        id: String,
        /// The first byte.
        start: usize,
        /// The byte after the last.
        end: usize,
    },
}

impl Operation {
    /// Returns the operation's name, as a pipeline writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mask(_) => "mask",
            Self::Shuffle(_) => "shuffle",
            Self::Truncate(_) => "truncate",
            Self::KeepTop(_) => "keep_top",
        }
    }

    /// Says whether the operation cannot be done without a tokenizer.
    pub fn needs_tokenizer(&self) -> bool {
        match self {
            Self::Mask(Mask { level, .. })
            | Self::Shuffle(Shuffle { level })
            | Self::Truncate(Truncate { level, .. }) => *level == Level::Token,
            Self::KeepTop(_) => false,
        }
    }

    /// Does the operation to one rationale; all but its text stays.
    pub fn apply(&self, rationale: &Rationale, step: &Step<'_>) -> Result<Rationale, OperationError> {
        let Rationale { id, sample, text, .. } = rationale;
        let units = |level| units::units(rationale, level, step.tokenizer);
        let labels = [self.name(), &step.index.to_string(), id, &sample.to_string()];
        let mut draw = Draw::new(step.seed, &labels);
        let text = match self {
            Self::Mask(mask) => mask.apply(text, &units(mask.level)?, &mut draw),
            Self::Shuffle(shuffle) => shuffle.apply(text, &units(shuffle.level)?, &mut draw),
            Self::Truncate(truncate) => truncate.apply(text, &units(truncate.level)?),
            Self::KeepTop(keep_top) => keep_top.apply(rationale, step.attribution)?,
        };
        Ok(Rationale { text, kept: None, ..rationale.clone() })
    }
}
