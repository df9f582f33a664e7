//! `reverse`: a rationale from its end to its beginning.

use super::{Materials, Needs, Operation};
use retort_artifact::Rationale;
use retort_fingerprint::Words;
use retort_stage::StageError;
use retort_text::operation::{Level, reversed};

retort_stage::params! {
    /// Puts the rationale in the opposite order. Punctuation around words, and the numbers and bullets of steps, stay where
    /// they are; tokens are written one space apart.
    pub struct Reverse {
        /// What changes places: `word`, `token`, `sentence`, `step` or `paragraph`.
        pub level: Level = Level::Word,
    }
}

impl Operation for Reverse {
    const NAME: &'static str = "reverse";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Puts the rationale in the opposite order.";

    fn needs(&self) -> Needs {
        Needs { tokenizer: self.level == Level::Token, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let (total, mut alone) = (rows.len(), Vec::new());
        let reversed = |row: Rationale| {
            let units = materials.units(&row, self.level)?;
            if units.len() == 1 {
                alone.push(row.id.clone());
            }
            let text = reversed(&row.text, &units, self.level);
            // In another order it is the same selection.
            Ok(Rationale { text, ..row })
        };
        let reversed = rows.into_iter().map(reversed).collect::<Result<_, StageError>>()?;
        materials.warn_of(&alone, total, format!("have one {} alone and stay as they are", self.level.word()));
        Ok(reversed)
    }
}
