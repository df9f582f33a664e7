//! A table that knows nothing of how it will be shown.

use serde::{Deserialize, Serialize};

use super::label::ABSENT;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
    /// Sentences, which may be broken into lines.
    Prose,
}

/// A column's heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, with the unit.
    pub name: String,
    /// Where its text stands.
    pub align: Align,
    /// How soon it is left out where there is no room for all columns: the highest goes first, 0 stays.
    #[serde(default, skip_serializing_if = "stays")]
    pub spare: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn stays(spare: &u8) -> bool {
    *spare == 0
}

impl Column {
    /// Makes a column of words.
    pub fn words(name: impl Into<String>) -> Self {
        Self { name: name.into(), align: Align::Left, spare: 0 }
    }

    /// Makes a column of numbers.
    pub fn numbers(name: impl Into<String>) -> Self {
        Self { name: name.into(), align: Align::Right, spare: 0 }
    }

    /// Makes a column of sentences.
    pub fn prose(name: impl Into<String>) -> Self {
        Self { name: name.into(), align: Align::Prose, spare: 0 }
    }

    /// Leaves it out where there is no room for all columns; the highest goes first.
    #[must_use]
    pub fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }
}

/// On which side of its baseline an arm clearly lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Above it.
    Above,
    /// Below it.
    Below,
}

impl Side {
    /// Returns the arrow that marks it.
    pub fn arrow(self) -> &'static str {
        match self {
            Self::Above => "↑",
            Self::Below => "↓",
        }
    }
}

/// One entry of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What is shown.
    pub text: String,
    /// The finite number it is sorted by, in full precision; `None` for words and for what is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What stands below in smaller letters; empty for nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub small: String,
    /// On which side of its baseline it clearly lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Whether it is clearly the best of those it is held against.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub best: bool,
}

impl Cell {
    /// Makes an entry of words.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None, small: String::new(), side: None, best: false }
    }

    /// Makes an entry of a number and how it is written; one that is not finite is treated as words.
    pub fn number(value: f64, text: impl Into<String>) -> Self {
        Self { value: value.is_finite().then_some(value), ..Self::words(text) }
    }

    /// Writes it on one line for whoever has neither bold nor small letters.
    pub fn plain(&self) -> String {
        let mut out = self.text.clone();
        if let Some(side) = self.side {
            out = out + " " + side.arrow();
        }
        if self.best {
            out += " ★";
        }
        if self.small.is_empty() { out } else { format!("{out} ({})", self.small) }
    }
}

/// A table: every row has as many cells as there are columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, `[row][column]`.
    pub rows: Vec<Vec<Cell>>,
    /// Sentences that belong below it.
    pub notes: Vec<String>,
}

impl Table {
    /// Leaves out the columns in which nothing stands in any row.
    pub(super) fn without_blanks(mut self) -> Self {
        let blank = |at: usize| {
            self.rows.iter().all(|row| row.get(at).is_some_and(|cell| cell.text == ABSENT && cell.small.is_empty()))
        };
        let kept: Vec<bool> = (0..self.columns.len()).map(|at| self.rows.is_empty() || !blank(at)).collect();
        let mut keep = kept.iter();
        self.columns.retain(|_| *keep.next().unwrap_or(&true));
        for row in &mut self.rows {
            let mut keep = kept.iter();
            row.retain(|_| *keep.next().unwrap_or(&true));
        }
        self
    }
}
