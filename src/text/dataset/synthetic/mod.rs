//! Questions made up by rule: no download, any size, and a rationale that is right by construction.
//!
//! A question states which of two things has more of a property and asks after an effect that lies `chain` rules
//! further on:
//!
//! > The porch is rougher than the stage. Where does the crate slide faster? (A) the porch (B) the stage
//!
//! The rules in between are hidden; the gold rationale spells them out:
//!
//! > The stage is smoother. A smoother surface has less friction. Less friction makes the crate faster. So the crate
//! > slides faster on the stage.
//!
//! With `scenes` a sentence goes before that says what happens: `Ada slides a crate across the porch and then across
//! the stage.` It does not help to find the answer, and makes texts about twice as long.
//!
//! # What the label depends on
//!
//! | `difficulty` | adds the binary fact | how often it is turned round |
//! |---|---|---|
//! | 1 | whether the thing compared has more or less of the cause (`rougher` or `smoother`) | half of all questions |
//! | 2 | whether the question asks after the effect of more or of less of it | `reversals` |
//! | 3 | whether the comparison is told of the thing that is mentioned first or of the other | `reversals` |
//! | 4 | whether the choices stand in the order of mention or the other way round | `reversals` |
//!
//! Each fact that is turned round turns the label round, so a student that has learnt the first fact alone is right
//! in `1 − reversals` of all questions at difficulty 2, and at `reversals: 0.5` a single fact says nothing. Without
//! scenes the comparison is the first to mention the things, so facts 3 and 4 both come down to the order of the
//! choices. In every split half of the labels are A, no two questions of any split have the same text, and none of
//! the things suggests an answer by itself.
//!
//! # What moves when a number changes
//!
//! Each question is drawn from a stream of its own; `test` is drawn first, then `dev`, then `train`. More training
//! questions therefore leave all earlier questions as they were.

pub mod arithmetic;
mod facts;
mod situations;
mod spec;

use std::collections::{BTreeMap, BTreeSet};

use facts::Facts;
use situations::{Situation, names, situations};
pub use spec::SyntheticSpec;

use retort_artifact::{Label, Question, Questions, Split};
use retort_fingerprint::Draw;

/// A request that the generator cannot meet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntheticError {
    /// A setting lies outside its range.
    #[error("cannot make synthetic questions with `{field}: {value}`: expected {min} to {max}")]
    OutOfRange {
        /// The setting's name.
        field: &'static str,
        /// What it is.
        value: u8,
        /// The least it may be.
        min: u8,
        /// The most it may be.
        max: u8,
    },
    /// There are not so many different questions.
    #[error(
        "cannot make {asked} different synthetic questions: with these settings there are {most} at most; \
         ask for fewer, allow more `situations`, or turn `scenes` on"
    )]
    TooMany {
        /// Questions asked for over all splits.
        asked: usize,
        /// Questions that may be asked for.
        most: usize,
    },
}

impl SyntheticSpec {
    /// Returns how many questions may be asked for over all splits: so many that no template has used up more than
    /// about half of its texts, and a new one is always found soon.
    pub fn most(&self) -> usize {
        let of = |situation: &Situation| {
            let pairs = situation.things.len() * (situation.things.len() - 1);
            let scenes = if self.scenes { situation.scenes.len() * names().len() } else { 1 };
            pairs * situation.cause.len() * scenes * Facts::TEMPLATES / 2
        };
        situations().iter().take(usize::from(self.situations)).map(of).sum()
    }

    fn check(&self) -> Result<(), SyntheticError> {
        let Self { train, dev, test, chain, difficulty, situations, reversals: _, scenes: _, seed: _ } = self;
        let ranges = [("chain", *chain, 3), ("difficulty", *difficulty, 4), ("situations", *situations, 12)];
        if let Some(&(field, value, max)) = ranges.iter().find(|(_, value, max)| !(1..=*max).contains(value)) {
            return Err(SyntheticError::OutOfRange { field, value, min: 1, max });
        }
        let (asked, most) = (train.saturating_add(*dev).saturating_add(*test), self.most());
        if asked > most { Err(SyntheticError::TooMany { asked, most }) } else { Ok(()) }
    }
}

/// Makes up the questions of all three splits; each carries its gold rationale.
pub fn generate(spec: &SyntheticSpec) -> Result<Questions, SyntheticError> {
    spec.check()?;
    let mut seen = BTreeSet::new();
    let mut splits = BTreeMap::new();
    for (split, size) in [(Split::Test, spec.test), (Split::Dev, spec.dev), (Split::Train, spec.train)] {
        let questions = (0..size).map(|index| fresh(spec, split, index, &mut seen)).collect();
        splits.insert(split, questions);
    }
    Ok(Questions { splits })
}

/// Draws until the text is a new one.
fn fresh(spec: &SyntheticSpec, split: Split, index: usize, seen: &mut BTreeSet<String>) -> Question {
    let mut draw = Draw::new(spec.seed, &["synthetic", split.name(), &index.to_string()]);
    let label = balanced_label(spec.seed, split, index);
    loop {
        let facts = Facts::draw(spec, label, &mut draw);
        let stem = facts.stem();
        if seen.insert(stem.clone()) {
            return Question {
                id: format!("synthetic-{split}-{index:05}"),
                stem,
                choices: facts.choices(),
                answer: Some(label.into()),
                rationale: Some(facts.rationale()),
                ..Question::default()
            };
        }
    }
}

/// Gives one question of each two the label A and the other one B, in an order drawn for the two.
fn balanced_label(seed: u64, split: Split, index: usize) -> Label {
    let flip = Draw::new(seed, &["synthetic label", split.name(), &(index / 2).to_string()]).below(2);
    Label::at((index + flip) % 2).expect("A and B are labels")
}

#[cfg(test)]
mod tests;
