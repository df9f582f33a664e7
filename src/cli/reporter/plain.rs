//! One line for each thing of note, for files and for terminals that cannot draw.

use std::collections::BTreeMap;
use std::io::Write;

use super::super::clean::one_line;
use super::board::Row;
use super::line::{Line, Mark};
use super::narrate::Narrator;
use super::number;
use crate::event::{Event, Note, Reporter, What};
use crate::session::{about, stamp};

/// How long an instance says nothing between two lines of progress, in time of events.
const PROGRESS_EVERY_MS: u64 = 10_000;

/// Writes lines without control characters, each with the time since the run began.
#[derive(Debug)]
pub struct Plain<W: Write> {
    out: W,
    narrator: Narrator,
    quiet: bool,
    /// When each instance at work last said something.
    said_ms: BTreeMap<String, u64>,
}

impl<W: Write> Plain<W> {
    /// Writes to `out`; a `quiet` one says only what failed, a `verbose` one names every hit.
    pub fn new(out: W, quiet: bool, verbose: u8) -> Self {
        Self { out, narrator: Narrator::new(quiet, verbose), quiet, said_ms: BTreeMap::new() }
    }

    fn write(&mut self, at_ms: u64, line: &str) {
        let since_ms = at_ms.saturating_sub(self.narrator.board.began_ms.unwrap_or(at_ms));
        // Nobody is left to tell when stderr is gone, and the run is worth finishing.
        let _ = writeln!(self.out, "[{}] {line}", stamp(since_ms));
    }

    /// Returns the line on how far an instance is, when it is time for one.
    fn progress(&mut self, at_ms: u64, instance: &str) -> Option<String> {
        let row = self.narrator.board.at_work(instance).filter(|_| !self.quiet)?;
        let last_ms = self.said_ms.entry(instance.to_owned()).or_insert(row.began_ms);
        if at_ms.saturating_sub(*last_ms) < PROGRESS_EVERY_MS {
            return None;
        }
        *last_ms = at_ms;
        Some(format!("at work {}: {}", one_line(instance), how_far(row, at_ms)))
    }
}

impl<W: Write> Reporter for Plain<W> {
    fn report(&mut self, event: &Event) {
        if let Some(line) = self.narrator.hear(event) {
            self.write(event.at_ms, &laid_out(&line));
            // The first line of an error stands beside the name it belongs to.
            let said = usize::from(line.mark == Mark::Fail && !line.name.is_empty());
            for more in line.body.iter().skip(said) {
                // Continuations are indented, so that a line that begins with `[` is always one thing of note.
                let _ = writeln!(self.out, "    {more}");
            }
        }
        match &event.what {
            What::Noted { instance, note: Note::Progress { .. } | Note::Measure { .. } } => {
                if let Some(line) = self.progress(event.at_ms, instance) {
                    self.write(event.at_ms, &line);
                }
            }
            What::Fetched { file: instance, .. }
            | What::Finished { instance, .. }
            | What::Failed { instance, .. }
            | What::Stopped { instance } => {
                self.said_ms.remove(instance);
            }
            What::RunFinished { .. } => {
                let _ = self.out.flush();
            }
            _ => {}
        }
    }
}

fn how_far(row: &Row, now_ms: u64) -> String {
    let (rate, left_ms) = row.speed(now_ms);
    let mut parts: Vec<String> = row.progress.iter().map(super::board::Progress::said).collect();
    parts.extend(rate.map(number::rate));
    parts.extend(left_ms.map(|ms| format!("{} left", about(ms))));
    parts.extend(row.measured());
    parts.join(", ")
}

fn laid_out(line: &Line) -> String {
    let Line { mark, name, text, facts, aside, body } = line;
    let list = |parts: &[&String]| {
        parts.iter().filter(|part| !part.is_empty()).map(|part| part.as_str()).collect::<Vec<_>>().join(", ")
    };
    match mark {
        Mark::Run => format!("{name}: {text} ({aside})"),
        Mark::Warn if name.is_empty() => format!("warning: {text}"),
        _ if name.is_empty() => text.clone(),
        Mark::Start => format!("started {name}: {aside}"),
        Mark::Wait => format!("waiting {name}: {text}"),
        Mark::Hit => format!("cached {name}: {text}"),
        Mark::Done => format!("finished {name}: {}", list(&[text, facts])),
        Mark::Evict => format!("evicted {name}: {text}"),
        Mark::Fail => format!("failed {name} {text}: {}", body.first().map_or("", String::as_str)),
        Mark::Stop => format!("stopped {name}: {text}"),
        Mark::Skip => format!("left out {name}: {text}"),
        Mark::Warn => format!("warning {name}: {text}"),
    }
}
