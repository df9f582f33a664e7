//! What happens to words before and after a student sees them: pure functions over text and token ids.
//!
//! | module | from | to |
//! |---|---|---|
//! | [`dataset`] | bytes, or a seed | questions and rationales |
//! | [`prompt`] | a question and a template | what a student or a teacher is asked |
//! | [`target`] | a label and a rationale | what a student is taught to write, and the label out of what it wrote |
//! | [`tokenizer`] | text | token ids with their places, and back |
//! | [`words`] | text | the places of words and sentences |
//! | [`selection`] | a text and places in it | the words that are selected, and those that two selections share |
//! | [`operation`] | a rationale | a rationale with less, or other, information in it |
//!
//! There is no I/O here, no tensor and no path, and no state: equal arguments give equal results, on every machine and
//! with any number of threads.

pub mod dataset;
mod fraction;
pub mod operation;
pub mod prompt;
pub mod selection;
pub mod target;
pub mod tokenizer;
pub mod words;

pub use fraction::{Fraction, FractionError};
