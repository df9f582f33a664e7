//! From a file a person wrote to an experiment whose every instance is known.
//!
//! [`read()`] goes through these steps, and reports the errors of all of them together:
//!
//! 1. `document`: the file and those it includes, section by section, as they were written;
//! 2. `fragment`: every `use` replaced by what it names;
//! 3. `axis`, `written`, `derive`: axes and their values, stages with their kind, definitions repeated from other stages;
//! 4. `bind`: each stage read once for each choice of values of the axes it mentions itself;
//! 5. `order`: stages in the order of their references, or a cycle;
//! 6. `expand`, `join`: each stage joined with the instances of what it refers to, on the axes they share.
//!
//! **An axis multiplies only the stages that mention it**, in a placeholder or under `over`, and those that refer to
//! such stages. A field of type `Input` multiplies, one of type `Gather` takes all instances at once.
//!
//! The room does no I/O: files come through a [`Loader`]. It knows no kind by name: they come in a [`Language`].

mod axis;
mod axis_value;
mod bind;
mod derive;
mod document;
mod expand;
mod experiment;
mod filter;
mod fragment;
mod join;
mod limit;
mod name;
mod named;
mod order;
mod placeholder;
mod read;
mod schema;
mod setting;
mod table;
#[cfg(test)]
mod tests;
mod written;

use std::io;
use std::path::Path;

pub use experiment::{Coordinate, Experiment, Instance, InstanceId, InstanceName, StageDecl, StageId};
pub use read::read;
pub use schema::schema;

use retort_stage::{Derivation, Kind};

/// Reads a file; it should stop one byte after [`MAX_BYTES`](retort_source::MAX_BYTES), which is refused anyway.
pub type Loader<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// The words that stages bring into the language.
#[derive(Debug, Clone, Copy)]
pub struct Language {
    /// The kinds of stage.
    pub kinds: &'static [Kind],
    /// The kinds that repeat the definition of another.
    pub derivations: &'static [Derivation],
}

/// The most instances an experiment may have.
pub const MAX_INSTANCES: usize = 250_000;

/// How many errors are reported, the rest being counted.
const MAX_ERRORS: usize = 100;
