//! What can be done to the text of a rationale: pure functions over a text and the places of its units.
//!
//! | function | keeps | loses |
//! |---|---|---|
//! | [`masked`] | the order of what stays | the units that are masked |
//! | [`shuffled`] | every unit | their order |
//! | [`truncated`] | the beginning | the end |
//! | [`highest`] | the units that score highest, in order | all others |
//! | [`written`] | a selection, in the order of the text | everything else |
//! | [`Giveaways::strip`] | the sentences that leave the answer open | those that give it away |
//! | [`strip_stated`] | the same, of an answer without letters | those that state it |
//!
//! A unit is a word, a sentence (both as [`words`](crate::words) says) or a token of a student's tokenizer. The
//! steps of a `transform` stage are made of these functions; each step has a file of its own beside that stage.

mod giveaway;
mod mask;
mod select;
mod shuffle;
mod stated;
#[cfg(test)]
mod tests;
mod truncate;
mod units;

pub use giveaway::Giveaways;
pub use mask::{MASK, listed, masked};
pub use select::{Subwords, apart, highest, written};
pub use shuffle::shuffled;
pub use stated::strip_stated;
pub use truncate::truncated;
pub use units::{UnitsError, units};

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

retort_fingerprint::words!(Level { Word = "word", Token = "token", Sentence = "sentence" });
