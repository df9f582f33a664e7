//! A trained student, and what happened while it was trained.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::codec::{bytes_of, stored};
use super::target_log::{MixedDataset, TargetLog};
use super::{Artifact, ArtifactKind, Chat, CodecError, Part, Parts, Think};
use retort_fingerprint::Digest;

/// Where a target puts its rationale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// The label alone: the baseline.
    None,
    /// Rationale, then label: the student reasons before it answers.
    Before,
    /// Label, then rationale: the student answers at once.
    After,
    /// Rationale, label, and the rationale again: the student reasons before it answers.
    Both,
}

retort_fingerprint::words!(Placement { None = "none", Before = "before", After = "after", Both = "both" });

impl Placement {
    /// Says whether the label is the first thing that a student writes.
    pub fn label_first(self) -> bool {
        match self {
            Self::None | Self::After => true,
            Self::Before | Self::Both => false,
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Before => "before",
            Self::After => "after",
            Self::Both => "both",
        })
    }
}

/// How a student was taught to write, which whoever reads its answers must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// Where its targets put the rationale.
    pub placement: Placement,
    /// The marker around the label, such as `[FIN_LABEL]`; it is not written where there is an answer form.
    pub marker: String,
    /// The sentence that states the answer, with `{answer}` in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_form: Option<String>,
    /// The brackets around a rationale that stands before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think: Option<Think>,
    /// What a chat template writes before everything that the student is taught to say, such as an empty pair of brackets for
    /// thoughts. The student writes it too, and it is no part of the answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lead: String,
}

impl Format {
    /// Makes the format of targets with a marker around the label.
    pub fn marked(placement: Placement, marker: impl Into<String>) -> Self {
        Self { placement, marker: marker.into(), answer_form: None, think: None, lead: String::new() }
    }
}

/// One of several targets that a student was taught: how it is asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetUsage {
    /// Its name.
    pub name: String,
    /// Where it has its rationale; `None` where it is the rationale alone, without an answer.
    pub placement: Option<Placement>,
    /// The template of its prompts.
    pub prompt: String,
}

/// How a student is asked and read: what everyone needs who puts a question to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// How it was taught to write.
    pub format: Format,
    /// The template of its prompts; with a chat template, of the user's message.
    pub prompt: String,
    /// The tokens that stand before every text, such as `<s>`.
    #[serde(default)]
    pub begin: Vec<String>,
    /// The token that ends a sequence, if it was taught one; with a chat template, the one that ends the assistant's turn.
    pub end: Option<String>,
    /// How it is talked to, where a chat template writes its prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<Chat>,
    /// The targets that it was taught, where there are several; the format and the prompt above are those of one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetUsage>,
}

/// One evaluation on the dev split during training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The optimiser step after which it was taken.
    pub step: u64,
    /// The fraction of dev questions answered right, from 0 to 1.
    pub accuracy: f64,
}

/// What happened while a student was trained. It holds no times, so that equal trainings have equal logs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingLog {
    /// Training examples after those without a rationale were left out.
    pub examples: usize,
    /// Questions left out because they have no rationale.
    pub without_rationale: usize,
    /// Questions without a rationale that are trained on the label alone.
    #[serde(default)]
    pub label_alone: usize,
    /// Examples whose rationale is blank, as a transform may leave it: they are trained on the label alone.
    #[serde(default)]
    pub blank: usize,
    /// Rationales of questions that are not in the train split, which are not read.
    #[serde(default)]
    pub strays: usize,
    /// Examples whose attribution has no score above zero, so that their rationale's tokens weigh the same.
    #[serde(default)]
    pub unscored: usize,
    /// Examples cut to the maximum length.
    pub truncated: usize,
    /// What was trained on of each dataset, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<MixedDataset>,
    /// How the training of each target went, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetLog>,
    /// The mean loss of each optimiser step, in nats per target token, each by its weight; of several targets the sum of their
    /// mean losses, each by its weight.
    pub losses: Vec<f32>,
    /// The learning rate of each optimiser step.
    #[serde(default)]
    pub learning_rates: Vec<f32>,
    /// The norm of the gradient in each optimiser step, before clipping.
    #[serde(default)]
    pub grad_norms: Vec<f32>,
    /// The tokens that went through the student in all steps, padding not counted.
    #[serde(default)]
    pub tokens: u64,
    /// Dev evaluations in their order.
    pub evaluations: Vec<Evaluation>,
    /// The step whose weights were kept.
    pub best_step: u64,
    /// Whether training ended before its last step for want of improvement.
    pub stopped_early: bool,
}

/// A student in Hugging Face's layout. Parts: `config`, `log`, `tokenizer`, `usage`, `weights`; and, where the weights of each
/// evaluation were kept, `weights-<step>` for each, which only `export` reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// `config.json`.
    pub config: Vec<u8>,
    /// `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// `model.safetensors`, which is in the store.
    pub weights: Digest,
    /// How it is asked and read.
    pub usage: Usage,
    /// How its training went.
    pub log: TrainingLog,
}

impl Checkpoint {
    /// The part that has the log of its training.
    pub const LOG: &'static str = "log";

