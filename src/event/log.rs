//! The log of a run: one event a line, readable while it is written.

use super::{Event, Note, What};

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

/// Reads a log event by event, and returns the numbers of lines that are no events, counted from 1: a damaged one costs
/// itself and no other. A last line that was cut off by a crash is left out.
pub fn read_log(log: &[u8]) -> (Vec<Event>, Vec<usize>) {
    let (mut events, mut damaged) = (Vec::new(), Vec::new());
    let mut lines = log.split(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        match serde_json::from_slice(line) {
            Ok(event) => events.push(event),
            Err(_) if line.is_empty() || lines.peek().is_none() => {}
            Err(_) => damaged.push(index + 1),
        }
    }
    (events, damaged)
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
        assert_eq!(read_log(&written(&events())), (events(), Vec::new()));
    }

    #[test]
    fn a_bit_flipped_anywhere_costs_no_other_line() {
        let (events, bytes) = (events(), written(&events()));
        let of = |at: usize| bytes[..at].split(|byte| *byte == b'\n').count() - 1;
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            let (read, damaged) = read_log(&flipped);
            // A line feed that is lost joins two lines; one that comes about cuts one in two.
            let hit = [of(at / 8), of(at / 8) + 1];
            let spared: Vec<_> = events.iter().enumerate().filter(|(line, _)| !hit.contains(line)).collect();
            assert!(spared.iter().all(|(_, event)| read.contains(event)), "bit {at}: {read:?}");
            assert!(damaged.len() <= 2, "bit {at}: {damaged:?}");
        }
    }

    #[test]
    fn a_log_cut_anywhere_replays_to_a_prefix() {
        let bytes = written(&events());
        for cut in 0..bytes.len() {
            let (read, damaged) = read_log(&bytes[..cut]);
            assert_eq!((&read[..], damaged), (&events()[..read.len()], Vec::new()));
        }
    }

    #[test]
    fn a_loss_that_is_not_a_number_is_kept_as_one() {
        let mut event = events().remove(0);
        if let What::Noted { note: Note::Measure { value, .. }, .. } = &mut event.what {
            *value = f64::NAN;
        }
        let (read, _) = read_log(&written(&[event]));
        assert!(matches!(&read[0].what, What::Noted { note: Note::Measure { value, .. }, .. } if value.is_nan()));
    }
}
