//! The kinds of stage, one file each, and what several of them share: how a student's sequences are put together
//! (`sequence`) and what these begin and end with (`bounds`), what it is trained on (`examples`, `weights`) and how (`recipe`), how its tokens are scored (`scorer`) how
//! a question is put to it (`ask`) and how likely it holds each choice (`choices`).

pub mod agreement;
mod ask;
pub mod attribute;
pub mod bounds;
mod choices;
pub mod dataset;
pub mod elicit;
pub mod evaluate;
pub mod examples;
mod footprint;
mod keeping;
pub mod lens;
pub mod missing;
mod noting;
mod pace;
pub mod recipe;
pub mod report;
mod saving;
pub mod scorer;
mod sequence;
mod silence;
pub mod student;
pub mod subset;
pub mod table;
pub mod tokenizer;
pub mod train;
pub mod transform;
pub mod tuned_lens;
pub mod weights;

pub use agreement::Agreement;
pub use dataset::Dataset;
pub use elicit::Elicit;
pub use evaluate::Evaluate;
pub use lens::Lens;
pub use report::Report;
pub use scorer::Attribute;
pub use tokenizer::Tokenizer;
pub use train::Train;
pub use transform::Transform;
pub use tuned_lens::TunedLens;
