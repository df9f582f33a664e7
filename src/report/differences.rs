//! On which questions two arms differ: what the page lets a reader pick pairs from.

use std::collections::BTreeMap;

use serde::Serialize;

use super::layout::Layout;
use super::summary::Summary;
use super::{Arm, ReportInput, label};
use crate::artifact::Outcome;

/// At most so many rows are shown of one pair.
pub(super) const SHOWN: usize = 200;
/// At most so many answers, arms × questions, are kept in a page.
const KEPT: usize = 2_000_000;

/// The answers of every arm, one character each.
#[derive(Debug, Serialize)]
pub(super) struct Differences {
    /// The arms' names.
    pub(super) arms: Vec<String>,
    /// The questions' identifiers, in the order in which they first occur.
    pub(super) questions: Vec<String>,
    /// The right answer to each question.
    pub(super) right: String,
    /// For each arm, its answer to each question: uppercase when right, lowercase when wrong, `-` when unreadable and a
    /// space when the arm was not asked.
    pub(super) given: Vec<String>,
    /// At most so many rows are shown.
    pub(super) shown: usize,
    /// The pair that is shown first.
    pub(super) pair: (usize, usize),
    /// Questions left out for the size of the page.
    pub(super) left_out: usize,
}

/// A question on which exactly one arm of a pair is right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference<'a> {
    /// The question's identifier.
    pub(super) question: &'a str,
    /// The right answer.
    pub(super) right: char,
    /// What the two arms answered, coded as in [`Differences::given`].
    pub(super) given: (char, char),
}

impl Differences {
    /// Gathers the answers; `None` when there are no two arms or no questions.
    pub(super) fn of(input: &ReportInput, layout: &Layout, summaries: &[Summary]) -> Option<Self> {
        let order: Vec<usize> = layout.groups.iter().flat_map(|group| &group.arms).copied().collect();
        let arms: Vec<&Arm> = order.iter().map(|&index| &input.arms[index]).collect();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut questions: Vec<&Outcome> = Vec::new();
        for outcome in arms.iter().flat_map(|arm| &arm.outcomes.rows) {
            places.entry(&outcome.id).or_insert_with(|| {
                questions.push(outcome);
                questions.len() - 1
            });
        }
        if arms.len() < 2 || questions.is_empty() {
            return None;
        }
        let all = questions.len();
        questions.truncate((KEPT / arms.len()).max(SHOWN));
        let given = |arm: &&Arm| {
            let mut answers = vec![' '; questions.len()];
            for outcome in &arm.outcomes.rows {
                if let Some(answer) = places.get(outcome.id.as_str()).and_then(|&place| answers.get_mut(place)) {
                    *answer = coded(outcome);
                }
            }
            answers.into_iter().collect()
        };
        // The arm that is most likely of interest: one with a baseline, beside that baseline.
        let first_of = |group: usize| order.iter().position(|&arm| arm == layout.groups[group].arms[0]).unwrap_or(0);
        let compared =
            summaries.iter().enumerate().find_map(|(group, summary)| Some((summary.versus?.baseline, group)));
        let given: Vec<String> = arms.iter().map(given).collect();
        let pair = compared.map(|(baseline, group)| (first_of(baseline), first_of(group)));
        let pair = pair.or_else(|| first_that_share(&given)).unwrap_or((0, 1));
        Some(Self {
            arms: arms.iter().map(|arm| label::arm(arm)).collect(),
            right: questions.iter().map(|outcome| outcome.answer.letter()).collect(),
            given,
            left_out: all - questions.len(),
            questions: questions.iter().map(|outcome| outcome.id.clone()).collect(),
            shown: SHOWN,
            pair,
        })
    }

    /// Says whether the first pair has any question in common.
    pub(super) fn pair_shares(&self) -> bool {
        share(&self.given[self.pair.0], &self.given[self.pair.1])
    }

    /// Returns the questions of the first pair on which exactly one of the two is right, all of them.
    pub(super) fn of_pair(&self) -> Vec<Difference<'_>> {
        let (first, second) = (&self.given[self.pair.0], &self.given[self.pair.1]);
        let rows = self.questions.iter().zip(self.right.chars()).zip(first.chars().zip(second.chars()));
        let rows = rows.filter(|(_, (a, b))| *a != ' ' && *b != ' ' && a.is_uppercase() != b.is_uppercase());
        rows.map(|((question, right), given)| Difference { question, right, given }).collect()
    }
}

fn share(first: &str, second: &str) -> bool {
    first.chars().zip(second.chars()).any(|(a, b)| a != ' ' && b != ' ')
}

/// Returns the first two arms that answered a question both, looking no further than from the first that answered any.
fn first_that_share(given: &[String]) -> Option<(usize, usize)> {
    let first = given.iter().position(|answers| answers.chars().any(|answer| answer != ' '))?;
    let second = (first + 1..given.len()).find(|&second| share(&given[first], &given[second]))?;
    Some((first, second))
}

fn coded(outcome: &Outcome) -> char {
    match outcome.predicted {
        None => '-',
        Some(label) if outcome.correct() => label.letter(),
        Some(label) => label.letter().to_ascii_lowercase(),
    }
}
