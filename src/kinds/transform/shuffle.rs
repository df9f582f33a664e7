//! `shuffle`: a rationale in random order.

use super::{Materials, Needs, Operation};
use retort_artifact::Rationale;
use retort_fingerprint::Words;
use retort_stage::StageError;
use retort_text::Fraction;
use retort_text::operation::{Level, partly_shuffled, shuffled};

retort_stage::params! {
    /// Puts the rationale in random order. Punctuation around words, and the numbers and bullets of steps, stay where they
    /// are; tokens are written one space apart.
    pub struct Shuffle {
        /// What changes places: `word`, `token`, `sentence`, `step` or `paragraph`.
        pub level: Level = Level::Word,
        /// The fraction of them that changes places, from 0 to 1: each of these moves to the place of another of them, and all
        /// others stay. Where it rounds to one, which could not move, two change places. Without a fraction everything is put in
        /// random order, in which some may stay where they were.
        pub fraction: Option<Fraction>,
    }
}

impl Operation for Shuffle {
    const NAME: &'static str = "shuffle";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Puts the rationale, or a fraction of it, in random order.";

    fn needs(&self) -> Needs {
        Needs { tokenizer: self.level == Level::Token, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let (total, mut alone, mut rounded, mut in_order) = (rows.len(), Vec::new(), Vec::new(), Vec::new());
        let shuffled = |row: Rationale| {
            let (units, mut draw) = (materials.units(&row, self.level)?, materials.draw(&row));
            let text = match self.fraction {
                None => shuffled(&row.text, &units, self.level, &mut draw),
                Some(fraction) => partly_shuffled(&row.text, &units, fraction, self.level, &mut draw),
            };
            match (units.len(), self.fraction) {
                (0, _) => {}
                (1, _) => alone.push(row.id.clone()),
                (count, Some(fraction)) if fraction.of(count) == 0 => rounded.push(row.id.clone()),
                (_, None) if text == row.text => in_order.push(row.id.clone()),
                _ => {}
            }
            // In another order it is the same selection.
            Ok(Rationale { text, ..row })
        };
        let shuffled = rows.into_iter().map(shuffled).collect::<Result<_, StageError>>()?;
        let unit = self.level.word();
        if self.fraction.is_none_or(|fraction| fraction > Fraction::ZERO) {
            materials.warn_of(&alone, total, format!("have one {unit} alone and stay as they are"));
        }
        materials.warn_rounded(&rounded, total, self.fraction, unit);
        materials.warn_of(&in_order, total, "stay as they are, since the random order is the one they had");
        Ok(shuffled)
    }
}
