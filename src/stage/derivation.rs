//! Kinds that repeat another kind's recipe.

/// A kind that is another kind's recipe with some fields replaced, so that exactly those differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derivation {
    /// The key that names it in a pipeline file.
    pub name: &'static str,
    /// The kind whose recipe it repeats.
    pub base: &'static str,
    /// The field that names the stage whose recipe is repeated.
    pub like: &'static str,
    /// The fields that may be replaced; at least one must be.
    pub replaces: &'static [&'static str],
    /// One line about it.
    pub about: &'static str,
}

impl Derivation {
    /// Every derived kind.
    pub const ALL: &'static [Self] = &[Self {
        name: "retrain",
        base: "train",
        like: "like",
        replaces: &["rationales"],
        about: "Repeats the recipe of a train stage with other rationales, so that exactly one thing differs.",
    }];
}
