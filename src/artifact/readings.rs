//! What the layers of a student would say next, place by place, while it answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::codec::RowFormat;
use super::versions::Versions;
use super::{Answer, Artifact, ArtifactKind, CodecError, Parts};

const ROWS: Versions = Versions::of("readings");
const SUMMARY: RowFormat = RowFormat { name: "readings-summary", version: 1 };

/// Through what a layer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lens {
    /// The student's own last norm and head.
    Logit,
    /// The same behind a translator that was trained for the layer.
    Tuned,
}

retort_fingerprint::words!(Lens { Logit = "logit", Tuned = "tuned" });

impl fmt::Display for Lens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logit => "logit",
            Self::Tuned => "tuned",
        })
    }
}

/// What one layer says at each place that was read; every list has one entry for each place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerReading {
    /// The layer: 0 for the embeddings, `k` after `k` blocks.
    pub layer: usize,
    /// The likeliest token.
    pub top: Vec<String>,
    /// Its probability.
    pub top_probability: Vec<f32>,
    /// The probability of the label; where the label begins, that of the whole label if so declared.
    pub probability: Vec<f32>,
    /// The entropy of the layer's distribution, in nats.
    pub entropy: Vec<f32>,
    /// The Kullback-Leibler divergence of the student's distribution from the layer's, in nats.
    pub divergence: Vec<f32>,
    /// The rank of the label's token: 1 where nothing is likelier.
    pub rank: Vec<u32>,
}

/// What the layers say while a student answers one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingRow {
    /// The question's identifier.
    pub id: String,
    /// The right answer, which is followed: its letter, or the words it is written with.
    pub answer: Answer,
    /// Whether the student answers right.
    pub correct: bool,
    /// The tokens of the text that come next at each place that was read.
    pub tokens: Vec<String>,
    /// Places of the output before the first that was read.
    pub skipped: usize,
    /// The place, in `tokens`, where the label occurs first; `None` where it never does.
    pub label_at: Option<usize>,
    /// How many tokens the label is written with.
    pub label_tokens: usize,
    /// The layers that were read, ascending.
    pub layers: Vec<LayerReading>,
}

impl ReadingRow {
    /// Returns the probability of the label where it occurs first, by layer; `None` where it never does.
    pub fn trajectory(&self) -> Option<Vec<f64>> {
        let at = self.label_at?;
        self.layers.iter().map(|layer| layer.probability.get(at).copied().map(f64::from)).collect()
    }
}

/// What was read, in a few numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingSummary {
    /// Through what.
    pub lens: Lens,
    /// The layers that were read, ascending.
    pub layers: Vec<usize>,
    /// The last layer, which is the student's output: its number of blocks.
    pub last: usize,
    /// Questions that were read.
    pub questions: usize,
    /// Questions that the student answers right.
    pub correct: usize,
    /// Questions in whose text the right label never occurs.
    pub without_label: usize,
    /// Questions whose label is written with several tokens.
    pub several_tokens: usize,
    /// Questions that were left out because they have no rationale to be read on.
    pub without_rationale: usize,
}

/// Readings in the order of the questions. Parts: `rows`, `summary`.
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    /// One row for each question that was read.
    pub rows: Vec<ReadingRow>,
    /// All of them together.
    pub summary: ReadingSummary,
}

impl Artifact for Readings {
    const KIND: ArtifactKind = ArtifactKind::Readings;

    fn encode(&self) -> Parts {
        let Self { rows, summary } = self;
        Parts::from([
            ("rows".to_owned(), ROWS.encode(rows, |row| row.answer.is_choice())),
            ("summary".to_owned(), SUMMARY.encode(std::slice::from_ref(summary))),
        ])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let missing = || CodecError::MissingPart { format: SUMMARY.name, part: "summary".to_owned() };
        let summary = SUMMARY.part(parts, "summary")?.pop().ok_or_else(missing)?;
        Ok(Self { rows: ROWS.part(parts, "rows")?, summary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings() -> Readings {
        let layer = |layer, probability: f32| LayerReading {
            layer,
            top: vec![" the".into(), " B".into()],
            top_probability: vec![0.5, 0.75],
            probability: vec![0.1, probability],
            entropy: vec![2.0, 0.25],
            divergence: vec![1.0, 0.0],
            rank: vec![17, 1],
        };
        let row = ReadingRow {
            id: "q".into(),
            answer: Answer::at(1).unwrap(),
            correct: true,
            tokens: vec!["[FIN_LABEL]".into(), " B".into()],
            skipped: 3,
            label_at: Some(1),
            label_tokens: 1,
            layers: vec![layer(0, 0.0), layer(2, 0.75)],
        };
        let summary = ReadingSummary {
            lens: Lens::Tuned,
            layers: vec![0, 2],
            last: 2,
            questions: 1,
            correct: 1,
            without_label: 0,
            several_tokens: 0,
            without_rationale: 0,
        };
        Readings { rows: vec![row], summary }
    }

    #[test]
    fn readings_survive_their_codec() {
        let found = readings();
        let parts = found.encode();
        assert_eq!(Readings::decode(&parts).unwrap(), found);
        assert_eq!(Readings::decode(&parts).unwrap().encode(), parts);
        let rows = Parts::from([("rows".to_owned(), parts["rows"].clone())]);
        let error = Readings::decode(&rows).unwrap_err().to_string();
        assert_eq!(error, "cannot decode `readings-summary`: its part `summary` is missing");
    }

    #[test]
    fn a_label_is_followed_where_it_occurs() {
        let mut row = readings().rows.remove(0);
        assert_eq!(row.trajectory(), Some(vec![0.0, 0.75]));
        row.label_at = None;
        assert_eq!(row.trajectory(), None);
    }
}
