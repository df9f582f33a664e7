//! How much each token of a rationale matters to the label.

use serde::{Deserialize, Serialize};

use super::codec::RowFormat;
use super::{Artifact, ArtifactKind, CodecError, Parts};

const FORMAT: RowFormat = RowFormat { name: "attributions", version: 2 };

/// One token of a rationale and its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenScore {
    /// Where the token stands in the rationale's text, as byte offsets `[start, end)`.
    pub span: (usize, usize),
    /// Its attribution: larger means that it matters more.
    pub score: f64,
}

/// The scores of one rationale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// The question's identifier.
    pub id: String,
    /// The rationale's sample number.
    pub sample: u32,
    /// The rationale the scores belong to.
    pub text: String,
    /// The tokens in their order.
    pub tokens: Vec<TokenScore>,
    /// How far the scores are from adding up, where they should: integrated gradients alone have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Completeness>,
}

/// How far attributions are from adding up to the change of the function from the baseline to the input (Sundararajan,
/// Taly and Yan 2017, "completeness").
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Completeness {
    /// |sum of the attributions − change|, in units of the function: 0 for a perfect quadrature.
    pub error: f64,
    /// The function of the input less that of the baseline.
    pub change: f64,
    /// Whether the error is a larger fraction of the change than the stage allows without a warning.
    pub beyond: bool,
}

impl Completeness {
    /// Returns the error as a fraction of the change; infinite where nothing changes and the attributions say otherwise.
    pub fn fraction(&self) -> f64 {
        if self.error == 0.0 { 0.0 } else { self.error / self.change.abs() }
    }
}

/// The completeness of many rationales in a few numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompletenessSummary {
    /// Rationales that have one.
    pub rows: usize,
    /// Their errors as fractions of the change, on average.
    pub fraction_mean: f64,
    /// The largest of these fractions.
    pub fraction_max: f64,
    /// Rationales whose fraction is beyond the bound that the stage was given.
    pub beyond: usize,
}

/// Attributions in the order of their rationales. Part: `rows`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributions {
    /// The scored rationales.
    pub rows: Vec<Attribution>,
}

impl Attributions {
    /// Summarises how far the attributions are from adding up; `None` where no rationale has it.
    pub fn completeness(&self) -> Option<CompletenessSummary> {
        let found = || self.rows.iter().filter_map(|row| row.completeness);
        let rows = found().count();
        (rows > 0).then(|| CompletenessSummary {
            rows,
            fraction_mean: found().map(|row| row.fraction()).sum::<f64>() / rows as f64,
            fraction_max: found().map(|row| row.fraction()).fold(0.0, f64::max),
            beyond: found().filter(|row| row.beyond).count(),
        })
    }
}

impl Artifact for Attributions {
    const KIND: ArtifactKind = ArtifactKind::Attributions;

    fn encode(&self) -> Parts {
        Parts::from([("rows".to_owned(), FORMAT.encode(&self.rows))])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        Ok(Self { rows: FORMAT.part(parts, "rows")? })
    }
}
