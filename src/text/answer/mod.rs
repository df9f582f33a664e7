//! The rules of answers, all of them: how one is read, compared, guessed and ended.
//!
//! | kind | written in a target | read from an output | two are the same where | chance |
//! |---|---|---|---|---|
//! | choice | its letter | one uppercase letter of a choice | the letters are | 1 in the number of choices |
//! | class | its name | a class's name, whatever its case | the names are, whatever their case | the fraction of the commonest class |
//! | number | as in the data | a [`Number`] | the values are: `1,000`, `1000.0` and `$1000` | none |
//! | text | as in the data | anything | they are once [`normalized`] | none |
//! | exact | as in the data | anything | every character is | none |
//!
//! What stands around an answer, markers and rationale, is told in [`target`](crate::target), and how a teacher states one
//! in prose in [`statement`](crate::statement).

mod normal;
mod number;
mod unreadable;

use retort_artifact::{Answer, Answers, Choice, Label, Outcome, Question};

pub use normal::normalized;
pub use number::Number;
pub use unreadable::Unreadable;

/// The most bytes of a number as a student writes it; what is longer is none.
const NUMBER_BYTES_MAX: usize = 64;

/// What may answer a question.
#[derive(Debug, Clone, Copy)]
pub enum Expected<'a> {
    /// The letter of one of these choices.
    Choice(&'a [Choice]),
    /// One of these classes.
    Class(&'a [String]),
    /// A number.
    Number,
    /// A short text, compared after normalising.
    Text,
    /// A short text, compared as it is.
    Exact,
}

impl<'a> From<&'a Question> for Expected<'a> {
    fn from(question: &'a Question) -> Self {
        match &question.answers {
            Answers::Choice => Self::Choice(&question.choices),
            Answers::Class(names) => Self::Class(names),
            Answers::Number => Self::Number,
            Answers::Text => Self::Text,
            Answers::Exact => Self::Exact,
        }
    }
}

impl<'a> From<&'a [Choice]> for Expected<'a> {
    fn from(choices: &'a [Choice]) -> Self {
        Self::Choice(choices)
    }
}

impl<'a> From<&'a Vec<Choice>> for Expected<'a> {
    fn from(choices: &'a Vec<Choice>) -> Self {
        Self::Choice(choices)
    }
}

