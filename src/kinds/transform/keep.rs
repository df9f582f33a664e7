//! `keep`: units by their place: the first, the last, every other.

use super::{Materials, Needs, Operation};
use retort_artifact::Rationale;
use retort_stage::StageError;
use retort_stage::params::Count;
use retort_text::operation::{Level, kept};

retort_stage::params! {
    /// Keeps units by their place, in their order. Units that stood side by side stay as they stood.
    pub struct Keep {
        /// Keep so many at the beginning.
        pub first: Option<Count>,
        /// Keep so many at the end; together with `first`, both ends.
        pub last: Option<Count>,
        /// Keep every nth, beginning with the first: 2 keeps the first, the third, the fifth, …
        pub every: Option<Count>,
        /// What is counted: `word`, `token`, `sentence`, `step` or `paragraph`.
        pub level: Level = Level::Word,
    }
}

impl Operation for Keep {
    const NAME: &'static str = "keep";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Keeps the first units, the last, or every nth.";

    fn check(&self) -> Result<(), String> {
        match (self.first.or(self.last), self.every) {
            (None, None) => Err("needs `first`, `last` or `every`".into()),
            (Some(_), Some(_)) => Err("cannot have `every` together with `first` or `last`".into()),
            _ => Ok(()),
        }
    }

    fn needs(&self) -> Needs {
        Needs { tokenizer: self.level == Level::Token, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let kept = |row: Rationale| {
            let units = materials.units(&row, self.level)?;
            let indices: Vec<usize> = (0..units.len()).filter(|index| self.keeps(*index, units.len())).collect();
            let places: Vec<_> = indices.iter().map(|index| units[*index].clone()).collect();
            Ok(materials.selected(&row, &places, kept(&row.text, &units, &indices, self.level)))
        };
        rows.into_iter().map(kept).collect()
    }
}

impl Keep {
    fn keeps(&self, index: usize, total: usize) -> bool {
        self.first.is_some_and(|first| index < first.get())
            || self.last.is_some_and(|last| total - index <= last.get())
            || self.every.is_some_and(|every| index.is_multiple_of(every.get()))
    }
}
