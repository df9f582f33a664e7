//! What happens to words before and after a student sees them: pure functions over text and token ids.
//!
//! | module | from | to |
//! |---|---|---|
//! | [`answer`] | an answer as it is written | the answer, and whether it is the same as another |
//! | [`dataset`] | bytes, or a seed | questions and rationales |
//! | [`prompt`] | a question and a template | what a student is asked |
//! | [`attributes`] | a template | what it takes of choices and further fields |
//! | [`conversation`] | a question, worked examples and a template | what a teacher is asked |
//! | [`chat_template`] | a conversation and a model's template | the text that the model goes on from |
//! | [`turn`] | a question, an answer and a model's template | what a student is asked, and what it is taught to say |
//! | [`statement`] | what a teacher wrote | the answer it states |
//! | [`thoughts`] | what a teacher wrote | what it thought, and what it said |
//! | [`target`] | an answer and a rationale | what a student is taught to write, and the answer out of what it wrote |
//! | [`extract`] | free text | the answer that patterns find in it, or a lenient reader |
//! | [`tokenizer`] | text | token ids with their places, and back |
//! | [`words`] | text | the places of words and sentences |
//! | [`steps`] | text | the places of steps and paragraphs |
//! | [`emphasis`](fn@emphasis) | scores of a text's tokens | how much each token counts |
//! | [`selection`] | a text and places in it | the words that are selected, and those that two selections share |
//! | [`operation`] | a rationale | a rationale with less, or other, information in it |
//! | [`annotation`] | bytes | which words of a rationale people marked |
//! | [`vectors`] | bytes, mapped from a file or not | the words nearest to a word |
//!
//! There is no I/O here, no tensor and no path, and no state: equal arguments give equal results, on every machine and
//! with any number of threads.

pub mod annotation;
pub mod answer;
pub mod attributes;
mod chat_dialect;
pub mod chat_template;
pub mod conversation;
pub mod dataset;
mod emphasis;
pub mod extract;
mod fraction;
mod frame;
pub mod operation;
pub mod prompt;
pub mod selection;
pub mod statement;
pub mod steps;
pub mod target;
pub mod thoughts;
pub mod tokenizer;
pub mod turn;
pub mod vectors;
pub mod words;

pub use emphasis::{EmphasisError, emphasis};
pub use fraction::{Fraction, FractionError};
