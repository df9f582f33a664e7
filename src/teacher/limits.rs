//! How fast a server may be asked: as declared, and as the server says.

use std::collections::VecDeque;
use std::time::Duration;

use super::hints::{Hints, Left};

const MINUTE: Duration = Duration::from_mins(1);

/// Limits on requests and tokens.
#[derive(Debug, Default)]
pub(super) struct Limits {
    requests: Option<Window>,
    tokens: Option<Window>,
    told_requests: Option<Allowance>,
    told_tokens: Option<Allowance>,
    sent: u64,
}

impl Limits {
    /// Limits what is sent within any minute.
    pub(super) fn per_minute(requests: Option<u64>, tokens: Option<u64>) -> Self {
        Self { requests: requests.map(Window::new), tokens: tokens.map(Window::new), ..Self::default() }
    }

    /// Returns the first moment from `now` on at which a request of so many tokens may be sent.
    pub(super) fn ready_at(&mut self, now: Duration, tokens: u64) -> Duration {
        let windows = [(&mut self.requests, 1), (&mut self.tokens, tokens)];
        let declared = windows.into_iter().filter_map(|(window, amount)| Some(window.as_mut()?.ready_at(now, amount)));
        let told = [(&self.told_requests, 1), (&self.told_tokens, tokens)];
        let told = told.into_iter().filter_map(|(told, amount)| Some(told.as_ref()?.ready_at(now, amount)));
        declared.chain(told).fold(now, Duration::max)
    }

    /// Notes that a request was sent; the number it goes by comes back.
    pub(super) fn sent(&mut self, now: Duration, tokens: u64) -> u64 {
        self.sent += 1;
        for (window, amount) in [(&mut self.requests, 1), (&mut self.tokens, tokens)] {
            if let Some(window) = window {
                window.spent.push_back((now, self.sent, amount));
                window.sum += amount;
            }
        }
        for (told, amount) in [(&mut self.told_requests, 1), (&mut self.told_tokens, tokens)] {
            if let Some(told) = told {
                told.left = told.left.saturating_sub(amount);
            }
        }
        self.sent
    }

    /// Puts the tokens that a request really took in the place of what was expected.
    pub(super) fn settle(&mut self, number: u64, tokens: u64) {
        if let Some(window) = &mut self.tokens
            && let Ok(at) = window.spent.binary_search_by_key(&number, |&(_, number, _)| number)
        {
            let (.., amount) = &mut window.spent[at];
            window.sum = window.sum - *amount + tokens;
            *amount = tokens;
        }
    }

    /// Takes what a server said, while so many other requests are on their way that it may not have counted.
    pub(super) fn hear(&mut self, now: Duration, hints: &Hints, in_flight: u64) {
        let told = |left: Left, others: u64| {
            let left_then = left.amount.saturating_sub(others);
            Some(Allowance { left: left_then, until: now + left.whole_in })
        };
        if let Some(left) = hints.requests {
            self.told_requests = told(left, in_flight);
        }
        if let Some(left) = hints.tokens {
            self.told_tokens = told(left, 0);
        }
    }
}

/// What was spent within the last minute, against the most that may be.
#[derive(Debug)]
struct Window {
    most: u64,
    /// When, under which number, and how much; in the order of the numbers.
    spent: VecDeque<(Duration, u64, u64)>,
    sum: u64,
}

impl Window {
    fn new(most: u64) -> Self {
        Self { most, spent: VecDeque::new(), sum: 0 }
    }

    fn ready_at(&mut self, now: Duration, amount: u64) -> Duration {
        while let Some(&(at, _, spent)) = self.spent.front()
            && at + MINUTE <= now
        {
            self.sum -= spent;
            self.spent.pop_front();
        }
        // What alone is more than a minute's worth is sent when nothing else is.
        let room = self.most.saturating_sub(amount.min(self.most));
        let mut sum = self.sum;
        for &(at, _, spent) in &self.spent {
            if sum <= room {
                break;
            }
            sum -= spent;
            if sum <= room {
                return at + MINUTE;
            }
        }
        now
    }
}

/// What a server said is left, until it has more.
#[derive(Debug)]
struct Allowance {
    left: u64,
    until: Duration,
}

impl Allowance {
    fn ready_at(&self, now: Duration, amount: u64) -> Duration {
        if self.left >= amount || self.until <= now { now } else { self.until }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    proptest! {
        /// Whoever sends as early as allowed never has more within any minute than declared, and is never held up for
        /// longer than a minute.
        #[test]
        fn no_minute_has_more_than_is_declared(
            requests in 1u64..6,
            tokens in 1u64..50,
            sends in prop::collection::vec((0u64..20_000, 0u64..60), 1..60),
        ) {
            let mut limits = Limits::per_minute(Some(requests), Some(tokens));
            let mut now = Duration::ZERO;
            let mut sent: Vec<(Duration, u64)> = Vec::new();
            for (idle_ms, amount) in sends {
                now += Duration::from_millis(idle_ms);
                let at = limits.ready_at(now, amount);
                prop_assert!(at >= now && at <= now + MINUTE);
                now = at;
                prop_assert_eq!(limits.ready_at(now, amount), now);
                limits.sent(now, amount);
                sent.push((now, amount));
                let last: Vec<_> = sent.iter().filter(|(at, _)| *at + MINUTE > now).collect();
                prop_assert!(last.len() as u64 <= requests);
                let sum: u64 = last.iter().map(|(_, amount)| amount).sum();
                prop_assert!(sum <= tokens || last.iter().filter(|(_, amount)| *amount > 0).count() == 1, "{sum} of {tokens}");
            }
        }
    }

    #[test]
    fn what_was_expected_gives_way_to_what_was_used() {
        let mut limits = Limits::per_minute(None, Some(100));
        let first = limits.sent(s(0), 90);
        assert_eq!(limits.ready_at(s(1), 20), s(60));
        limits.settle(first, 10);
        assert_eq!(limits.ready_at(s(1), 20), s(1));
    }

    #[test]
    fn a_server_that_says_nothing_is_left_is_believed_until_its_time() {
        let mut limits = Limits::default();
        let hints = |amount| Hints { requests: Some(Left { amount, whole_in: s(20) }), ..Hints::default() };
        limits.hear(s(5), &hints(3), 2);
        assert_eq!(limits.ready_at(s(5), 0), s(5));
        limits.sent(s(5), 0);
        assert_eq!(limits.ready_at(s(6), 0), s(25));
        assert_eq!(limits.ready_at(s(25), 0), s(25));
        limits.hear(s(7), &hints(100), 0);
        assert_eq!(limits.ready_at(s(7), 0), s(7));
    }
}
