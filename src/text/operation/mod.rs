//! What can be done to the text of a rationale: pure functions over a text and the places of its units.
//!
//! | function | keeps | loses |
//! |---|---|---|
//! | [`masked`] | the order of what stays | the units that are masked |
//! | [`shuffled`], [`partly_shuffled`] | every unit | their order, or that of some |
//! | [`reversed`] | every unit | their order |
//! | [`inserted`] | everything, in order | that nothing else stands between |
//! | [`truncated`] | the beginning | the end |
//! | [`kept`] | some units, by their place | all others |
//! | [`numbers`], [`other_number`], [`like`] | all but numbers or words | what these are |
//! | [`Replacement`] | all but what a pattern matches | that |
//! | [`highest`] | the units that score highest, in order | all others |
//! | [`written`] | a selection, in the order of the text | everything else |
//! | [`Giveaways::strip`] | the sentences that leave the answer open | those that give it away |
//! | [`strip_stated`] | the same, of an answer without letters | those that state it |
//!
//! A unit is a word, a sentence (both as [`words`](crate::words) says), a step, a paragraph (both as [`steps`](crate::steps)
//! says) or a token of a student's tokenizer. The
//! steps of a `transform` stage are made of these functions; each step has a file of its own beside that stage.

mod corrupt;
mod giveaway;
mod insert;
mod keep;
mod level;
mod list;
mod mask;
mod replace;
mod reverse;
mod select;
mod shuffle;
mod stated;
#[cfg(test)]
mod tests;
mod truncate;
mod units;

pub use corrupt::{like, numbers, other_number};
pub use giveaway::Giveaways;
pub use insert::{insertable, inserted};
pub use keep::kept;
pub use level::Level;
pub use mask::{MASK, listed, masked};
pub use replace::{Replacement, ReplacementError};
pub use reverse::reversed;
pub use select::{Subwords, apart, highest, written};
pub use shuffle::{partly_shuffled, shuffled};
pub use stated::strip_stated;
pub use truncate::truncated;
use units::attached;
pub use units::{UnitsError, exchangeable, exchanged, units};
