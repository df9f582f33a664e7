//! `retort schema` and `retort completions`: what other programs need to know of ours.

use clap::CommandFactory;

use super::super::args::Args;
use super::super::exit::{Exit, Failure};
use super::super::print;
use super::super::session::LANGUAGE;
use crate::spec;

/// Writes the JSON Schema of pipeline files.
pub(super) fn schema() -> Result<Exit, Failure> {
    print::json(&spec::schema(LANGUAGE));
    Ok(Exit::Success)
}

/// Writes a completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "retort", &mut out);
    print::data(&String::from_utf8_lossy(&out));
    Ok(Exit::Success)
}
