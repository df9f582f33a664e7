//! Tests of the room as a whole.

mod fitting;
mod generation;
mod parity;
mod pretrained;
