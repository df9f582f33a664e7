//! One arm held against another: the difference with its interval, and the test that decides.

use super::ReportInput;
use retort_stats::{Bootstrap, Comparison, Estimate, Responses, Test, difference};

/// The first arm minus the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Against {
    /// Everything that was found.
    pub(super) comparison: Comparison,
    /// The difference, with the interval that belongs to the test.
    pub(super) difference: Estimate,
    /// The two-sided p value.
    pub(super) p: f64,
    /// The test it is from.
    pub(super) test: Test,
}

/// Compares two arms on the questions they share; `None` where there is none.
pub(super) fn against(input: &ReportInput, first: &Responses, second: &Responses) -> Option<Against> {
    let level = input.spec.level;
    let comparison = difference(first, second, level, Bootstrap::seeded(input.spec.seed))?;
    let (p, test) = comparison.decisive();
    Some(Against { comparison, difference: comparison.difference, p, test })
}

/// Names a test for a reader.
pub(super) fn words(test: Test) -> &'static str {
    match test {
        Test::McNemar => "McNemar's exact test",
        Test::Permutation => "the exact permutation test over questions, with the trainings as given",
        Test::Crossed => "the t test with the error over questions and trainings",
    }
}
