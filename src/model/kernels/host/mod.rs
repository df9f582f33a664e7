//! The arithmetic of the CPU: plain functions over `f32` slices.
//!
//! Every function here gives the same bits whatever the number of threads: work is cut into blocks whose size depends
//! on the shapes alone, and partial sums are added in block order. Vector instructions are chosen at run time; a
//! reduction runs in [`lanes::LANES`] parallel sums, so its order does not depend on the instruction set either. Matrix
//! products are the exception: they run in as many as the registers hold.

#![expect(
    clippy::inline_always,
    reason = "a function has the vector instructions of its caller only where it is inlined into it"
)]

pub(crate) mod attention;
pub(crate) mod cap;
pub(crate) mod distributions;
pub(crate) mod divergence;
pub(crate) mod dropout;
pub(crate) mod heads;
pub(crate) mod lanes;
pub(crate) mod loss;
pub(crate) mod memory;
pub(crate) mod moments;
pub(crate) mod narrow;
pub(crate) mod norm;
pub(crate) mod optimiser;
pub(crate) mod pointwise;
mod queries;
pub(crate) mod rotary;
pub(crate) mod rows;
mod tile;
