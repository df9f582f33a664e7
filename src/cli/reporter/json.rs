//! Events as they are, for programs.

use std::io::{ErrorKind, Write};

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
        let mut line = serde_json::to_vec(event).expect("events have string keys");
        line.push(b'\n');
        if let Err(error) = self.out.write_all(&line).and_then(|()| self.out.flush()) {
            self.over = true;
            // A reader that went away, such as `head`, has seen what it wanted; anything else loses events unseen.
            if error.kind() != ErrorKind::BrokenPipe {
                let _ = writeln!(std::io::stderr(), "warning: cannot write further events to stdout: {error}");
            }
        }
    }
}
