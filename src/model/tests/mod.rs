//! Tests of the room as a whole.

mod adaptation;
mod fitting;
mod generation;
mod lenses;
mod parity;
mod pretrained;
mod transformers;
mod weighing;
