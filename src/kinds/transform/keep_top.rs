//! `keep_top`: what matters most in a rationale, and controls that keep as much without knowing what matters.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Materials, Needs, Operation};
use retort_artifact::{Attribution, Attributions, Rationale};
use retort_fingerprint::{Draw, Words};
use retort_stage::StageError;
use retort_stage::params::{Count, Input};
use retort_text::Fraction;
use retort_text::operation::{Level, Subwords, apart, highest, written};
use retort_text::words::{trimmed, words};

/// What stands for a score where there are no attributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// How often the unit occurs in all rationales of the stage as they are at this step, whatever its case. Every word
    /// counts unless `except` names it; of equally frequent ones the earlier in the text is kept.
    Frequency,
    /// Chance.
    Random,
}

retort_stage::words!(By { Frequency = "frequency", Random = "random" });

/// How a word's score is made of its tokens'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// The largest.
    Max,
}

retort_stage::words!(Aggregate { Sum = "sum", Max = "max" });

retort_stage::params! {
    /// Keeps the units with the highest scores, in their order.
    pub struct KeepTop {
        /// How many; a rationale with fewer keeps all of them.
        pub k: Option<Count>,
        /// Which fraction of the rationale's units instead of a number, from 0 to 1.
        #[was = "share"]
        pub fraction: Option<Fraction>,
        /// The scores.
        pub attributions: Option<Input<Attributions>>,
        /// What goes for a score instead, as a control: `frequency` or `random`.
        pub by: Option<By>,
        /// What is counted and kept: a `token` or a `word`. Tokens are those that were attributed, or of `tokenizer`.
        pub level: Level = Level::Token,
        /// How a word's score is made of its tokens': their `sum` or `max`.
        pub aggregate: Aggregate = Aggregate::Sum,
        /// Words that are never kept for their frequency.
        pub except: Vec<String> = Vec::new(),
        /// Whether tokens of one word that stood together are written `joined` or `apart`.
        pub subwords: Subwords = Subwords::Joined,
    }
}

/// Places in a text with their scores.
type Scored = Vec<(Range<usize>, f64)>;

impl Operation for KeepTop {
    const NAME: &'static str = "keep_top";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Keeps the units with the highest scores, in their order.";

    fn check(&self) -> Result<(), String> {
        match self {
            Self { k, fraction, .. } if k.is_some() == fraction.is_some() => {
                let both = "cannot have both `k` and `fraction`";
                Err(if k.is_some() { both } else { "needs `k` or `fraction`" }.into())
            }
            Self { attributions, by, .. } if attributions.is_some() == by.is_some() => {
                let both = "cannot have both `attributions` and `by`";
                Err(if by.is_some() { both } else { "needs `attributions` or `by`" }.into())
            }
            Self { level: level @ (Level::Sentence | Level::Step | Level::Paragraph), .. } => {
                Err(format!("keeps tokens or words, so its `level` cannot be `{}`", level.word()))
            }
            Self { except, by, .. } if !except.is_empty() && *by != Some(By::Frequency) => {
                Err("cannot have `except` without `by: frequency`".into())
            }
            _ => Ok(()),
        }
    }

