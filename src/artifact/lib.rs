//! The plain data on the edges of an experiment, and its versioned codecs.
//!
//! An artifact is a set of named *parts*, each of which becomes one blob. A stage's key takes the digest of just the
//! parts it reads, so that a changed test question leaves a training run alone. A part that may be too large for memory,
//! such as weights, is held by its digest alone: it is written to the store while it is made, and read from there. Row
//! artifacts are JSON lines behind a header line that names the format and its version: equal values give equal bytes, and
//! a person can read them.
//!
//! There is no I/O here, no tensor and no path.

mod agreement;
mod answer;
mod attribution;
mod chat;
mod checkpoint;
mod codec;
mod file_name;
mod label;
mod question;
mod rationale;
mod readings;
mod report;
mod sample;
mod scores;
mod target_log;
mod teacher_logits;
#[cfg(test)]
mod tests;
mod tokenizer;
mod translators;
mod versions;
mod votes;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use agreement::{AgreementRow, AgreementSummary, Agreements, Averaged, Matching, Measure, Measured, Words};
pub use answer::{Answer, Answers};
pub use attribution::{Attribution, Attributions, Completeness, CompletenessSummary, TokenScore};
pub use chat::{Chat, Think};
pub use checkpoint::{Checkpoint, Evaluation, Format, Placement, TargetUsage, TrainingLog, Usage};
pub use codec::{CodecError, Part, Parts};
pub use label::Label;
pub use question::{Choice, Question, Questions, Split};
pub use rationale::{Rationale, Rationales, json_term};
pub use readings::{LayerReading, Lens, ReadingRow, ReadingSummary, Readings};
pub use report::ReportFiles;
pub use sample::{Reading, Sample, Vote};
pub use scores::{Likelihood, Outcome, Scores, Strictness};
pub use target_log::{MixedDataset, TargetLog};
pub use teacher_logits::{TaughtSequence, TeacherLogits, TeacherRow};
pub use tokenizer::TokenizerFile;
pub use translators::{Translators, TuningLog};
pub use votes::{Elicited, Poll, Right, Votes};

/// A value that travels along an edge.
pub trait Artifact: Sized {
    /// What kind of edge it travels on.
    const KIND: ArtifactKind;

    /// The parts that are not read into memory to decode it: [`Part::Stored`].
    const STORED: &'static [&'static str] = &[];

    /// Encodes every part; equal values give equal bytes.
    fn encode(&self) -> Parts;

    /// Decodes from the parts that are given; a part that was not asked for may be absent.
    fn decode(parts: &Parts) -> Result<Self, CodecError>;
}

/// The kinds of artifact, which are the types of edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactKind {
    /// Questions, by split.
    Questions,
    /// Rationales, by question.
    Rationales,
    /// Scores of a rationale's tokens, by question.
    Attributions,
    /// How far two selections of a rationale's words agree, by question.
    Agreement,
    /// A tokenizer in Hugging Face's `tokenizer.json` form.
    Tokenizer,
    /// A trained student in Hugging Face's layout, with the log of its training.
    Checkpoint,
    /// The translators of a tuned lens, with the log of their training.
    Translators,
    /// What the layers of a student say while it answers, by question.
    Readings,
    /// What a teacher holds likely at each place of the sequences that a student is trained on.
    #[serde(rename = "teacher logits")]
    TeacherLogits,
    /// What a student answered, by question.
    Scores,
    /// Tables, figures and pages.
    Report,
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Questions => "questions",
            Self::Rationales => "rationales",
            Self::Attributions => "attributions",
            Self::Agreement => "agreement",
            Self::Tokenizer => "tokenizer",
            Self::Checkpoint => "checkpoint",
            Self::Translators => "translators",
            Self::Readings => "readings",
            Self::TeacherLogits => "teacher logits",
            Self::Scores => "scores",
            Self::Report => "report",
        })
    }
}
