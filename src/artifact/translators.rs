//! The translators of a tuned lens, and how they were trained.

use serde::{Deserialize, Serialize};

use super::codec::{bytes_of, stored};
use super::{Artifact, ArtifactKind, CodecError, Part, Parts};
use retort_fingerprint::Digest;

/// What happened while translators were trained. It holds no times, so that equal trainings have equal logs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TuningLog {
    /// The digest of the weights of the student they were trained for.
    pub student: String,
    /// Passages of text that were learned from.
    pub passages: usize,
    /// Passages that were kept apart, to measure on.
    pub held_out: usize,
    /// Questions left out because they have no rationale.
    pub without_rationale: usize,
    /// Passages cut to the maximum length.
    pub truncated: usize,
    /// Whether only the biases were learned.
    pub bias_only: bool,
    /// The divergence of the student's distribution from a layer's at each step, in nats, averaged over places and layers.
    pub divergences: Vec<f32>,
    /// The learning rate of each step.
    pub learning_rates: Vec<f32>,
    /// The norm of the gradient in each step, before clipping.
    pub grad_norms: Vec<f32>,
    /// The divergence of each layer on the text kept apart, without translators: the logit lens.
    pub before: Vec<f64>,
    /// The same with them.
    pub after: Vec<f64>,
}

/// Translators as a safetensors file, with the log of their training. Parts: `log`, `translators`.
#[derive(Debug, Clone, PartialEq)]
pub struct Translators {
    /// The file, which is in the store: `<layer>.weight` and `<layer>.bias`.
    pub weights: Digest,
    /// How their training went.
    pub log: TuningLog,
}

impl Translators {
    /// The part that has the log of their training.
    pub const LOG: &'static str = "log";

    /// The part that has the translators themselves.
    pub const WEIGHTS: &'static str = "translators";

    /// Decodes the part `log` alone.
    pub fn decode_log(bytes: &[u8]) -> Result<TuningLog, CodecError> {
        serde_json::from_slice(bytes).map_err(|error| CodecError::Row {
            format: "tuning log",
            line: error.line(),
            why: error.to_string(),
        })
    }
}

impl Artifact for Translators {
    const KIND: ArtifactKind = ArtifactKind::Translators;
    const STORED: &'static [&'static str] = &["translators"];

    fn encode(&self) -> Parts {
        let Self { weights, log } = self;
        Parts::from([
            ("log".to_owned(), Part::Bytes(serde_json::to_vec(log).expect("plain structs encode as JSON"))),
            ("translators".to_owned(), Part::Stored(*weights)),
        ])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let log = Self::decode_log(bytes_of(parts, "translators", "log")?)?;
        Ok(Self { weights: stored(parts, "translators", "translators")?, log })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translators_survive_their_codec() {
        let log = TuningLog { student: "d1".into(), divergences: vec![0.5], after: vec![0.25], ..TuningLog::default() };
        let found = Translators { weights: Digest::of(&[1, 2, 3]), log };
        let mut parts = found.encode();
        assert_eq!(Translators::decode(&parts).unwrap(), found);
        parts.remove("log");
        let error = Translators::decode(&parts).unwrap_err().to_string();
        assert_eq!(error, "cannot decode `translators`: its part `log` is missing");
    }
}
