//! Running: the pure scheduler, the workers, and the one loop that owns everything.
//!
//! [`run`] asks the [`Scheduler`] what to do next, decides each instance with the same function as the plan, and hands work
//! orders to worker threads, which answer with messages. Nothing is shared but the store and the flag that says stop.
//! Correctness never depends on the leases taken here: they only keep two processes from doing the same work twice.

mod crew;
mod holdings;
mod remakes;
mod retention;
mod run;
mod scheduler;
mod tally;
mod worker;
mod world;

#[cfg(test)]
mod tests;

pub use run::{EngineError, Outcome, RunOptions, run};
pub use scheduler::Scheduler;
pub use worker::{COST, DEVICE};
pub use world::World;
