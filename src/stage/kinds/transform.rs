//! `transform`: rationales changed step by step, each row by its own chance.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::artifact::{Attribution, Attributions, Rationales, TokenizerFile};
use crate::source::{Diagnostic, Node, Value};
use crate::stage::params::{Count, FromNode, Input, Scope, Seed};
use crate::stage::{Context, Stage, StageError};
use crate::text::Fraction;
use crate::text::operation::{self, Level, Operation, Subwords};
use crate::text::tokenizer::Tokenizer;

use super::sequence::data;

crate::words!(read Level { Word = "word", Token = "token", Sentence = "sentence" });
crate::words!(read Subwords { Joined = "joined", Apart = "apart" });

impl FromNode for Fraction {
    fn from_node(node: &Node, scope: &mut Scope<'_>) -> Option<Self> {
        let value = match node.value {
            Value::Float(value) => Some(value),
            Value::Int(value) => Some(value as f64),
            _ => None,
        };
        value.and_then(|value| Self::try_from(value).ok()).or_else(|| {
            let wrong = Diagnostic::at(node.span, format!("`{}` cannot be {}", scope.path(), node.describe()));
            scope.fail(wrong.label("expected a number from 0 to 1"))
        })
    }

    fn schema() -> Json {
        serde_json::json!({ "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": r"^\$\{[^}]+\}$" }
        ] })
    }
}

crate::params! {
    /// Hides a share of the rationale; what is left keeps its order.
    pub struct Mask {
        /// The share to hide, from 0 to 1.
        pub fraction: Fraction,
        /// What is counted and hidden: a `word`, a `token` or a `sentence`.
        pub level: Level = Level::Word,
        /// What stands for something hidden; `null` leaves nothing behind.
        pub with: Option<String> = Some(operation::MASK.into()),
    }
}

crate::params! {
    /// Puts the rationale in random order.
    pub struct Shuffle {
        /// What changes places: each `word`, `token` or `sentence`.
        pub level: Level = Level::Word,
    }
}

crate::params! {
    /// Keeps the beginning of the rationale.
    pub struct Truncate {
        /// How much of it.
        pub keep: Count,
        /// What is counted: a `word`, a `token` or a `sentence`.
        pub level: Level = Level::Word,
    }
}

crate::params! {
    /// Keeps the tokens with the highest scores, in their order.
    pub struct KeepTop {
        /// How many.
        pub k: Count,
        /// The scores.
        pub attributions: Input<Attributions>,
        /// Whether the tokens of one word are written `joined` or `apart`.
        pub subwords: Subwords = Subwords::Joined,
    }
}

crate::variants! {
    /// One change to a rationale.
    pub enum Step {
        /// Hides a share of the rationale.
        Mask(Mask) = "mask",
        /// Puts the rationale in random order.
        Shuffle(Shuffle) = "shuffle",
        /// Keeps the beginning of the rationale.
        Truncate(Truncate) = "truncate",
        /// Keeps the tokens with the highest scores.
        KeepTop(KeepTop) = "keep_top",
    }
}

crate::params! {
    /// Rationales changed step by step.
    pub struct Transform {
        /// The rationales.
        pub rationales: Input<Rationales>,
        /// The changes, in their order.
        pub steps: Vec<Step>,
        /// The tokenizer that steps at the level `token` go by.
        pub tokenizer: Option<Input<TokenizerFile>>,
        /// Decides what is random; the experiment's seed where none is given.
        pub seed: Seed,
    }
}

impl Stage for Transform {
    type Output = Rationales;

    const NAME: &'static str = "transform";
    const REVISION: u32 = 1;
    const ABOUT: &'static str = "Rationales changed step by step: masked, shuffled, truncated, reduced to top tokens.";
    const EXAMPLE: &'static str = "{ rationales: rationales, steps: [ { mask: { fraction: 0.4, level: word } } ] }";

    fn run(&self, context: &Context<'_>) -> Result<Rationales, StageError> {
        let mut rationales = context.read(&self.rationales)?;
        let tokenizer = self.tokenizer.as_ref().map(|input| context.read(input)).transpose()?;
        let tokenizer = tokenizer.map(|file| Tokenizer::from_json(&file.json)).transpose().map_err(data)?;
        for (index, step) in self.steps.iter().enumerate() {
            let scores = match step {
                Step::KeepTop(KeepTop { attributions, .. }) => context.read(attributions)?,
                _ => Attributions::default(),
            };
            let scores: BTreeMap<(&str, u32), &Attribution> =
                scores.rows.iter().map(|row| ((row.id.as_str(), row.sample), row)).collect();
            let operation = step.operation();
            for rationale in &mut rationales.rows {
                let step = operation::Step {
                    seed: self.seed.0,
                    index,
                    tokenizer: tokenizer.as_ref(),
                    attribution: scores.get(&(rationale.id.as_str(), rationale.sample)).copied(),
                };
                *rationale = operation.apply(rationale, &step).map_err(data)?;
            }
        }
        Ok(rationales)
    }
}

impl Step {
    fn operation(&self) -> Operation {
        match self {
            Self::Mask(Mask { fraction, level, with }) => {
                Operation::Mask(operation::Mask { fraction: *fraction, level: *level, with: with.clone() })
            }
            Self::Shuffle(Shuffle { level }) => Operation::Shuffle(operation::Shuffle { level: *level }),
            Self::Truncate(Truncate { keep, level }) => {
                Operation::Truncate(operation::Truncate { units_max: keep.get(), level: *level })
            }
            Self::KeepTop(KeepTop { k, attributions: _, subwords }) => {
                Operation::KeepTop(operation::KeepTop { tokens: k.get(), subwords: *subwords })
            }
        }
    }
}
