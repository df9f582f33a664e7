//! `insert`: pieces of another question's rationale, so that good reasons stand among others that do not belong.

use super::swap::{Partner, Swap};
use super::{Materials, Needs, Operation};
use retort_artifact::Rationale;
use retort_fingerprint::Words;
use retort_stage::StageError;
use retort_stage::params::Count;
use retort_text::Fraction;
use retort_text::operation::{Level, insertable, inserted};

retort_stage::params! {
    /// Puts sentences, or other units, of another question's rationale at random places of each. The other question is chosen
    /// as `swap` chooses it at the same place among the steps, and the rationale's own units keep their order. A step enters a
    /// list with the list's markers, and the numbers behind it rise. A larger number inserts the same ones, at the same
    /// places, and more.
    pub struct Insert {
        /// How many units.
        pub count: Option<Count>,
        /// How many units instead, as a fraction of those that the rationale has itself, from 0 to 1.
        pub fraction: Option<Fraction>,
        /// What is inserted, and between what: `word`, `token`, `sentence`, `step` or `paragraph`.
        pub level: Level = Level::Sentence,
        /// Whether the other question's right answer is `any`, the `same` as this one's, or an `other`.
        pub label: Partner = Partner::Any,
    }
}

impl Operation for Insert {
    const NAME: &'static str = "insert";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Puts sentences of another question's rationale at random places.";

    fn check(&self) -> Result<(), String> {
        match (self.count, self.fraction) {
            (None, None) => Err("needs `count` or `fraction`".into()),
            (Some(_), Some(_)) => Err("cannot have both `count` and `fraction`".into()),
            _ => Ok(()),
        }
    }

    fn needs(&self) -> Needs {
        Needs { tokenizer: self.level == Level::Token, questions: self.label != Partner::Any }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let donors = Swap { label: self.label }.donors(&rows, materials)?;
        let (mut short, mut untouched) = (Vec::new(), Vec::new());
        let changed = |row: &Rationale| {
            let donor = donors.of(row);
            let own = materials.units(row, self.level)?;
            let theirs = insertable(&donor.text, &materials.units(donor, self.level)?, self.level);
            let count = match self.fraction {
                Some(fraction) => fraction.of(own.len()),
                None => self.count.map_or(0, Count::get),
            };
            if count > theirs.len() {
                short.push(row.id.clone());
            }
            if count == 0 && !own.is_empty() {
                untouched.push(row.id.clone());
            }
            // Units and their places are drawn one after the other, so that a larger number has those of a smaller one.
            let mut draw = materials.draw(row);
            let mut order: Vec<usize> = (0..theirs.len()).collect();
            draw.shuffle(&mut order);
            let mut chosen: Vec<(usize, usize)> =
                order.into_iter().map(|unit| (draw.below(own.len() + 1), unit)).take(count).collect();
            chosen.sort_unstable();
            let pieces: Vec<(usize, &str)> =
                chosen.into_iter().map(|(before, unit)| (before, theirs[unit].as_str())).collect();
            Ok(Rationale { text: inserted(&row.text, &own, &pieces, self.level), kept: None, ..row.clone() })
        };
        let changed = rows.iter().map(changed).collect::<Result<Vec<_>, StageError>>()?;
        let what = "take all units of the other rationale, which has fewer than asked for";
        materials.warn_of(&short, rows.len(), what);
        materials.warn_rounded(&untouched, rows.len(), self.fraction, self.level.word());
        Ok(changed)
    }
}
