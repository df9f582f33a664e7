//! What the synthetic questions are about: situations, their things, and the chain of effects in each, from
//! `situations.json`.

use std::sync::LazyLock;

use serde::Deserialize;

/// Two wordings of one fact: the first goes with more of the situation's cause, the second with less of it.
type Pair = [&'static str; 2];

/// One effect further down the chain.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub(super) struct Effect {
    /// The rule that leads here from the effect before, as a whole sentence.
    pub(super) rule: Pair,
    /// The question after the thing that shows this effect.
    pub(super) ask: Pair,
    /// The statement that `{x}` shows this effect, as a clause.
    pub(super) says: Pair,
}

/// A kind of happening in which two things differ in one property.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub(super) struct Situation {
    /// What can be compared; none of them suggests by itself which has more of the property.
    pub(super) things: Vec<&'static str>,
    /// What happens, told of `{name}`, of `{a}` and of `{b}` in this order.
    pub(super) scenes: [&'static str; 2],
    /// The property in which the things differ.
    pub(super) cause: Pair,
    /// Three effects, each of which follows from the one before, the first from the cause.
    pub(super) effects: [Effect; 3],
}

/// The file.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Words {
    names: Vec<&'static str>,
    situations: Vec<Situation>,
}

static WORDS: LazyLock<Words> =
    LazyLock::new(|| serde_json::from_str(include_str!("situations.json")).expect("the file is of this form"));

/// Who appears in the scenes. None of them is among the people that are compared.
pub(super) fn names() -> &'static [&'static str] {
    &WORDS.names
}

/// Every situation; a dataset that asks for fewer takes the first ones.
pub(super) fn situations() -> &'static [Situation] {
    &WORDS.situations
}
