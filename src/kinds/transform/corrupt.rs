//! `corrupt`: wrong numbers, or wrong words, in the places of right ones.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Value as Json, json};

use super::mask::is_word;
use super::{Materials, Operation};
use retort_artifact::Rationale;
use retort_fingerprint::{ContentHash, Draw, Term};
use retort_source::{Diagnostic, Node, Value};
use retort_stage::StageError;
use retort_stage::params::{FromNode, Scope};
use retort_text::Fraction;
use retort_text::operation::{exchanged, like, numbers, other_number};
use retort_text::words::words;

retort_stage::params! {
    /// Replaces numbers by others with as many digits, or keywords by others. A number that does not begin with 0 gets none
    /// at its beginning. The numbers of numbered steps stay, and so do digits within names, as in `CO2`, but not in `20x8`.
    pub struct Corrupt {
        /// Which fraction of a rationale's numbers, or of its keywords, from 0 to 1.
        pub fraction: Fraction = Fraction::ONE,
        /// Words to replace instead of numbers, whatever their case: a mapping of each to what takes its place (`less: more`),
        /// or a list in which each gives way to any other.
        pub keywords: Option<Keywords>,
    }
}

/// Words and what takes their place.
#[derive(Debug, Clone)]
pub enum Keywords {
    /// Each word, in lower case, with its own replacement.
    Mapped(BTreeMap<String, String>),
    /// Each of some different words gives way to any other of them.
    Listed(Vec<String>),
}

impl Operation for Corrupt {
    const NAME: &'static str = "corrupt";
    const REVISION: u32 = 2;
    const ABOUT: &'static str = "Replaces numbers by other numbers, or keywords by other words.";

    fn apply(&self, rows: Vec<Rationale>, materials: &Materials<'_>) -> Result<Vec<Rationale>, StageError> {
        let (total, mut without, mut rounded) = (rows.len(), Vec::new(), Vec::new());
        let rows = materials.each(rows, |row, draw| {
            let text = row.text.as_str();
            let places = match &self.keywords {
                None => numbers(text),
                Some(keywords) => keywords.places(text),
            };
            if places.is_empty() {
                without.push(row.id.clone());
            } else if self.fraction.of(places.len()) == 0 {
                rounded.push(row.id.clone());
            }
            // Each has its replacement drawn, whether it is chosen or not, so that another fraction changes none of them.
            let chosen: BTreeSet<usize> =
                draw.sample(places.len(), self.fraction.of(places.len())).into_iter().collect();
            let other = |place: &Range<usize>| match &self.keywords {
                None => other_number(&text[place.clone()], draw),
                Some(keywords) => keywords.other(&text[place.clone()], draw),
            };
            let others: Vec<String> = places.iter().map(other).collect();
            let pieces = places.into_iter().zip(&others).enumerate().filter(|(index, _)| chosen.contains(index));
            Ok(exchanged(text, pieces.map(|(_, (place, other))| (place, other.as_str()))))
        })?;
        let what = if self.keywords.is_none() { "number" } else { "keyword" };
        if without.len() == total && total > 0 {
            return Err(materials.fail(format!("none of {total} rationales has a {what} to replace")));
        }
        materials.warn_of(&without, total, format!("have no {what} and stay as they are"));
        materials.warn_rounded(&rounded, total, Some(self.fraction), what);
        Ok(rows)
    }
}

impl Keywords {
    fn places(&self, text: &str) -> Vec<Range<usize>> {
        let is_one = |range: &Range<usize>| {
            let word = text[range.clone()].to_lowercase();
            match self {
                Self::Mapped(pairs) => pairs.contains_key(&word),
                Self::Listed(listed) => listed.iter().any(|other| other.to_lowercase() == word),
            }
        };
        words(text).into_iter().filter(is_one).collect()
    }

    /// Returns what takes a keyword's place, in its case.
    fn other(&self, word: &str, draw: &mut Draw) -> String {
        let lower = word.to_lowercase();
        let other = match self {
            Self::Mapped(pairs) => pairs.get(&lower).map(String::as_str),
            Self::Listed(listed) => {
                let others: Vec<&String> = listed.iter().filter(|other| other.to_lowercase() != lower).collect();
                draw.choose(&others).map(|other| other.as_str())
            }
        };
        like(other.unwrap_or(word), word)
    }
}

impl FromNode for Keywords {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        match &node.value {
            Value::Map(entries) if !entries.is_empty() => {
                let mut pairs = BTreeMap::new();
                for (key, value) in entries {
                    let word = key.text.to_lowercase();
                    let other = scope.within(&key.text, |scope| String::from_node(value, scope))?;
                    let wrong = if !is_word(&key.text) {
                        Some(format!("`{}` is not one word without punctuation", key.text))
                    } else if other.trim().is_empty() {
                        Some(format!("`{}` has nothing to take its place; `mask` takes words out", key.text))
                    } else if other.to_lowercase() == word {
                        Some(format!("`{}` would give way to itself", key.text))
                    } else {
                        pairs.insert(word, other).map(|_| format!("`{}` is there twice", key.text))
                    };
                    if let Some(wrong) = wrong {
                        return scope.fail(Diagnostic::at(key.span, format!("`{}`: {wrong}", scope.path())));
                    }
                }
                Some(Self::Mapped(pairs))
            }
            Value::List(_) => {
                let listed = Vec::<String>::from_node(node, scope)?;
                let lower: BTreeSet<String> = listed.iter().map(|word| word.to_lowercase()).collect();
                let wrong = match listed.iter().find(|word| !is_word(word)) {
                    Some(other) => format!("`{other}` is not one word without punctuation"),
                    None if lower.len() < listed.len() => "a word is there twice".to_owned(),
                    None if listed.len() < 2 => "one word alone has no other to give way to".to_owned(),
                    None => return Some(Self::Listed(listed)),
                };
                scope.fail(Diagnostic::at(node.span, format!("`{}`: {wrong}", scope.path())))
            }
            _ => {
                let wrong = format!("`{}` cannot be {}", scope.path(), node.describe());
                scope.fail(
                    Diagnostic::at(node.span, wrong).label("expected words, as `{ less: more }` or `[less, more]`"),
                )
            }
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "object", "additionalProperties": { "type": "string" }, "minProperties": 1 },
            { "type": "array", "items": { "type": "string" }, "minItems": 2 },
            { "type": "string", "pattern": r"^\$\{[^}]+\}$" }
        ] })
    }
}

impl ContentHash for Keywords {
    fn term(&self) -> Term {
        match self {
            Self::Mapped(pairs) => pairs.term(),
            Self::Listed(listed) => listed.term(),
        }
    }
}
