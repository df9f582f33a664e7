//! The log of a run: one event a line, readable while it is written.

use std::io::BufRead;

use super::{Event, Note, What};

/// A line of a log that is no event.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log cannot be read.
    #[error("cannot read the log: {0}")]
    Io(#[from] std::io::Error),
    /// A line is not an event of this version.
    #[error("cannot read line {line} of the log: {why}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What the parser said.
        why: String,
    },
}

/// Writes an event as a line of the log, with its line feed.
///
/// Progress is left out: it would be most of the log and says nothing once the run is over.
pub fn log_line(event: &Event) -> Option<String> {
    if matches!(event.what, What::Noted { note: Note::Progress { .. }, .. }) {
        return None;
    }
    let line = serde_json::to_string(event).expect("events have string keys");
    Some(line + "\n")
}

/// Reads a log event by event; a last line that was cut off by a crash is left out.
pub fn read_log(input: impl BufRead) -> Result<Vec<Event>, LogError> {
    let mut events = Vec::new();
    let mut lines = input.split(b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let line = line?;
        match serde_json::from_slice(&line) {
            Ok(event) => events.push(event),
            Err(_) if lines.peek().is_none() => break,
            Err(error) => return Err(LogError::Line { line: index + 1, why: error.to_string() }),
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Event> {
        let noted = |value| What::Noted {
            instance: "tuned[run=0]".into(),
            note: Note::Measure { name: "loss".into(), step: 3, value },
        };
        let whats =
            [noted(0.5), What::Warned { message: "a \"quoted\"\nline".into() }, What::Stopped { instance: "x".into() }];
        whats.into_iter().enumerate().map(|(at, what)| Event { at_ms: at as u64, what }).collect()
    }

    fn written(events: &[Event]) -> Vec<u8> {
        events.iter().filter_map(log_line).collect::<String>().into_bytes()
    }

    #[test]
    fn a_log_replays_to_the_same_events() {
        assert_eq!(read_log(&written(&events())[..]).unwrap(), events());
    }

    #[test]
    fn a_log_cut_anywhere_replays_to_a_prefix() {
        let bytes = written(&events());
        for cut in 0..bytes.len() {
            let read = read_log(&bytes[..cut]).unwrap();
            assert_eq!(read[..], events()[..read.len()]);
        }
    }

    #[test]
    fn a_loss_that_is_not_a_number_is_kept_as_one() {
        let mut event = events().remove(0);
        if let What::Noted { note: Note::Measure { value, .. }, .. } = &mut event.what {
            *value = f64::NAN;
        }
        let read = read_log(&written(&[event])[..]).unwrap();
        assert!(matches!(&read[0].what, What::Noted { note: Note::Measure { value, .. }, .. } if value.is_nan()));
    }
}
