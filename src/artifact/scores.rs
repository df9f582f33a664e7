//! What a student answered.

use serde::{Deserialize, Serialize};

use super::versions::Versions;
use super::{Answer, Artifact, ArtifactKind, CodecError, Parts};

const FORMAT: Versions = Versions::of("scores");

/// How likely a student holds one choice or class of a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Likelihood {
    /// The choice or class.
    pub label: Answer,
    /// The logarithm of the probability of all its tokens, in nats.
    pub log_probability: f64,
    /// How many tokens it has.
    pub tokens: usize,
    /// How many bytes of text it has.
    pub bytes: usize,
    /// What choices are compared by: the logarithm as it is, or over tokens or bytes.
    pub score: f64,
}

/// A student's answer to one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The question's identifier.
    pub id: String,
    /// The right answer.
    pub answer: Answer,
    /// How many choices or classes there were; 0 where the answer is open.
    pub choices: usize,
    /// The answer read from the output, or the likeliest; `None` when none could be read, which counts as wrong.
    pub predicted: Option<Answer>,
    /// Whether it is the right answer though it is written otherwise, as `1,000` and `1000.0` are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub equal: bool,
    /// The output as it was generated; empty where choices were scored.
    pub output: String,
    /// Tokens generated.
    pub tokens: usize,
    /// How likely each choice was held, in the order of the choices; empty where the answer was generated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likelihoods: Vec<Likelihood>,
}

impl Outcome {
    /// Says whether the answer is right.
    pub fn correct(&self) -> bool {
        self.equal || self.predicted.as_ref() == Some(&self.answer)
    }

    /// Says whether it can be written in the first version of the format, which had lettered choices alone.
    fn is_lettered(&self) -> bool {
        let answers = [&self.answer].into_iter().chain(&self.predicted);
        let all = answers.chain(self.likelihoods.iter().map(|choice| &choice.label));
        !self.equal && all.into_iter().all(Answer::is_choice)
    }

    /// Returns the probability of each choice among the choices, the softmax of their scores; `None` where the answer was
    /// generated, and where a score is no number.
    pub fn shares(&self) -> Option<Vec<f64>> {
        let highest = self.likelihoods.iter().map(|choice| choice.score).reduce(f64::max)?;
        let weights: Vec<f64> = self.likelihoods.iter().map(|choice| libm::exp(choice.score - highest)).collect();
        let sum: f64 = weights.iter().sum();
        sum.is_finite().then(|| weights.into_iter().map(|weight| weight / sum).collect())
    }
}

/// Answers in the order of the questions. Part: `rows`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// One outcome for each question that has a known answer.
    pub rows: Vec<Outcome>,
}

impl Artifact for Scores {
    const KIND: ArtifactKind = ArtifactKind::Scores;

    fn encode(&self) -> Parts {
        Parts::from([("rows".to_owned(), FORMAT.encode(&self.rows, Outcome::is_lettered))])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        Ok(Self { rows: FORMAT.part(parts, "rows")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(scores: &[f64]) -> Outcome {
        let likelihood = |(index, score): (usize, &f64)| Likelihood {
            label: Answer::at(index).unwrap(),
            log_probability: *score,
            tokens: 1,
            bytes: 1,
            score: *score,
        };
        Outcome {
            id: "q".into(),
            answer: Answer::at(0).unwrap(),
            choices: scores.len(),
            predicted: None,
            equal: false,
            output: String::new(),
            tokens: 0,
            likelihoods: scores.iter().enumerate().map(likelihood).collect(),
        }
    }

    #[test]
    fn probabilities_are_the_softmax_of_the_scores() {
        // scipy.special.softmax([-1, -2, -4])
        let found = outcome(&[-1.0, -2.0, -4.0]).shares().unwrap();
        let expected = [0.705_384_512_698_241_2, 0.259_496_460_342_419_13, 0.035_119_026_959_339_73];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(outcome(&[-4000.0, -4000.0]).shares(), Some(vec![0.5, 0.5]));
        assert_eq!(outcome(&[]).shares(), None);
        assert_eq!(outcome(&[f64::NAN, -1.0]).shares(), None);
    }
}
