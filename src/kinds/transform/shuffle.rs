//! `shuffle`: a rationale in random order.

use super::{Materials, Needs, Operation};
use retort_artifact::Rationale;
use retort_stage::StageError;
use retort_text::operation::{Level, shuffled};

retort_stage::params! {
    /// Puts the rationale in random order. Punctuation around words stays where it is; tokens are written one space apart.
    pub struct Shuffle {
        /// What changes places: each `word`, `token` or `sentence`.
        pub level: Level = Level::Word,
    }
}

impl Operation for Shuffle {
    const NAME: &'static str = "shuffle";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Puts the rationale in random order.";

    fn needs(&self) -> Needs {
        Needs { tokenizer: self.level == Level::Token, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let shuffled = |row: Rationale| {
            let text = shuffled(&row.text, &materials.units(&row, self.level)?, self.level, &mut materials.draw(&row));
            // In another order it is the same selection.
            Ok(Rationale { text, ..row })
        };
        rows.into_iter().map(shuffled).collect()
    }
}
