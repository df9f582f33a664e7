//! Two arms, question by question: what every paired test starts from.

use std::cmp::Ordering;

use super::{Response, Responses, StatsError};

/// The answers of two arms to the questions that both were asked, of which there is at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs<'a> {
    first: Vec<&'a Response>,
    second: Vec<&'a Response>,
    unpaired: usize,
    samples: (usize, usize),
}

impl<'a> Pairs<'a> {
    /// Pairs two arms by question.
    ///
    /// # Errors
    /// Arms that share no question.
    pub fn of(first: &'a Responses, second: &'a Responses) -> Result<Self, StatsError> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (mut left, mut right) = (first.rows().iter().peekable(), second.rows().iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            match a.question.cmp(&b.question) {
                Ordering::Less => drop(left.next()),
                Ordering::Greater => drop(right.next()),
                Ordering::Equal => {
                    ours.extend(left.next());
                    theirs.extend(right.next());
                }
            }
        }
        let samples = (first.samples(), second.samples());
        let (first, second) = (first.questions(), second.questions());
        if ours.is_empty() {
            return Err(StatsError::NothingShared { first, second });
        }
        let unpaired = first + second - 2 * ours.len();
        Ok(Self { first: ours, second: theirs, unpaired, samples })
    }

    /// Returns how many questions both answered.
    pub fn questions(&self) -> usize {
        self.first.len()
    }

    /// Returns how many questions only one of the two answered, and which are left out.
    pub fn unpaired(&self) -> usize {
        self.unpaired
    }

    /// Returns how many replicates each arm has.
    pub fn replicates(&self) -> (usize, usize) {
        (self.first[0].right.len() / self.samples.0, self.second[0].right.len() / self.samples.1)
    }

    /// Returns how many samples each arm's replicates drew for a question.
    pub fn samples(&self) -> (usize, usize) {
        self.samples
    }

    /// Says whether each arm answered each question once, so that it is right or wrong.
    pub fn once(&self) -> bool {
        self.replicates() == (1, 1) && self.samples == (1, 1)
    }

    /// Returns the accuracy of each arm on the shared questions.
    pub fn accuracies(&self) -> (f64, f64) {
        let mean = |rows: &[&Response]| rows.iter().map(|row| row.mean()).sum::<f64>() / rows.len() as f64;
        (mean(&self.first), mean(&self.second))
    }

    /// Returns the identifier of each question with the first arm's fraction of right answers minus the second's.
    pub fn differences(&self) -> impl Iterator<Item = (&'a str, f64)> {
        self.first.iter().zip(&self.second).map(|(a, b)| (a.question.as_str(), a.mean() - b.mean()))
    }

    /// The rows of both arms.
    pub(super) fn rows(&self) -> (&[&'a Response], &[&'a Response]) {
        (&self.first, &self.second)
    }

    /// The differences as whole numbers: multiplied by both numbers of replicates.
    pub(super) fn whole_differences(&self) -> Vec<i64> {
        let count = |row: &Response| row.right.iter().filter(|right| **right).count().cast_signed() as i64;
        let (ours, theirs) =
            (self.first[0].right.len().cast_signed() as i64, self.second[0].right.len().cast_signed() as i64);
        let pairs = self.first.iter().zip(&self.second);
        pairs.map(|(a, b)| count(a) * theirs - count(b) * ours).collect()
    }

    /// What the first arm gained over the second, and what it lost: the sums of the differences above and below zero.
    pub(super) fn gained_and_lost(&self) -> (f64, f64) {
        let sum = |of: fn(f64) -> f64| self.differences().map(|(_, difference)| of(difference)).sum();
        (sum(|difference| difference.max(0.0)), sum(|difference| (-difference).max(0.0)))
    }

    /// The questions on which the first arm is right more often than the second, and those on which it is less often.
    pub(super) fn wins_and_losses(&self) -> (usize, usize) {
        let whole = self.whole_differences();
        let count = |sign: i64| whole.iter().filter(|difference| difference.signum() == sign).count();
        (count(1), count(-1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn responses(rows: &[(&str, &[bool])]) -> Responses {
        let row = |(question, right): &(&str, &[bool])| Response {
            question: (*question).into(),
            chance: Some(0.5),
            right: right.to_vec(),
        };
        Responses::new(rows.iter().map(row).collect()).unwrap()
    }

    #[test]
    fn only_shared_questions_are_paired() {
        let first = responses(&[("a", &[true]), ("b", &[true]), ("d", &[true])]);
        let second = responses(&[("b", &[false, true]), ("c", &[true, true]), ("d", &[true, true])]);
        let pairs = Pairs::of(&first, &second).unwrap();
        assert_eq!((pairs.questions(), pairs.unpaired(), pairs.replicates()), (2, 2, (1, 2)));
        assert_eq!(pairs.differences().collect::<Vec<_>>(), [("b", 0.5), ("d", 0.0)]);
        assert_eq!(pairs.whole_differences(), [1, 0]);
        assert_eq!(pairs.accuracies(), (1.0, 0.75));
        assert_eq!((pairs.gained_and_lost(), pairs.wins_and_losses()), ((0.5, 0.0), (1, 0)));
    }

    #[test]
    fn arms_without_a_shared_question_are_refused() {
        let (first, second) = (responses(&[("a", &[true])]), responses(&[("b", &[true]), ("c", &[true])]));
        let refused = |first, second| Pairs::of(first, second).unwrap_err().to_string();
        expect_test::expect![
            "cannot compare two arms: they were scored on 1 and 2 questions, none of which is the same"
        ]
        .assert_eq(&refused(&first, &second));
        expect_test::expect![
            "cannot compare two arms: they were scored on 0 and 1 questions, none of which is the same"
        ]
        .assert_eq(&refused(&Responses::default(), &first));
    }
}
