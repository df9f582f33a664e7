//! `sample`: some of several rationales of a question.

use std::collections::{BTreeMap, BTreeSet};

use super::{Materials, Operation};
use retort_artifact::Rationale;
use retort_stage::StageError;
use retort_stage::params::Count;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// Any, by chance. Each rationale draws a rank of its own, and the first ranks are kept: more samples keep the same ones
    /// and others, and a rationale that comes or goes replaces one at most.
    Random,
    /// The ones with the lowest sample numbers.
    First,
}

retort_stage::words!(Pick { Random = "random", First = "first" });

retort_stage::params! {
    /// Keeps some of several rationales of a question, with their sample numbers.
    pub struct Sample {
        /// How many of each question.
        pub n: Count,
        /// Which of them: `random` ones, or the `first`.
        pub pick: Pick = Pick::Random,
    }
}

impl Operation for Sample {
    const NAME: &'static str = "sample";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Keeps some of several rationales of a question.";

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let mut ranked: BTreeMap<&str, Vec<(u64, u32)>> = BTreeMap::new();
        for row in &rows {
            let rank = match self.pick {
                Pick::Random => materials.draw(row).bits(),
                Pick::First => 0,
            };
            ranked.entry(&row.id).or_default().push((rank, row.sample));
        }
        let (questions, n) = (ranked.len(), self.n.get());
        let mut kept = BTreeSet::new();
        let mut short = Vec::new();
        for (id, mut samples) in ranked {
            if samples.len() < n {
                short.push(id.to_owned());
            }
            samples.sort_unstable();
            kept.extend(samples.into_iter().take(n).map(|(_, sample)| (id.to_owned(), sample)));
        }
        if !short.is_empty() {
            let named = super::materials::named(&short);
            materials.warn(format!("{} of {questions} questions have fewer than {n} rationales: {named}", short.len()));
        }
        Ok(rows.into_iter().filter(|row| kept.contains(&(row.id.clone(), row.sample))).collect())
    }
}
