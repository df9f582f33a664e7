//! What the parts of an artifact are called as files.

use super::{ArtifactKind, Checkpoint, Translators};

impl ArtifactKind {
    /// Names the file for a part as its readers expect it: a checkpoint's as transformers does.
    pub fn file_name(self, part: &str) -> String {
        match (self, part) {
            (Self::Checkpoint, Checkpoint::WEIGHTS) => "model.safetensors".to_owned(),
            (Self::Checkpoint, Checkpoint::LOG) => "training_log.json".to_owned(),
            (Self::TeacherLogits, "logits") => "logits.bin".to_owned(),
            (Self::TeacherLogits, "tokenizer") => "tokenizer.json".to_owned(),
            (Self::Checkpoint | Self::Tokenizer, part) => format!("{part}.json"),
            (Self::Translators, Translators::WEIGHTS) => "translators.safetensors".to_owned(),
            (Self::Translators, part) => format!("tuning_{part}.json"),
            (Self::Report, part) => part.to_owned(),
            (
                Self::Questions
                | Self::Rationales
                | Self::Attributions
                | Self::Agreement
                | Self::Readings
                | Self::TeacherLogits
                | Self::Scores,
                part,
            ) => format!("{part}.jsonl"),
        }
    }
}
