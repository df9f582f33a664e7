//! A new operation on rationales: one file, one line, one test.
//!
//! ```console
//! $ cargo run --release --example operation -- run examples/operation.yaml
//! $ cargo test --release --example operation
//! ```
//!
//! This program is `retort` with one more operation, `reverse`, which writes a rationale's words from the last to the first: the
//! same words, and an order that is wrong but not random. To put it into Retort itself, its part of this file becomes
//! `src/kinds/transform/reverse.rs`, and `Form::of::<Reverse>()` a line of `catalog.rs` beside it. Nothing else
//! changes: the key, the schema, the errors with line and caret, `explain` and the cache come from what is declared here.

use std::process::ExitCode;

use retort::artifact::Rationale;
use retort::kinds::transform::{Form, Materials, Operation, add_operations};
use retort::stage::StageError;
use retort::text::operation::Level;

// What a pipeline may write below `reverse`. The doc comments are what editors show.
retort::params! {
    /// Writes the rationale from its end to its beginning.
    pub struct Reverse {
        /// What changes places: each `word`, `token` or `sentence`.
        pub level: Level = Level::Word,
    }
}

impl Operation for Reverse {
    const NAME: &'static str = "reverse";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Writes the rationale from its end to its beginning.";

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        materials.each(rows, |row, _chance| {
            let units = materials.units(row, self.level)?;
            Ok(reversed(units.into_iter().map(|place| &row.text[place])))
        })
    }
}

fn reversed<'t>(units: impl DoubleEndedIterator<Item = &'t str>) -> String {
    units.rev().collect::<Vec<_>>().join(" ")
}

/// The one line.
static FURTHER: &[Form] = &[Form::of::<Reverse>()];

fn main() -> ExitCode {
    add_operations(FURTHER);
    retort::cli::main()
}

#[test]
fn the_last_comes_first() {
    assert_eq!(reversed(["Ice", "is", "smooth"].into_iter()), "smooth is Ice");
    assert_eq!(reversed([].into_iter()), "");
}
