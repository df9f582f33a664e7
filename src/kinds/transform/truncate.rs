//! `truncate`: the beginning of a rationale.

use super::{Materials, Needs, Operation};
use retort_artifact::Rationale;
use retort_stage::StageError;
use retort_stage::params::Count;
use retort_text::operation::{Level, truncated};

retort_stage::params! {
    /// Keeps the beginning of the rationale.
    pub struct Truncate {
        /// How much of it.
        pub keep: Count,
        /// What is counted: `word`, `token`, `sentence`, `step` or `paragraph`.
        pub level: Level = Level::Word,
    }
}

impl Operation for Truncate {
    const NAME: &'static str = "truncate";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Keeps the beginning of the rationale.";

    fn needs(&self) -> Needs {
        Needs { tokenizer: self.level == Level::Token, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        materials.each(rows, |row, _| {
            Ok(truncated(&row.text, &materials.units(row, self.level)?, self.keep.get(), self.level))
        })
    }
}
