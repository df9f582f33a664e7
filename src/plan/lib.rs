//! What is a hit, what runs and why.
//!
//! [`decide`] turns an instance whose inputs are known into a [`Decision`]; the plan calls it for every instance it can,
//! and the engine calls the same function as inputs become known, so that a prediction is always what happens. What the
//! plan cannot know (the content of something that has yet to run) it says: such an instance [awaits](Verdict::Awaits).

mod action;
mod doubts;
mod external;
mod makers;
mod predict;
mod verdict;
mod why;

pub use action::{Action, Decision, Facts, Found, Need, Read, action, decide};
pub use external::{Externals, ExternalsError, Roots};
pub use makers::Makers;
pub use predict::predict;
pub use verdict::{Counts, Plan, Verdict};
pub use why::{Divergence, Earlier, History, divergence, gone, why};
