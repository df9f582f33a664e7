//! The command line: the only room that prints, reads the environment or exits.
//!
//! [`main`] parses the arguments, gathers the settings of this machine and hands over to one file per command, which does its
//! work through [`session`](crate::session) and lays out what comes of it. What a command has to say goes to stdout when it is data and to stderr when it is talk; errors decide the exit code in
//! [`Exit`].

mod agreement;
mod args;
mod commands;
mod exit;
mod footprint;
mod hub;
mod keys;
mod layers;
mod lens;
mod ownership;
mod plot;
mod print;
mod reach;
pub mod reporter;
mod scores;
mod settings;
mod shade;
mod signals;

use clap::Parser;

pub use exit::Exit;

use crate::session::LANGUAGE;
use crate::spec::Language;

/// Runs the program and returns its exit code.
pub fn main() -> std::process::ExitCode {
    main_with(LANGUAGE)
}

/// As [`main`], for a program that is this one with a language of its own: its kinds of stage beside those that Retort brings.
pub fn main_with(language: Language) -> std::process::ExitCode {
    signals::outlive_limits();
    let exit = match args::Args::try_parse() {
        Ok(mut args) => {
            args.global.language = language;
            commands::dispatch(&args).unwrap_or_else(|failure| {
                print::failure(&failure);
                failure.exit
            })
        }
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
