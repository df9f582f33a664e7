//! What is asked of the generator.

use crate::Fraction;

/// How many questions to make up, and how hard they are.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticSpec {
    /// Questions in the train split.
    pub train: usize,
    /// Questions in the dev split.
    pub dev: usize,
    /// Questions in the test split.
    pub test: usize,
    /// Rules between what is stated and what is asked, from 1 to 3.
    pub chain: u8,
    /// How many binary facts decide the label, from 1 to 4: the table of the [module](super).
    pub difficulty: u8,
    /// How often each fact but the first is turned round.
    pub reversals: Fraction,
    /// How many kinds of situation occur, from 1 to 12: more of them mean more words to learn.
    pub situations: u8,
    /// Whether a sentence goes before that says what happens.
    pub scenes: bool,
    /// Decides every question.
    pub seed: u64,
}

impl Default for SyntheticSpec {
    fn default() -> Self {
        Self {
            train: 2_000,
            dev: 200,
            test: 400,
            chain: 2,
            difficulty: 2,
            reversals: Fraction::try_from(0.2).expect("it lies between 0 and 1"),
            situations: 3,
            scenes: false,
            seed: 17,
        }
    }
}
