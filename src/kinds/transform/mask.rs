//! `mask`: a fraction of a rationale, or some words of it, hidden.

use std::collections::BTreeSet;

use super::materials::named;
use super::{Materials, Needs, Operation};
use retort_artifact::Rationale;
use retort_fingerprint::Words;
use retort_stage::StageError;
use retort_text::operation::{self, Level, exchangeable, listed, masked};
use retort_text::{Fraction, words};

retort_stage::params! {
    /// Hides a fraction of the rationale, or some words of it; what is left keeps its order.
    pub struct Mask {
        /// The fraction to hide, from 0 to 1; that fraction of all units, rounded to the nearest whole number.
        pub fraction: Option<Fraction>,
        /// The words to hide instead of a fraction, whatever their case.
        pub words: Option<Vec<String>>,
        /// What is counted and hidden: `word`, `token`, `sentence`, `step` or `paragraph`.
        pub level: Level = Level::Word,
        /// What stands for something hidden, one position where the student's `add_tokens` has it; `null` leaves nothing behind.
        pub with: Option<String> = Some(operation::MASK.into()),
    }
}

impl Operation for Mask {
    const NAME: &'static str = "mask";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Hides a fraction of the rationale, or some words of it.";

    fn check(&self) -> Result<(), String> {
        match (&self.fraction, &self.words) {
            (Some(_), None) => Ok(()),
            (None, Some(listed)) => match listed.iter().find(|word| !is_word(word)) {
                _ if listed.is_empty() => Err("needs a word in `words`".into()),
                _ if self.level != Level::Word => Err("hides `words`, so its `level` cannot be another".into()),
                Some(other) => Err(format!("cannot look for `{other}`, which is not one word without punctuation")),
                None => Ok(()),
            },
            (Some(_), Some(_)) => Err("cannot have both `fraction` and `words`".into()),
            (None, None) => Err("needs `fraction` or `words`".into()),
        }
    }

    fn needs(&self) -> Needs {
        Needs { tokenizer: self.level == Level::Token, ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let mut absent: BTreeSet<String> = self.words.iter().flatten().map(|word| word.to_lowercase()).collect();
        let (total, mut rounded, mut whole) = (rows.len(), Vec::new(), Vec::new());
        let rows = materials.each(rows, |row, draw| {
            let mut units = materials.units(row, self.level)?;
            if self.with.is_some() {
                units = exchangeable(&row.text, units, self.level);
            }
            let chosen: Vec<_> = if let Some(words) = &self.words {
                listed(&row.text, &units, words).collect()
            } else {
                let count = self.fraction.map_or(0, |fraction| fraction.of(units.len()));
                if count == 0 && !units.is_empty() {
                    rounded.push(row.id.clone());
                } else if count == units.len() && count > 0 && self.fraction < Some(Fraction::ONE) {
                    whole.push(row.id.clone());
                }
                draw.sample(units.len(), count).into_iter().map(|index| units[index].clone()).collect()
            };
            for range in &chosen {
                if !absent.is_empty() {
                    absent.remove(&row.text[range.clone()].to_lowercase());
                }
            }
            Ok(masked(&row.text, chosen.into_iter(), self.with.as_deref()))
        })?;
        let unit = self.level.word();
        materials.warn_rounded(&rounded, total, self.fraction, unit);
        if let Some(fraction) = self.fraction {
            materials.warn_of(
                &whole,
                total,
                format!("are hidden altogether, since {fraction} of their {unit}s rounds to all"),
            );
        }
        if !absent.is_empty() {
            materials.warn(format!("no rationale has {}", named(&absent)));
        }
        Ok(rows)
    }
}

/// Says whether a text is one word without punctuation.
pub(super) fn is_word(word: &str) -> bool {
    words::words(word).first() == Some(&(0..word.len()))
}