    fn needs(&self) -> Needs {
        Needs { tokenizer: self.level == Level::Token && self.by.is_some(), ..Needs::default() }
    }

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let attributions = self.attributions.as_ref().map(|input| materials.read(input)).transpose()?;
        let attributions = attributions.unwrap_or_default();
        let scores: BTreeMap<(&str, u32), &Attribution> =
            attributions.rows.iter().map(|row| ((row.id.as_str(), row.sample), row)).collect();
        let frequencies =
            if self.by == Some(By::Frequency) { self.frequencies(&rows, materials)? } else { BTreeMap::new() };
        let (total, mut short, mut emptied) = (rows.len(), Vec::new(), Vec::new());
        let kept = rows.into_iter().map(|row| {
            let own = scores.get(&(row.id.as_str(), row.sample)).copied();
            let mut scored = match self.by {
                None => self.attributed(&row, own, materials)?,
                Some(By::Frequency) => {
                    let often = |range: Range<usize>| {
                        let often = frequencies.get(&row.text[range.clone()].to_lowercase());
                        (range, often.map_or(f64::NAN, |&often| often as f64))
                    };
                    materials.units(&row, self.level)?.into_iter().map(often).collect()
                }
                Some(By::Random) => at_random(materials.units(&row, self.level)?, &mut materials.draw(&row)),
            };
            let count = self.fraction.map_or(self.k.map_or(0, Count::get), |fraction| fraction.of(scored.len()));
            if self.by == Some(By::Frequency) {
                scored.retain(|(_, often)| !often.is_nan());
            }
            if count > scored.len() {
                short.push(row.id.clone());
            }
            let trimmed = highest(scored, count).into_iter().map(|range| trimmed(&row.text, range));
            let places = apart(&row.text, trimmed);
            let text = written(&row.text, &places, self.subwords);
            if text.is_empty() && !row.text.trim().is_empty() {
                emptied.push(row.id.clone());
            }
            Ok(materials.selected(&row, &places, text))
        });
        let kept: Vec<Rationale> = kept.collect::<Result<_, StageError>>()?;
        let asked = self.k.map_or(0, Count::get);
        materials.warn_of(&short, total, format!("have fewer than {asked} {}s and keep all of them", self.unit()));
        materials.warn_of(&emptied, total, "are empty now");
        Ok(kept)
    }
}

/// Gives each place a rank of its own, so that what is kept of few is kept of many.
fn at_random(places: Vec<Range<usize>>, draw: &mut Draw) -> Scored {
    let mut ranks: Vec<usize> = (0..places.len()).collect();
    draw.shuffle(&mut ranks);
    places.into_iter().zip(ranks).map(|(place, rank)| (place, -(rank as f64))).collect()
}

impl KeepTop {
    fn unit(&self) -> &'static str {
        if self.level == Level::Word { "word" } else { "token" }
    }

    fn frequencies(
        &self,
        rows: &[Rationale],
        materials: &Materials<'_>,
    ) -> Result<BTreeMap<String, usize>, StageError> {
        let mut frequencies = BTreeMap::new();
        for row in rows {
            for range in materials.units(row, self.level)? {
                *frequencies.entry(row.text[range].to_lowercase()).or_insert(0) += 1;
            }
        }
        for word in &self.except {
            frequencies.remove(&word.to_lowercase());
        }
        Ok(frequencies)
    }

    /// Returns the attributed tokens of a rationale, or its words with what their tokens add up to.
    fn attributed(
        &self,
        row: &Rationale,
        scores: Option<&Attribution>,
        materials: &Materials<'_>,
    ) -> Result<Scored, StageError> {
        let Rationale { id, sample, text, .. } = row;
        let fail = |why: &str| materials.fail(format!("the rationale of `{id}`, sample {sample}, {why}"));
        let scores = scores.ok_or_else(|| fail("has no attribution"))?;
        if scores.text != *text {
            let why = "was attributed with another text; attribute the rationale that is transformed here";
            return Err(fail(why));
        }
        let mut tokens = Vec::with_capacity(scores.tokens.len());
        for token in &scores.tokens {
            let (start, end) = token.span;
            match text.get(start..end) {
                Some(token_text) if token_text.trim().is_empty() => {}
                Some(_) => tokens.push((start..end, token.score)),
                None => return Err(fail(&format!("has no characters at the bytes {start} to {end}"))),
            }
        }
        if self.level == Level::Token {
            return Ok(tokens);
        }
        let score = |word: &Range<usize>| {
            let own = tokens.iter().filter(|(token, _)| token.start < word.end && word.start < token.end);
            let own = own.map(|(_, score)| *score);
            match self.aggregate {
                Aggregate::Sum => own.reduce(|sum, score| sum + score),
                Aggregate::Max => own.reduce(f64::max),
            }
        };
        // A word that was not attributed, since the text was cut, loses to all others.
        Ok(words(text).into_iter().map(|word| (word.clone(), score(&word).unwrap_or(f64::NEG_INFINITY))).collect())
    }
}