impl Expected<'_> {
    /// Reads an answer out of what a student wrote between the markers.
    pub fn read(self, between: &str) -> Result<Answer, Unreadable> {
        let written = between.trim();
        if written.is_empty() {
            return Err(Unreadable::NoLabel);
        }
        match self {
            Self::Choice(choices) => {
                let mut letters = written.chars();
                let label = letters.next().and_then(|letter| Label::try_from(letter).ok());
                let label = label.filter(|_| letters.next().is_none()).ok_or(Unreadable::NotALetter)?;
                let known = choices.iter().any(|choice| choice.label == label);
                if known { Ok(Answer::Choice(label)) } else { Err(Unreadable::NoChoice) }
            }
            Self::Class(names) => {
                let lower = written.to_lowercase();
                let name = names.iter().find(|name| name.to_lowercase() == lower);
                name.map(|name| Answer::Class(name.clone())).ok_or(Unreadable::NoClass)
            }
            Self::Number => {
                let number = Number::parse(written).filter(|_| written.len() <= NUMBER_BYTES_MAX);
                number.map(|_| Answer::Number(written.to_owned())).ok_or(Unreadable::NotANumber)
            }
            Self::Text | Self::Exact => Ok(Answer::Text(written.to_owned())),
        }
    }

    /// Says whether what a student has written behind the first marker, which has not been closed, settles the answer:
    /// whatever follows, the same is read, or nothing is.
    pub fn settled(self, behind: &str, marker: &str) -> bool {
        let written = behind.trim_start();
        match self {
            Self::Choice(choices) => {
                let mut letters = written.chars();
                match letters.next().map(Label::try_from) {
                    None => false,
                    Some(Ok(label)) if choices.iter().any(|choice| choice.label == label) => {
                        !marker.starts_with(letters.as_str().trim_start())
                    }
                    Some(_) => true,
                }
            }
            Self::Class(names) => {
                let lower = written.to_lowercase();
                let open = |name: &String| {
                    let name = name.to_lowercase();
                    // Part of the name, or the name and perhaps the beginning of the marker that closes it.
                    name.starts_with(&lower)
                        || (1..=written.len()).any(|end| {
                            written.is_char_boundary(end)
                                && written[..end].to_lowercase() == name
                                && marker.starts_with(written[end..].trim_start())
                        })
                };
                !names.iter().any(open)
            }
            Self::Number => {
                // The last bytes may be the beginning of the marker.
                let mut end = written.len().saturating_sub(marker.len());
                while !written.is_char_boundary(end) {
                    end -= 1;
                }
                written[..end].trim_end().len() > NUMBER_BYTES_MAX
            }
            Self::Text | Self::Exact => false,
        }
    }

    /// Says whether two answers are the same.
    pub fn same(self, one: &Answer, other: &Answer) -> bool {
        if one == other {
            return true;
        }
        let (a, b) = (one.to_string(), other.to_string());
        let (a, b) = (a.trim(), b.trim());
        match self {
            Self::Choice(_) | Self::Exact => a == b,
            Self::Class(_) => a.to_lowercase() == b.to_lowercase(),
            Self::Number => match (Number::parse(a), Number::parse(b)) {
                (Some(a), Some(b)) => a.same(b),
                _ => a == b,
            },
            Self::Text => normalized(a) == normalized(b),
        }
    }

    /// Returns a text that the same answers have in common, to group questions by.
    pub fn key(self, answer: &Answer) -> String {
        let written = answer.to_string().trim().to_owned();
        match self {
            Self::Choice(_) | Self::Exact => written,
            Self::Class(_) => written.to_lowercase(),
            Self::Number => Number::parse(&written).map_or(written, Number::key),
            Self::Text => normalized(&written),
        }
    }

    /// Takes the answer that a dataset or a file of rationales gives: the name of a class as it is declared, a number that is
    /// one. The error says what was expected.
    pub fn given(self, written: &str) -> Result<Answer, String> {
        self.read(written).map_err(|_| match self {
            Self::Choice(choices) => one_of(choices.iter().map(|choice| choice.label.to_string())),
            Self::Class(names) => one_of(names.iter().cloned()),
            Self::Number => "a number".to_owned(),
            Self::Text | Self::Exact => "text that is not blank".to_owned(),
        })
    }

    /// Returns every answer there may be, as likelihoods are asked for; `None` where the answer is open.
    pub fn all(self) -> Option<Vec<Answer>> {
        match self {
            Self::Choice(choices) => Some(choices.iter().map(|choice| Answer::Choice(choice.label)).collect()),
            Self::Class(names) => Some(names.iter().cloned().map(Answer::Class).collect()),
            Self::Number | Self::Text | Self::Exact => None,
        }
    }

    /// Returns how many answers there may be; 0 where the answer is open.
    pub fn count(self) -> usize {
        match self {
            Self::Choice(choices) => choices.len(),
            Self::Class(names) => names.len(),
            Self::Number | Self::Text | Self::Exact => 0,
        }
    }

    /// Names the kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Choice(_) => "a choice",
            Self::Class(_) => "a class",
            Self::Number => "a number",
            Self::Text | Self::Exact => "a text",
        }
    }
}

fn one_of(names: impl Iterator<Item = String>) -> String {
    format!("one of {}", names.collect::<Vec<_>>().join(", "))
}

/// What guessing gives on the questions of some outcomes.
#[derive(Debug, Clone, Copy)]
pub struct Chance {
    /// The fraction of the commonest class among the answers that are classes.
    commonest: Option<f64>,
}

impl Chance {
    /// Counts the classes.
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut counts = std::collections::BTreeMap::<&str, usize>::new();
        for outcome in outcomes {
            if let Answer::Class(name) = &outcome.answer {
                *counts.entry(name).or_default() += 1;
            }
        }
        let all: usize = counts.values().sum();
        Self { commonest: counts.values().max().map(|most| *most as f64 / all as f64) }
    }

    /// Returns the chance of a right answer by guessing: one in the number of choices, the fraction of the commonest class, and
    /// `None` where the answer is open.
    pub fn at(self, outcome: &Outcome) -> Option<f64> {
        match outcome.answer {
            Answer::Choice(_) => Some(1.0 / outcome.choices.max(1) as f64),
            Answer::Class(_) => self.commonest,
            Answer::Number(_) | Answer::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
