//! `retort schema`, `retort completions` and `retort man`: descriptions of the program for other programs.

use std::path::Path;

use clap::CommandFactory;

use super::super::args::Args;
use super::super::exit::{Exit, Failure};
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

/// Writes a man page for each command.
pub(super) fn man(directory: &Path) -> Result<Exit, Failure> {
    fs_err::create_dir_all(directory)?;
    clap_mangen::generate_to(Args::command(), directory)?;
    print::data(&format!("wrote the pages to {}", directory.display()));
    Ok(Exit::Success)
}
