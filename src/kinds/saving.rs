//! How often unfinished work is saved: as seldom as its loss is bearable, and at no great part of the time.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use retort_store::PartialDir;

/// How often at most, besides when the work is asked to stop.
const EVERY: Duration = Duration::from_secs(20);
/// Saving the state of a large model takes seconds: it may cost one part in this many of the time.
const SHARE: u32 = 40;

/// When the state of one piece of work is saved, and where.
pub(super) struct Saving {
    partial: PartialDir,
    name: &'static str,
    saved_at: Instant,
    after: Duration,
}

impl Saving {
    pub(super) fn new(partial: PartialDir, name: &'static str) -> Self {
        Self { partial, name, saved_at: Instant::now(), after: EVERY }
    }

    /// Whether it is time to save.
    pub(super) fn due(&self) -> bool {
        self.saved_at.elapsed() >= self.after
    }

    /// Saves what `write` writes.
    pub(super) fn save(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let begun = Instant::now();
        self.partial.save(self.name, write).map_err(io::Error::other)?;
        self.saved_at = Instant::now();
        self.after = EVERY.max(begun.elapsed() * SHARE);
        Ok(())
    }
}
