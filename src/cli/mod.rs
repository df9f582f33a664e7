//! The command line: the only room that prints, reads the environment or exits.
//!
//! [`main`] parses the arguments, gathers the settings of this machine and hands over to one file per command. What a
//! command has to say goes to stdout when it is data and to stderr when it is talk; errors decide the exit code in
//! [`Exit`].

mod agreement;
mod args;
mod commands;
mod exit;
mod history;
mod hub;
mod inquiry;
mod keys;
mod layers;
mod lens;
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

use clap::Parser;

pub use exit::Exit;

/// Runs the program and returns its exit code.
pub fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    let exit = match commands::dispatch(&args) {
        Ok(exit) => exit,
        Err(failure) => {
            print::failure(&failure);
            failure.exit
        }
    };
    std::process::ExitCode::from(exit.code())
}
