//! What a student answered.

use serde::{Deserialize, Serialize};

use super::codec::RowFormat;
use super::{Artifact, ArtifactKind, CodecError, Label, Parts};

const FORMAT: RowFormat = RowFormat { name: "scores", version: 1 };

/// A student's answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The question's identifier.
    pub id: String,
    /// The right choice.
    pub answer: Label,
    /// How many choices there were: chance is one of them.
    pub choices: usize,
    /// The label read from the output; `None` when none could be read, which counts as wrong.
    pub predicted: Option<Label>,
    /// The output as it was generated.
    pub output: String,
    /// Tokens generated.
    pub tokens: usize,
}

impl Outcome {
    /// Says whether the answer is right.
    pub fn correct(&self) -> bool {
        self.predicted == Some(self.answer)
    }
}

/// Answers in the order of the questions. Part: `rows`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scores {
    /// One outcome for each question that has a known answer.
    pub rows: Vec<Outcome>,
}

impl Artifact for Scores {
    const KIND: ArtifactKind = ArtifactKind::Scores;

    fn encode(&self) -> Parts {
        Parts::from([("rows".to_owned(), FORMAT.encode(&self.rows))])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        Ok(Self { rows: FORMAT.part(parts, "rows")? })
    }
}
