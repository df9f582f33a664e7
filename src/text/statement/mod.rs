//! The answer that a teacher states: `The answer is B because …`, `So the correct option is (b).`
//!
//! A wrong label is worse than none. A statement that is denied (`the answer is not A`), asked (`the answer is A?`),
//! reported (`one might say the answer is A`), open (`the answer is A or B`) or taken back further on gives none. The table
//! in the tests decides what is what.

mod lead;
mod lettered;
mod open;
mod pieces;
mod plain;
#[cfg(test)]
mod tests;

pub use lettered::stated_label;
pub use open::stated;
pub(crate) use open::{leads, states};
