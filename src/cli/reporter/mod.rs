//! What a person or a program sees of a run: live bars on a terminal, plain lines, or JSON lines.
//!
//! A reporter knows nothing but the events it is given, so a run's log that is replayed gives the same lines. The parts:
//!
//! - `board` keeps where every running instance stands; `pace` measures how fast it goes.
//! - `narrate` turns an event into the line that is said about it, `why` and `summary` word two of its parts.
//! - [`Plain`], `Styled` and `Terminal` lay those lines out; [`Json`] passes events on as they are.
//! - `frame` lays out the bars, and `canvas` puts them on the screen.
//!
//! Lines go to stderr, JSON to stdout, since stdout is data. Names, errors and warnings come from users and models:
//! [`clean()`] keeps their control characters from reaching a terminal. No reporter fails: a reader that has gone away does
//! not end a run whose results are worth keeping.

mod board;
mod canvas;
mod frame;
mod json;
mod line;
mod narrate;
mod number;
mod pace;
mod plain;
#[cfg(test)]
mod recorded;
mod styled;
mod summary;
mod terminal;
#[cfg(test)]
mod tests;
mod why;

use std::io;

pub use super::clean::{clean, json_escaped};
pub(super) use super::clean::{width, wrapped};
pub use json::Json;
pub(super) use number::{amount, counted};
pub use plain::Plain;
pub(super) use why::reason;

use crate::event::Reporter;
use styled::Styled;
use terminal::Terminal;

/// How a run is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Bars where stderr is a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// Marks and colours, and bars where stderr is a terminal.
    Terminal,
    /// One line for each thing of note, without control characters.
    Plain,
    /// Every event as a line of JSON on stdout.
    Json,
}

/// What a reporter needs to know about the world.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReporterOptions {
    /// How a run is shown.
    pub format: Format,
    /// Says only what failed. JSON is not concerned, since it is data.
    pub quiet: bool,
    /// Whether stderr is a terminal.
    pub terminal: bool,
    /// Whether colours are wanted.
    pub colour: bool,
    /// From 1 on, every hit and every skipped instance has a line, and every changed field is named.
    pub verbose: u8,
}

/// Makes the reporter for a run.
///
/// Drop it before anything else is written to stderr: bars are cleared and the last lines are out when it is gone.
pub fn make(options: ReporterOptions) -> Box<dyn Reporter + Send> {
    let ReporterOptions { format, quiet, terminal, colour, verbose } = options;
    let styled = || Styled::new(io::stderr(), quiet, verbose, colour);
    match format {
        Format::Json => Box::new(Json::new(io::stdout())),
        Format::Terminal | Format::Auto if terminal && !quiet => match Terminal::start(verbose, colour) {
            Some(live) => Box::new(live),
            None => Box::new(styled()),
        },
        Format::Terminal => Box::new(styled()),
        Format::Auto if terminal => Box::new(styled()),
        Format::Auto | Format::Plain => Box::new(Plain::new(io::stderr(), quiet, verbose)),
    }
}
