//! The kinds of stage, one file each, and what several of them share: how a student's sequences are put together
//! (`sequence`) and how a question is put to it (`ask`).

mod ask;
mod attribute;
mod dataset;
mod elicit;
mod evaluate;
mod report;
mod sequence;
mod student;
mod tokenizer;
mod train;
mod transform;

pub use attribute::Attribute;
pub use dataset::Dataset;
pub use elicit::Elicit;
pub use evaluate::Evaluate;
pub use report::Report;
pub use tokenizer::Tokenizer;
pub use train::Train;
pub use transform::Transform;
