//! The kinds of stage, one file each, the catalog of them, and what several of them share: how a student's sequences are put together
//! (`sequence`) and what these begin and end with (`bounds`), what it is trained on (`examples`, `weights`) and how (`recipe`), how its tokens are scored (`scorer`) how
//! a question is put to it (`ask`) and how likely it holds each choice (`choices`).

pub mod agreement;
mod ask;
pub mod attribute;
pub mod bounds;
mod catalog;
mod choices;
pub mod chosen;
pub mod dataset;
pub mod elicit;
pub mod evaluate;
pub mod examples;
mod failed;
mod footprint;
mod hooks;
mod keeping;
pub mod labels;
pub mod lens;
mod list;
pub mod method;
pub mod missing;
mod pace;
pub mod posed;
pub mod recipe;
mod registry;
pub mod report;
mod revised;
mod saving;
pub mod scorer;
mod sequence;
mod silence;
pub mod student;
pub mod subset;
pub mod token_scores;
pub mod tokenizer;
pub mod train;
mod train_words;
pub mod transform;
pub mod tuned_lens;
pub mod weights;

pub use agreement::Agreement;
pub use dataset::Dataset;
pub use elicit::Elicit;
pub use evaluate::Evaluate;
pub use failed::device_failed;
pub use lens::Lens;
pub use list::kinds;
pub use registry::{Registry, RegistryError, Revised, revisions};
pub use report::Report;
pub use token_scores::TokenScores;
pub use tokenizer::Tokenizer;
pub use train::Train;
pub use transform::Transform;
pub use tuned_lens::TunedLens;
