//! What answers a question: a lettered choice, a class, a number or a text.
//!
//! This is the data alone. How answers are written, read and compared is told in `retort_text::answer`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Label;
use retort_fingerprint::{ContentHash, Term};

/// The answer to a question. A choice is written in files as its letter, anything else as a mapping of one key:
/// `"B"`, `{"class":"entailment"}`, `{"number":"1,000"}`, `{"text":"Ada Lovelace"}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub enum Answer {
    /// The letter of a choice.
    Choice(Label),
    /// The name of a class, such as `yes` or `entailment`.
    Class(String),
    /// A number, as it was written.
    Number(String),
    /// A short text.
    Text(String),
}

/// How an answer stands in a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire {
    Letter(Label),
    Open(Open),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Open {
    Class(String),
    Number(String),
    Text(String),
}

impl From<Wire> for Answer {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Letter(label) => Self::Choice(label),
            Wire::Open(Open::Class(name)) => Self::Class(name),
            Wire::Open(Open::Number(number)) => Self::Number(number),
            Wire::Open(Open::Text(text)) => Self::Text(text),
        }
    }
}

impl From<Answer> for Wire {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Choice(label) => Self::Letter(label),
            Answer::Class(name) => Self::Open(Open::Class(name)),
            Answer::Number(number) => Self::Open(Open::Number(number)),
            Answer::Text(text) => Self::Open(Open::Text(text)),
        }
    }
}

impl Answer {
    /// Returns the choice at an index, 0 being `A`; `None` beyond `Z`.
    pub fn at(index: usize) -> Option<Self> {
        Label::at(index).map(Self::Choice)
    }

    /// Returns the letter; `None` of anything but a choice.
    pub fn label(&self) -> Option<Label> {
        match self {
            Self::Choice(label) => Some(*label),
            Self::Class(_) | Self::Number(_) | Self::Text(_) => None,
        }
    }

    /// Says whether it is the letter of a choice.
    pub fn is_choice(&self) -> bool {
        self.label().is_some()
    }
}

impl From<Label> for Answer {
    fn from(label: Label) -> Self {
        Self::Choice(label)
    }
}

/// Writes it as it stands between the markers of a target.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Choice(label) => label.fmt(f),
            Self::Class(text) | Self::Number(text) | Self::Text(text) => f.write_str(text),
        }
    }
}

impl ContentHash for Answer {
    fn term(&self) -> Term {
        match self {
            // As keys had it when there was nothing but letters.
            Self::Choice(label) => Term::Text(label.to_string()),
            Self::Class(name) => Term::variant("class", name.term()),
            Self::Number(number) => Term::variant("number", number.term()),
            Self::Text(text) => Term::variant("text", text.term()),
        }
    }
}

/// What kind of answer a question has, and how two such answers are compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answers {
    /// The letter of one of its choices.
    #[default]
    Choice,
    /// One of these classes, which have no letters.
    Class(Vec<String>),
    /// A number; two are the same where their values are.
    Number,
    /// A short text; two are the same where they are once normalised as SQuAD does.
    Text,
    /// A short text; two are the same where every character is.
    Exact,
}

impl Answers {
    /// Says whether it is the letter of a choice.
    pub fn is_choice(&self) -> bool {
        *self == Self::Choice
    }
}

impl ContentHash for Answers {
    fn term(&self) -> Term {
        match self {
            Self::Choice => Term::variant("choice", Term::None),
            Self::Class(names) => Term::variant("class", names.term()),
            Self::Number => Term::variant("number", Term::None),
            Self::Text => Term::variant("text", Term::None),
            Self::Exact => Term::variant("exact", Term::None),
        }
    }
}
