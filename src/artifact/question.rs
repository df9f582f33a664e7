//! Questions and their choices.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::versions::Versions;
use super::{Answer, Answers, Artifact, ArtifactKind, CodecError, Label, Parts};

const FORMAT: Versions = Versions::of("questions");

/// One answer that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Its letter.
    pub label: Label,
    /// Its words.
    pub text: String,
}

/// One question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The dataset's own identifier, unique within a split.
    pub id: String,
    /// The words of the question, without its choices.
    pub stem: String,
    /// What kind of answer it has.
    #[serde(default, skip_serializing_if = "Answers::is_choice")]
    pub answers: Answers,
    /// The choices, in the dataset's order; none where the answer is no choice.
    pub choices: Vec<Choice>,
    /// The right answer; `None` in test files that withhold it.
    pub answer: Option<Answer>,
    /// A rationale that the dataset itself carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// Further fields of the dataset, for templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Json>,
}

impl Question {
    /// Returns the words of a choice.
    pub fn choice(&self, label: Label) -> Option<&str> {
        self.choices.iter().find(|choice| choice.label == label).map(|choice| choice.text.as_str())
    }

    /// Returns the words of an answer: those of the choice with its letter, or the answer itself.
    pub fn words<'a>(&'a self, answer: &'a Answer) -> Option<&'a str> {
        match answer {
            Answer::Choice(label) => self.choice(*label),
            Answer::Class(text) | Answer::Number(text) | Answer::Text(text) => Some(text),
        }
    }

    /// Says whether it can be written in the first version of the format, which had lettered choices alone.
    fn is_lettered(&self) -> bool {
        self.answers.is_choice() && self.fields.is_empty() && self.answer.as_ref().is_none_or(Answer::is_choice)
    }
}

/// The part of a dataset that questions belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What students are trained on.
    Train,
    /// What checkpoints are chosen by.
    Dev,
    /// What results are reported on.
    Test,
}

retort_fingerprint::words!(Split { Train = "train", Dev = "dev", Test = "test" });

impl Split {
    /// Every split, in the usual order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Dev, Self::Test];

    /// Returns the name, which is also the name of the artifact's part.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Dev => "dev",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A dataset: questions by split. Parts: `train`, `dev`, `test`, each present even when empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// The questions of each split that was read.
    pub splits: BTreeMap<Split, Vec<Question>>,
}

impl Questions {
    /// Returns the questions of a split; none when it is absent.
    pub fn split(&self, split: Split) -> &[Question] {
        self.splits.get(&split).map_or(&[], Vec::as_slice)
    }
}

impl Artifact for Questions {
    const KIND: ArtifactKind = ArtifactKind::Questions;

    fn encode(&self) -> Parts {
        Split::ALL
            .into_iter()
            .map(|split| (split.name().to_owned(), FORMAT.encode(self.split(split), Question::is_lettered)))
            .collect()
    }

    fn decode(parts: &Parts) -> Result<Self, CodecError> {
        let present = Split::ALL.into_iter().filter(|split| parts.contains_key(split.name()));
        let splits = present.map(|split| Ok((split, FORMAT.part(parts, split.name())?))).collect::<Result<_, _>>()?;
        Ok(Self { splits })
    }
}
