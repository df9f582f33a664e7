//! What a student answered.

use serde::{Deserialize, Serialize};

use super::versions::Versions;
use super::{Answer, Artifact, ArtifactKind, CodecError, Parts, Reading, Sample, Vote};

const FORMAT: Versions = Versions::up_to("scores", 3);

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
    /// What choices are compared by: the logarithm as it is, or over tokens, bytes or characters.
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
    /// The output as it was generated, with the text that it was made to begin with; empty where choices were scored. Of
    /// several samples, the first whose answer is `predicted`.
    pub output: String,
    /// Tokens generated, in all samples.
    pub tokens: usize,
    /// How likely each choice was held, in the order of the choices; empty where the answer was generated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likelihoods: Vec<Likelihood>,
    /// The lenient reading, where one was asked for; all else is strict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lenient: Option<Reading>,
    /// How the samples count; `None` where there is one output alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote: Option<Vote>,
    /// The samples, in the order of their numbers; empty where there is one output alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}

/// How outputs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// As was asked for.
    Strict,
    /// Leniently, where that was asked for.
    Lenient,
}

impl Outcome {
    /// Says whether the answer is right. Of samples that count by their mean, whether most votes are for the right answer.
    pub fn correct(&self) -> bool {
        self.equal || self.predicted.as_ref() == Some(&self.answer)
    }

    /// Says whether the lenient reading is right; `None` where there is none.
    pub fn leniently_correct(&self) -> Option<bool> {
        self.lenient.as_ref().map(|reading| reading.correct(&self.answer))
    }

    /// Returns what a score is the mean of: whether each sample is right where samples count by their mean, and else whether
    /// the answer is. `None` where there is no such reading.
    pub fn rights(&self, strictness: Strictness) -> Option<Vec<bool>> {
        let reading = |sample: &Sample| match strictness {
            Strictness::Strict => Some(sample.strict.correct(&self.answer)),
            Strictness::Lenient => sample.lenient.as_ref().map(|reading| reading.correct(&self.answer)),
        };
        if self.vote == Some(Vote::Mean) && !self.samples.is_empty() {
            return self.samples.iter().map(reading).collect();
        }
        Some(vec![match strictness {
            Strictness::Strict => self.correct(),
            Strictness::Lenient => self.leniently_correct()?,
        }])
    }

    /// Returns how many outputs there are, and of how many an answer could be read strictly.
    pub fn read(&self) -> (usize, usize) {
        if self.samples.is_empty() {
            return (1, usize::from(self.predicted.is_some()));
        }
        let read = self.samples.iter().filter(|sample| sample.strict.predicted.is_some()).count();
        (self.samples.len(), read)
    }

    /// Returns the first version of the format that can hold it: the first had lettered choices alone, the second one strict
    /// reading of one output.
    fn version(&self) -> u32 {
        let answers = [&self.answer].into_iter().chain(&self.predicted);
        let all = answers.chain(self.likelihoods.iter().map(|choice| &choice.label));
        let lettered = !self.equal && all.into_iter().all(Answer::is_choice);
        match (&self.lenient, self.vote, lettered) {
            (None, None, true) => 1,
            (None, None, false) => 2,
            _ => 3,
        }
    }

    /// Returns the probability of each choice among the choices, the softmax of their scores; `None` where the answer was
    /// generated, and where a score is no number.
    pub fn probabilities(&self) -> Option<Vec<f64>> {
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
        Parts::from([("rows".to_owned(), FORMAT.encode_in(&self.rows, Outcome::version))])
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
            lenient: None,
            vote: None,
            samples: Vec::new(),
        }
    }

    #[test]
    fn probabilities_are_the_softmax_of_the_scores() {
        // scipy.special.softmax([-1, -2, -4])
        let found = outcome(&[-1.0, -2.0, -4.0]).probabilities().unwrap();
        let expected = [0.705_384_512_698_241_2, 0.259_496_460_342_419_13, 0.035_119_026_959_339_73];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(outcome(&[-4000.0, -4000.0]).probabilities(), Some(vec![0.5, 0.5]));
        assert_eq!(outcome(&[]).probabilities(), None);
        assert_eq!(outcome(&[f64::NAN, -1.0]).probabilities(), None);
    }
}
