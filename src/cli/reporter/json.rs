//! Events as they are, for programs.

use std::io::Write;

use super::super::clean::json_escaped;
use super::super::print;
use crate::event::{Event, Reporter};

/// Writes every event as a line of JSON, progress included.
#[derive(Debug)]
pub struct Json<W: Write> {
    out: W,
    over: bool,
}

impl<W: Write> Json<W> {
    /// Writes to `out`, line by line.
    pub fn new(out: W) -> Self {
        Self { out, over: false }
    }
}

impl<W: Write> Reporter for Json<W> {
    fn report(&mut self, event: &Event) {
        if self.over {
            return;
        }
        let line = serde_json::to_string(event).expect("events have string keys");
        let written = self.out.write_all(json_escaped(&line).as_bytes()).and_then(|()| self.out.write_all(b"\n"));
        if let Err(error) = written.and_then(|()| self.out.flush()) {
            self.over = true;
            print::not_written(Err(error));
        }
    }
}
