//! Every operation, as a pipeline writes it.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes expectations so")]

mod adding;
mod bench;
mod changing;
mod choosing;
mod keeping;
mod ordering;
mod replacing;
mod rows;

use bench::{Bench, question, row, rows, texts};
