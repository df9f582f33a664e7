//! Which questions an arm answered right, in each of its replicates.

use super::StatsError;

/// The answers to one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The question's identifier.
    pub question: String,
    /// The probability of a right answer by guessing, in (0, 1]; `None` where nothing can be guessed, as open answers.
    pub chance: Option<f64>,
    /// Whether each replicate answered right, `[replicate × sample]`: the samples of a replicate stand together.
    pub right: Vec<bool>,
}

impl Response {
    /// Returns the fraction of answers that are right.
    pub(super) fn mean(&self) -> f64 {
        self.right.iter().filter(|&&right| right).count() as f64 / self.right.len() as f64
    }
}

/// Complete answers, questions × replicates × samples, in the order of the questions' identifiers.
///
/// Samples are further answers of one replicate to a question, drawn on their own; a question counts by the fraction of them
/// that is right. Unlike replicates, samples of one number have nothing in common over the questions, so that their variance
/// is part of that of the questions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Responses {
    rows: Vec<Response>,
    /// Samples of each replicate beyond the first.
    further: usize,
}

impl Responses {
    /// Takes the answers, in any order; none at all are allowed.
    ///
    /// # Errors
    /// A question without answers, or with another number of them than the others; a question given twice; a chance
    /// outside (0, 1].
    pub fn new(rows: Vec<Response>) -> Result<Self, StatsError> {
        Self::sampled(rows, 1)
    }

    /// Takes answers of several samples each, in any order.
    ///
    /// # Errors
    /// As [`new`](Self::new), and where the number of answers is no multiple of `samples`.
    pub fn sampled(mut rows: Vec<Response>, samples: usize) -> Result<Self, StatsError> {
        let samples = samples.max(1);
        let expected = rows.first().map_or(samples, |row| row.right.len().next_multiple_of(samples)).max(samples);
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
            None => Ok(Self { rows, further: samples - 1 }),
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
        self.rows.first().map_or(0, |row| row.right.len() / self.samples())
    }

    /// Returns how many samples each replicate drew for a question.
    pub fn samples(&self) -> usize {
        self.further + 1
    }

    /// Returns the mean chance of a right answer by guessing; `None` without questions, and where some have none.
    pub fn chance(&self) -> Option<f64> {
        let sum = self.rows.iter().map(|row| row.chance).sum::<Option<f64>>()?;
        (!self.rows.is_empty()).then(|| sum / self.rows.len() as f64)
    }

    /// Returns the accuracy of each replicate, `[replicate]`; empty without questions.
    pub fn by_replicate(&self) -> Vec<f64> {
        let rows: Vec<&Response> = self.rows.iter().collect();
        if rows.is_empty() { Vec::new() } else { accuracies(&rows, self.samples()) }
    }

    /// Returns the fraction of all answers, questions × replicates × samples, that is right.
    pub(super) fn fraction(&self) -> f64 {
        let all = || self.rows.iter().flat_map(|row| &row.right);
        all().filter(|&&right| right).count() as f64 / all().count() as f64
    }
}

/// The accuracy of each replicate, of at least one question.
pub(super) fn accuracies(rows: &[&Response], samples: usize) -> Vec<f64> {
    let replicates = rows[0].right.len() / samples;
    let of = |replicate: usize| replicate * samples..(replicate + 1) * samples;
    let right =
        |replicate: usize| rows.iter().flat_map(|row| &row.right[of(replicate)]).filter(|&&right| right).count();
    (0..replicates).map(|replicate| right(replicate) as f64 / (rows.len() * samples) as f64).collect()
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

    #[test]
    fn samples_are_answers_of_one_replicate() {
        let rows = vec![row("a", 0.5, &[true, false, true, true]), row("b", 0.5, &[false, false, true, false])];
        let responses = Responses::sampled(rows.clone(), 2).unwrap();
        assert_eq!((responses.replicates(), responses.samples()), (2, 2));
        assert_eq!(responses.by_replicate(), [0.25, 0.75]);
        assert!((responses.fraction() - 0.5).abs() < 1e-12);
        assert_eq!(Responses::sampled(rows.clone(), 4).unwrap().by_replicate(), [0.5]);
        assert_eq!(Responses::new(rows.clone()).unwrap().replicates(), 4);
        assert!(Responses::sampled(rows, 3).is_err());
    }
}
