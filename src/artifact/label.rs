//! The letters of choices.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The letter of a choice, such as `A`: one uppercase ASCII letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Label(u8);

impl Label {
    /// Returns the letter of the choice at an index, 0 being `A`; `None` beyond `Z`.
    pub fn at(index: usize) -> Option<Self> {
        u8::try_from(index).ok().filter(|&i| i < 26).map(|i| Self(b'A' + i))
    }

    /// Returns the index of the choice, `A` being 0.
    pub fn index(self) -> usize {
        usize::from(self.0 - b'A')
    }

    /// Returns the letter.
    pub fn letter(self) -> char {
        char::from(self.0)
    }
}

impl TryFrom<char> for Label {
    type Error = String;

    fn try_from(letter: char) -> Result<Self, Self::Error> {
        if letter.is_ascii_uppercase() {
            Ok(Self(letter as u8))
        } else {
            Err(format!("`{letter}` is no label: expected a letter from A to Z"))
        }
    }
}

impl From<Label> for char {
    fn from(label: Label) -> Self {
        label.letter()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}