    /// The part that has its weights.
    pub const WEIGHTS: &'static str = "weights";

    /// The parts that decide what the student answers: everything but the log.
    pub const MODEL_PARTS: [&'static str; 4] = ["config", "tokenizer", "usage", "weights"];

    /// Names the part that has the weights after a step, as they were evaluated.
    pub fn step_part(step: u64) -> String {
        format!("{STEP_PART}{step}")
    }

    /// Returns the step whose weights a part has; `None` for any other part.
    pub fn step_of(part: &str) -> Option<u64> {
        part.strip_prefix(STEP_PART)?.parse().ok()
    }

    /// Decodes the part `log` alone.
    pub fn decode_log(bytes: &[u8]) -> Result<TrainingLog, CodecError> {
        json("training log", bytes)
    }
}

/// How the names of parts begin that have the weights after a step.
const STEP_PART: &str = "weights-";

fn json<T: serde::de::DeserializeOwned>(format: &'static str, bytes: &[u8]) -> Result<T, CodecError> {
    serde_json::from_slice(bytes).map_err(|error| CodecError::Row {
        format,
        line: error.line(),
        why: error.to_string(),
    })
}

impl Artifact for Checkpoint {
    const KIND: ArtifactKind = ArtifactKind::Checkpoint;
    const STORED: &'static [&'static str] = &["weights"];

    fn encode(&self) -> Parts {
        let Self { config, tokenizer, weights, usage, log } = self;
        let json = |value: Result<Vec<u8>, _>| Part::Bytes(value.expect("plain structs encode as JSON"));
        Parts::from([
            ("config".to_owned(), config.clone().into()),
            ("tokenizer".to_owned(), tokenizer.clone().into()),
            ("weights".to_owned(), Part::Stored(*weights)),
            ("usage".to_owned(), json(serde_json::to_vec(usage))),
            ("log".to_owned(), json(serde_json::to_vec(log))),
        ])
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let part = |name: &str| bytes_of(parts, "checkpoint", name);
        Ok(Self {
            config: part("config")?.to_vec(),
            tokenizer: part("tokenizer")?.to_vec(),
            weights: stored(parts, "checkpoint", "weights")?,
            usage: json("checkpoint usage", part("usage")?)?,
            log: parts.get("log").and_then(Part::bytes).map(Self::decode_log).transpose()?.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let format = Format::marked(Placement::After, "#");
        Checkpoint {
            config: b"{}".to_vec(),
            tokenizer: b"[]".to_vec(),
            weights: Digest::of(b"weights"),
            usage: Usage { format, prompt: "?".into(), begin: Vec::new(), end: None, chat: None, targets: Vec::new() },
            log: TrainingLog { best_step: 7, ..TrainingLog::default() },
        }
    }

    #[test]
    fn a_checkpoint_survives_its_codec_and_its_weights_stay_where_they_are() {
        let found = checkpoint();
        let mut parts = found.encode();
        assert_eq!(Checkpoint::decode(&parts).unwrap(), found);
        let in_memory: Vec<&String> =
            parts.iter().filter(|(_, part)| part.bytes().is_some()).map(|(name, _)| name).collect();
        assert_eq!(in_memory, ["config", "log", "tokenizer", "usage"]);
        assert_eq!(parts["weights"], Part::Stored(found.weights));
        // A reader need not ask for the log.
        parts.remove("log");
        assert_eq!(Checkpoint::decode(&parts).unwrap(), Checkpoint { log: TrainingLog::default(), ..found });
    }

    #[test]
    fn how_a_student_is_asked_is_written_as_before_unless_it_is_talked_to() {
        let usage = checkpoint().usage;
        let plain = r##"{"format":{"placement":"after","marker":"#"},"prompt":"?","begin":[],"end":null}"##;
        assert_eq!(serde_json::to_string(&usage).unwrap(), plain);
        assert_eq!(serde_json::from_str::<Usage>(plain).unwrap(), usage);
        let think = Think { open: "<t>".into(), close: "</t>".into(), opened: true };
        let format = Format {
            answer_form: Some("So {answer}.".into()),
            think: Some(think),
            lead: "<t></t>".into(),
            ..usage.format.clone()
        };
        let special = [("eos_token".to_owned(), "</s>".into())].into();
        let chat =
            Chat { template: "{{ x }}".into(), special, system: Some("Be brief.".into()), stops: vec!["</s>".into()] };
        let talked = Usage { format, chat: Some(chat), ..usage };
        assert_eq!(serde_json::from_str::<Usage>(&serde_json::to_string(&talked).unwrap()).unwrap(), talked);
    }

    #[test]
    fn a_part_that_lacks_or_is_not_in_memory_is_named() {
        for part in Checkpoint::MODEL_PARTS {
            let mut parts = checkpoint().encode();
            parts.remove(part);
            let error = Checkpoint::decode(&parts).unwrap_err().to_string();
            assert_eq!(error, format!("cannot decode `checkpoint`: its part `{part}` is missing"));
        }
        let mut parts = checkpoint().encode();
        parts.insert("usage".into(), Part::Stored(Digest::of(b"usage")));
        assert!(Checkpoint::decode(&parts).is_err());
    }
}
