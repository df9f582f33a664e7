//! Tests of the room as a whole.

mod adaptation;
mod divergence;
mod fitting;
mod generation;
mod lenses;
mod options;
mod parity;
mod pretrained;
mod tasks;
mod transformers;
mod weighing;

use std::path::Path;

/// Returns the root of the workspace, from which paths in the environment are read too.
fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
