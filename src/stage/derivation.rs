//! Kinds that repeat another kind.

/// A kind that is another kind with some fields replaced, so that exactly those differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derivation {
    /// The key that names it in a pipeline file.
    pub name: &'static str,
    /// The kind that it repeats.
    pub base: &'static str,
    /// The field that names the stage that is repeated.
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
        about: "Repeats the definition of a train stage with other rationales, so that exactly one thing differs.",
    }];
}
