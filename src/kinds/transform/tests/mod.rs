//! Every operation, as a pipeline writes it.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes expectations so")]

mod bench;
mod choosing;
mod keeping;
mod replacing;
mod rows;

use bench::{Bench, question, row, rows, texts};
