//! The command line: the only room that prints, reads the environment or exits.
//!
//! [`main`] parses the arguments, gathers the settings of this machine and hands over to one file per command, which does its
//! work through [`session`](crate::session) and lays out what comes of it. What a command has to say goes to stdout when it is data and to stderr when it is talk; errors decide the exit code in
//! [`Exit`].

mod agreement;
mod args;
mod clean;
mod colour;
mod commands;
#[cfg(test)]
mod documented;
mod exit;
mod footprint;
mod former;
mod grid;
mod hub;
mod keys;
mod lens;
mod logits;
mod ownership;
mod period;
mod plot;
mod print;
mod questions;
mod reach;
mod remotes;
pub mod reporter;
mod scores;
mod settings;
mod shade;
mod signals;
mod tables;

use clap::Parser;

pub use exit::Exit;

use crate::session::Registry;

/// Runs the program and returns its exit code.
pub fn main() -> std::process::ExitCode {
    main_with(Registry::new())
}

/// Runs the program with what a program of one's own adds to it, and returns its exit code.
pub fn main_with(registry: Registry) -> std::process::ExitCode {
    if let Err(error) = registry.install() {
        let failure = exit::Failure::invalid(error);
        print::failure(&failure);
        return std::process::ExitCode::from(failure.exit.code());
    }
    signals::outlive_limits();
    let (arguments, renamed) = match former::flags(std::env::args_os()) {
        Ok(read) => read,
        Err(why) => {
            let failure = exit::Failure::invalid(why);
            print::failure(&failure);
            return std::process::ExitCode::from(failure.exit.code());
        }
    };
    renamed.iter().for_each(|notice| print::note(notice));
    let exit = match args::Args::try_parse_from(arguments) {
        Ok(args) => commands::dispatch(&args).unwrap_or_else(|failure| {
            print::failure(&failure);
            failure.exit
        }),
        // Help, the version, or what is wrong with the arguments.
        Err(said) => {
            let written = said.print();
            if said.use_stderr() {
                Exit::Invalid
            } else {
                print::not_written(written);
                Exit::Success
            }
        }
    };
    // Whoever asked has less than there is.
    let exit = if exit == Exit::Success && print::lost() { Exit::Unusable } else { exit };
    std::process::ExitCode::from(exit.code())
}
