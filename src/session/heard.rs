//! Warnings of stages that are looked at, or run, beside a run.

use std::sync::{Mutex, PoisonError};

use retort_event::Note;
use retort_stage::Feed;

/// Hears warnings.
#[derive(Default)]
pub(super) struct Heard(Mutex<Vec<String>>);

impl Heard {
    /// Returns what was warned of.
    pub(super) fn warnings(self) -> Vec<String> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed for Heard {
    fn note(&self, note: Note) {
        if let Note::Warning { message } = note {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        }
    }
}
