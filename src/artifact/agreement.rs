//! How far two selections of words agree: one of interest, and one that is taken as the reference.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::codec::RowFormat;
use super::{Artifact, ArtifactKind, CodecError, Parts};

const ROWS: RowFormat = RowFormat { name: "agreements", version: 1 };
const SUMMARY: RowFormat = RowFormat { name: "agreement-summary", version: 1 };

/// When a word that both selections touch counts as one that both selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matching {
    /// As soon as both have any piece of it.
    Subword,
    /// Only where both have the same pieces of it.
    Exact,
}

retort_fingerprint::words!(Matching { Subword = "subword", Exact = "exact" });

/// A measure of agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// The fraction of the selected words that the reference has.
    Precision,
    /// The fraction of the reference's words that are selected.
    Recall,
    /// The harmonic mean of precision and recall.
    F1,
    /// The fraction of shared words among all that either has.
    Jaccard,
}

/// What a measure is an average of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Averaged {
    /// All words of all rationales together.
    Micro,
    /// Rationales, each with its own value.
    Macro,
}

/// The words of one rationale that both selections have, and those that only one has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// Selected, and in the reference.
    pub shared: Vec<String>,
    /// Selected alone.
    pub selected: Vec<String>,
    /// In the reference alone.
    pub reference: Vec<String>,
}

/// Two selections from one rationale. A measure is `None` where nothing can be said: precision where no word is
/// selected, recall where the reference has none, the others where both are so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgreementRow {
    /// The question's identifier.
    pub id: String,
    /// The rationale's sample number.
    pub sample: u32,
    /// Words that are selected.
    pub selected: usize,
    /// Words that the reference has.
    pub reference: usize,
    /// Words that count as both.
    pub shared: usize,
    /// Precision.
    pub precision: Option<f64>,
    /// Recall.
    pub recall: Option<f64>,
    /// F1.
    pub f1: Option<f64>,
    /// Jaccard's index.
    pub jaccard: Option<f64>,
    /// The precision expected of as many words drawn at random.
    pub chance_precision: Option<f64>,
    /// The recall expected of as many words drawn at random.
    pub chance_recall: Option<f64>,
    /// The words.
    pub words: Words,
}

/// One measure over all rationales.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The measure.
    pub measure: Measure,
    /// What it is an average of.
    pub averaged: Averaged,
    /// Its value, from 0 to 1.
    pub value: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end of its interval.
    pub high: f64,
    /// What is expected where as many words of each rationale are drawn at random; `None` where it is not known exactly.
    pub chance: Option<f64>,
    /// Rationales that it can be said of.
    pub rationales: usize,
}

/// The agreement over all rationales.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgreementSummary {
    /// When a word counts as shared.
    pub matching: Matching,
    /// Rationales that both selections are from.
    pub rationales: usize,
    /// Questions they belong to.
    pub questions: usize,
    /// Rationales of the selection that the reference lacks, and which are left out.
    pub only_selected: usize,
    /// Rationales of the reference that the selection lacks, and which are left out.
    pub only_reference: usize,
    /// The confidence level of the intervals.
    pub level: f64,
    /// The measures, those over words first; one that can be said of no rationale is left out.
    pub measures: Vec<Measured>,
}

/// Agreement rationale by rationale, in the order of the rationales, and over all. Parts: `rows`, `summary`.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreements {
    /// One row for each rationale that both selections are from.
    pub rows: Vec<AgreementRow>,
    /// All of them together.
    pub summary: AgreementSummary,
}

impl Measure {
    /// Every measure, in the order of tables.
    pub const ALL: [Self; 4] = [Self::Precision, Self::Recall, Self::F1, Self::Jaccard];
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "F1",
            Self::Jaccard => "Jaccard",
        })
    }
}

impl fmt::Display for Averaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Micro => "micro",
            Self::Macro => "macro",
        })
    }
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subword => "subword",
            Self::Exact => "exact",
        })
    }
}

impl AgreementSummary {
    /// Encodes the part `summary` alone.
    pub fn encode(&self) -> Parts {
        Parts::from([("summary".to_owned(), SUMMARY.encode(std::slice::from_ref(self)))])
    }

    /// Decodes the part `summary` alone.
    pub fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let missing = || CodecError::MissingPart { format: SUMMARY.name, part: "summary".to_owned() };
        SUMMARY.part(parts, "summary")?.pop().ok_or_else(missing)
    }

    /// Returns a measure, where it can be said of some rationale.
    pub fn get(&self, measure: Measure, averaged: Averaged) -> Option<&Measured> {
        self.measures.iter().find(|found| found.measure == measure && found.averaged == averaged)
    }
}

impl Artifact for Agreements {
    const KIND: ArtifactKind = ArtifactKind::Agreement;

    fn encode(&self) -> Parts {
        let Self { rows, summary } = self;
        let mut parts = summary.encode();
        parts.insert("rows".to_owned(), ROWS.encode(rows));
        parts
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        Ok(Self { rows: ROWS.part(parts, "rows")?, summary: AgreementSummary::decode(parts)? })
    }
}
