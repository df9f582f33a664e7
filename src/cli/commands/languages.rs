//! `retort schema` and `retort completions`: what other programs need to know of ours.

use clap::CommandFactory;

use super::super::args::Args;
use super::super::exit::Exit;
use super::super::print;
use crate::session::language;
use crate::spec;

/// Writes the JSON Schema of pipeline files.
pub(super) fn schema() -> Exit {
    print::json(&spec::schema(language()));
    Exit::Success
}

/// Writes a completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "retort", &mut out);
    print::raw(&out);
    Exit::Success
}
