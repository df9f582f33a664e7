//! What the synthetic questions are about: situations, their things, and the chain of effects in each.

mod matter;
mod motion;

/// Two wordings of one fact: the first goes with more of the situation's cause, the second with less of it.
type Pair = [&'static str; 2];

/// One effect further down the chain.
pub(super) struct Effect {
    /// The rule that leads here from the effect before, as a whole sentence.
    pub(super) rule: Pair,
    /// The question after the thing that shows this effect.
    pub(super) ask: Pair,
    /// The statement that `{x}` shows this effect, as a clause.
    pub(super) says: Pair,
}

/// A kind of happening in which two things differ in one property.
pub(super) struct Situation {
    /// What can be compared; none of them suggests by itself which has more of the property.
    pub(super) things: &'static [&'static str],
    /// What happens, told of `{name}`, of `{a}` and of `{b}` in this order.
    pub(super) scenes: [&'static str; 2],
    /// The property in which the things differ.
    pub(super) cause: Pair,
    /// Three effects, each of which follows from the one before, the first from the cause.
    pub(super) effects: [Effect; 3],
}

/// Who appears in the scenes. None of them is among the people that are compared.
pub(super) const NAMES: [&str; 40] = [
    "Ada", "Amir", "Bela", "Bruno", "Carla", "Chen", "Dora", "Edgar", "Elif", "Emil", "Fatima", "Felix", "Grace",
    "Hana", "Hugo", "Ines", "Ivan", "Jana", "Jonas", "Kofi", "Lara", "Leon", "Mara", "Marco", "Nadia", "Nils", "Olga",
    "Oscar", "Paula", "Pedro", "Rosa", "Samir", "Selma", "Sven", "Tara", "Theo", "Uma", "Viktor", "Yusuf", "Zoe",
];

/// Every situation; a dataset that asks for fewer takes the first ones.
pub(super) const SITUATIONS: [Situation; 12] = [
    motion::SLIDING,
    motion::PUSHING,
    motion::THROWING,
    motion::ROLLING,
    matter::SOUP,
    matter::PLANTS,
    matter::SOUNDS,
    motion::EGGS,
    motion::TRIPS,
    matter::STOVES,
    motion::SAILS,
    matter::MELTING,
];
