//! The command line: the only room that prints, reads the environment or exits.
//!
//! [`main`] parses the arguments, gathers the settings of this machine and hands over to one file per command. What a
//! command has to say goes to stdout when it is data and to stderr when it is talk; errors decide the exit code in
//! [`Exit`].

mod agreement;
mod answered;
mod args;
mod commands;
mod content;
mod exit;
mod footprint;
mod history;
mod hub;
mod inquiry;
mod keys;
mod layers;
mod lens;
mod outlet;
mod ownership;
mod pictures;
mod plot;
mod preflight;
mod print;
mod provenance;
mod reach;
pub mod reporter;
mod scores;
mod session;
mod settings;
mod shade;
mod signals;
mod whole;

use clap::Parser;

pub use exit::Exit;

/// Runs the program and returns its exit code.
pub fn main() -> std::process::ExitCode {
    signals::outlive_limits();
    let exit = match args::Args::try_parse() {
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
