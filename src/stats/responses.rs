//! Which questions an arm answered right, in each of its replicates.

use super::StatsError;

/// The answers to one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The question's identifier.
    pub question: String,
    /// The probability of a right answer by guessing, in (0, 1]; `None` where nothing can be guessed, as open answers.
    pub chance: Option<f64>,
    /// Whether each replicate answered right, `[replicate]`.
    pub right: Vec<bool>,
}

impl Response {
    /// Returns the share of replicates that answered right.
    pub(super) fn mean(&self) -> f64 {
        self.right.iter().filter(|&&right| right).count() as f64 / self.right.len() as f64
    }
}

/// Complete answers, questions × replicates, in the order of the questions' identifiers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Responses {
    rows: Vec<Response>,
}

impl Responses {
    /// Takes the answers, in any order; none at all are allowed.
    ///
    /// # Errors
    /// A question without answers, or with another number of them than the others; a question given twice; a chance
    /// outside (0, 1].
    pub fn new(mut rows: Vec<Response>) -> Result<Self, StatsError> {
        let expected = rows.first().map_or(1, |row| row.right.len()).max(1);
        for row in &rows {
            let question = || row.question.clone();
            if row.right.len() != expected {
                return Err(StatsError::Ragged { question: question(), found: row.right.len(), expected });
            }
            if let Some(chance) = row.chance.filter(|chance| !(*chance > 0.0 && *chance <= 1.0)) {
                return Err(StatsError::Chance { question: question(), chance });
            }
        }
        rows.sort_by(|a, b| a.question.cmp(&b.question));
        match rows.windows(2).find(|pair| pair[0].question == pair[1].question) {
            Some(pair) => Err(StatsError::Repeated { question: pair[0].question.clone() }),
            None => Ok(Self { rows }),
        }
    }

    /// Returns the answers in the order of the questions' identifiers.
    pub fn rows(&self) -> &[Response] {
        &self.rows
    }

    /// Returns how many questions there are.
    pub fn questions(&self) -> usize {
        self.rows.len()
    }

    /// Returns how many replicates answered; 0 without questions.
    pub fn replicates(&self) -> usize {
        self.rows.first().map_or(0, |row| row.right.len())
    }

    /// Returns the mean chance of a right answer by guessing; `None` without questions, and where some have none.
    pub fn chance(&self) -> Option<f64> {
        let sum = self.rows.iter().map(|row| row.chance).sum::<Option<f64>>()?;
        (!self.rows.is_empty()).then(|| sum / self.rows.len() as f64)
    }

    /// Returns the accuracy of each replicate, `[replicate]`; empty without questions.
    pub fn by_replicate(&self) -> Vec<f64> {
        let count = |replicate: usize| self.rows.iter().filter(|row| row.right[replicate]).count();
        (0..self.replicates()).map(|replicate| count(replicate) as f64 / self.rows.len() as f64).collect()
    }

    /// Returns how many of all answers, questions × replicates, are right.
    pub(super) fn right(&self) -> usize {
        self.rows.iter().flat_map(|row| &row.right).filter(|&&right| right).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(question: &str, chance: f64, right: &[bool]) -> Response {
        Response { question: question.into(), chance: Some(chance), right: right.to_vec() }
    }

    fn refused(rows: Vec<Response>) -> String {
        Responses::new(rows).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_complete_table_is_refused() {
        expect_test::expect![
            "cannot average question `b`: it has 1 answers where one for each of 2 replicates is expected"
        ]
        .assert_eq(&refused(vec![row("a", 0.5, &[true, false]), row("b", 0.5, &[true])]));
        expect_test::expect![
            "cannot average question `a`: it has 0 answers where one for each of 1 replicates is expected"
        ]
        .assert_eq(&refused(vec![row("a", 0.5, &[])]));
        expect_test::expect!["cannot count question `a`: it was answered twice by one replicate"]
            .assert_eq(&refused(vec![row("a", 0.5, &[true]), row("b", 0.5, &[true]), row("a", 0.5, &[true])]));
        for chance in [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY] {
            assert!(Responses::new(vec![row("a", chance, &[true])]).is_err(), "{chance}");
        }
    }

    #[test]
    fn chance_and_replicates_are_averaged_over_questions() {
        let responses = Responses::new(vec![row("b", 0.25, &[true, false]), row("a", 0.5, &[true, true])]).unwrap();
        assert_eq!(responses.chance(), Some(0.375));
        assert_eq!(responses.by_replicate(), [1.0, 0.5]);
        assert_eq!(responses.rows()[0].question, "a");
        assert_eq!(Responses::default().chance(), None);
        let open = Response { chance: None, ..row("c", 0.5, &[true, true]) };
        assert_eq!(Responses::new(vec![row("a", 0.5, &[true, true]), open]).unwrap().chance(), None);
        assert_eq!(Responses::default().by_replicate(), [0.0; 0]);
    }
}
