//! How much each token of a rationale matters to the label.

use serde::{Deserialize, Serialize};

use super::codec::RowFormat;
use super::{Artifact, ArtifactKind, CodecError, Parts};

const FORMAT: RowFormat = RowFormat { name: "attributions", version: 1 };

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
    /// |sum of attributions − (f(input) − f(baseline))|, in units of f: 0 for a perfect quadrature.
    pub completeness_error: f64,
}

/// Attributions in the order of their rationales. Part: `rows`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributions {
    /// The scored rationales.
    pub rows: Vec<Attribution>,
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
