//! A server that fails for everyone is left in peace, but for a look now and then.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Backoff;

/// Different rows that fail one after the other, without an answer between them, mean that it is the server that fails.
const ROWS: usize = 4;

/// Trips when several rows fail without an answer between them, and closes with the next answer.
#[derive(Debug)]
pub(super) struct Breaker {
    pauses: Backoff,
    salt: u64,
    failing: BTreeSet<usize>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// When the next look may be had.
    look_at: Duration,
    /// The row that is having it.
    looking: Option<usize>,
    looks: u32,
}

/// What may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Everything.
    Open,
    /// One request, from this moment on.
    LookAt(Duration),
    /// Nothing before it is known how the one that is on its way ends.
    Shut,
}

impl Breaker {
    pub(super) fn new(pauses: Backoff, salt: u64) -> Self {
        Self { pauses, salt, failing: BTreeSet::new(), open: None }
    }

    /// Says what may be sent.
    pub(super) fn gate(&self) -> Gate {
        match &self.open {
            None => Gate::Open,
            Some(Open { looking: Some(_), .. }) => Gate::Shut,
            Some(Open { look_at, .. }) => Gate::LookAt(*look_at),
        }
    }

    /// Notes that a row was sent.
    pub(super) fn sent(&mut self, row: usize) {
        if let Some(open) = &mut self.open {
            open.looking = Some(row);
        }
    }

    /// Notes an answer; `true` when the server was given up before.
    pub(super) fn answered(&mut self) -> bool {
        self.failing.clear();
        self.open.take().is_some()
    }

    /// Notes that a row failed for a reason that may be the server's; `true` when that trips it.
    pub(super) fn failed(&mut self, row: usize, now: Duration) -> bool {
        self.failing.insert(row);
        match &mut self.open {
            // Those that were on their way when it tripped say nothing new.
            Some(open) if open.looking != Some(row) => false,
            Some(open) => {
                open.looks += 1;
                open.looking = None;
                open.look_at = now + self.pauses.wait(self.salt, usize::MAX, open.looks + 1);
                false
            }
            None if self.failing.len() >= ROWS => {
                let look_at = now + self.pauses.wait(self.salt, usize::MAX, 1);
                self.open = Some(Open { look_at, looking: None, looks: 0 });
                true
            }
            None => false,
        }
    }

    /// Notes that the row having a look ended in a way that says nothing of the server.
    pub(super) fn undecided(&mut self, row: usize) {
        if let Some(open) = self.open.as_mut().filter(|open| open.looking == Some(row)) {
            open.looking = None;
        }
    }

    /// Says whether the server is left in peace.
    pub(super) fn is_tripped(&self) -> bool {
        self.open.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn breaker() -> Breaker {
        Breaker::new(Backoff { first: s(1), most: s(8) }, 0)
    }

    #[test]
    fn one_row_that_fails_again_and_again_does_not_trip_it() {
        let mut breaker = breaker();
        assert!((0..20).all(|_| !breaker.failed(7, s(0))));
        assert_eq!(breaker.gate(), Gate::Open);
    }

    #[test]
    fn several_rows_trip_it_and_one_answer_closes_it() {
        let mut breaker = breaker();
        assert!(!breaker.answered());
        let tripped: Vec<bool> = (0..ROWS).map(|row| breaker.failed(row, s(10))).collect();
        assert_eq!(tripped, [false, false, false, true]);
        let Gate::LookAt(first) = breaker.gate() else { panic!("{breaker:?}") };
        assert!(first > s(10) && first <= s(11), "{first:?}");
        breaker.sent(0);
        assert_eq!(breaker.gate(), Gate::Shut);
        // A straggler that was sent before says nothing.
        assert!(!breaker.failed(9, s(12)));
        assert_eq!(breaker.gate(), Gate::Shut);
        assert!(!breaker.failed(0, s(12)));
        let Gate::LookAt(second) = breaker.gate() else { panic!("{breaker:?}") };
        assert!(second >= s(13) && second <= s(14), "{second:?}");
        breaker.sent(1);
        assert!(breaker.answered());
        assert_eq!(breaker.gate(), Gate::Open);
        assert!(!breaker.failed(3, s(20)));
    }

    #[test]
    fn answers_between_failures_keep_it_closed() {
        let mut breaker = breaker();
        for row in 0..50 {
            assert!(!breaker.failed(row, s(row as u64)));
            breaker.answered();
        }
    }
}
