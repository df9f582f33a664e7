//! One selection out of several annotators'.

use std::collections::{BTreeMap, BTreeSet};

use retort_fingerprint::{ContentHash, Term};

/// When a word is part of the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// One annotator or more marked it.
    Any,
    /// Every annotator of the rationale marked it.
    All,
    /// More than half of the annotators of the rationale marked it.
    Majority,
    /// At least so many annotators marked it.
    AtLeast(usize),
}

impl ContentHash for Combine {
    fn term(&self) -> Term {
        match self {
            Self::Any => Term::variant("any", Term::None),
            Self::All => Term::variant("all", Term::None),
            Self::Majority => Term::variant("majority", Term::None),
            Self::AtLeast(least) => Term::variant("at_least", least.term()),
        }
    }
}

/// Combines what several annotators of one rationale marked.
pub fn combined(marked: &[BTreeSet<usize>], rule: Combine) -> BTreeSet<usize> {
    let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
    marked.iter().flatten().for_each(|word| *votes.entry(*word).or_default() += 1);
    let enough = |votes: usize| match rule {
        Combine::Any => votes >= 1,
        Combine::All => votes == marked.len(),
        Combine::Majority => 2 * votes > marked.len(),
        Combine::AtLeast(least) => votes >= least,
    };
    votes.into_iter().filter(|(_, votes)| enough(*votes)).map(|(word, _)| word).collect()
}
