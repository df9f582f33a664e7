//! Which row is sent next, and when: rows in their order, those that failed once more, limits, pauses, and an end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::breaker::{Breaker, Gate};
use super::hints::Hints;
use super::limits::Limits;
use super::{Backoff, Fault, FaultKind};

/// How often a server may say of one row that it is too busy before that row is given up.
const BUSY_MAX: u32 = 100;

/// How a server may be asked; none of it changes what it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The most requests on their way at once.
    pub concurrency: usize,
    /// The most requests sent within any minute.
    pub requests_per_minute: Option<u64>,
    /// The most tokens, asked and answered, within any minute.
    pub tokens_per_minute: Option<u64>,
    /// How often a row is sent again after a failure.
    pub retries: u32,
    /// How long to wait before that, and before a server that failed for everyone is looked at again.
    pub backoff: Backoff,
    /// How long a server may answer nobody before it is given up.
    pub patience: Duration,
    /// Sets the random part of waits apart from that of other programs.
    pub salt: u64,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Send this row.
    Send(usize),
    /// Nothing before this moment, unless something is heard.
    WaitUntil(Duration),
    /// Nothing until something is heard.
    Listen,
    /// Nothing any more: the server is given up.
    GiveUp(Fault),
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The row is sent again later.
    Again {
        /// Whether this was the failure after which the server is left in peace.
        tripped: bool,
    },
    /// The row has no answer.
    Lost,
    /// No row will have an answer.
    Over,
}

/// Keeps account of every row. Times are since the asking began.
#[derive(Debug)]
pub(super) struct Governor {
    rules: Rules,
    fresh: VecDeque<usize>,
    later: BTreeSet<(Duration, usize)>,
    failures: BTreeMap<usize, u32>,
    refusals: BTreeMap<usize, u32>,
    /// The number that the limits know each row on its way by.
    in_flight: BTreeMap<usize, u64>,
    limits: Limits,
    breaker: Breaker,
    /// Nothing is sent before: the server asked for it.
    held_until: Duration,
    /// Since when the server, as far as it was asked, has answered nobody; and what it last did instead.
    trouble: Option<(Duration, Fault)>,
    answered: bool,
}

impl Governor {
    pub(super) fn new(rules: Rules, rows: impl IntoIterator<Item = usize>) -> Self {
        let limits = Limits::per_minute(rules.requests_per_minute, rules.tokens_per_minute);
        let breaker = Breaker::new(rules.backoff, rules.salt);
        Self {
            rules,
            fresh: rows.into_iter().collect(),
            later: BTreeSet::new(),
            failures: BTreeMap::new(),
            refusals: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            limits,
            breaker,
            held_until: Duration::ZERO,
            trouble: None,
            answered: false,
        }
    }

    /// Says how many rows are on their way.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Says whether every row has ended in one way or another.
    pub(super) fn is_done(&self) -> bool {
        self.fresh.is_empty() && self.later.is_empty() && self.in_flight.is_empty()
    }

    /// Says what is to be done now. `tokens` says how many a row is expected to take.
    pub(super) fn next(&mut self, now: Duration, tokens: impl Fn(usize) -> u64) -> Next {
        if self.in_flight.len() >= self.rules.concurrency {
            return Next::Listen;
        }
        let due = self.later.first().copied().filter(|&(at, _)| at <= now || self.fresh.is_empty());
        let Some((due_at, row)) = due.or_else(|| Some((now, *self.fresh.front()?))) else { return Next::Listen };
        let gate_at = match self.breaker.gate() {
            Gate::Open => now,
            Gate::LookAt(at) => at,
            Gate::Shut => return Next::Listen,
        };
        if let Some((since, fault)) = &self.trouble
            && (self.breaker.is_tripped() || self.held_until > now)
            && self.held_until.max(gate_at).saturating_sub(*since) > self.rules.patience
            && self.in_flight.is_empty()
        {
            return Next::GiveUp(fault.clone());
        }
        let tokens = tokens(row);
        let at = now.max(due_at).max(gate_at).max(self.held_until);
        let at = at.max(self.limits.ready_at(now, tokens));
        if at > now {
            return Next::WaitUntil(at);
        }
        if self.later.first() == Some(&(due_at, row)) {
            self.later.pop_first();
        } else {
            self.fresh.pop_front();
        }
        self.breaker.sent(row);
        let number = self.limits.sent(now, tokens);
        self.in_flight.insert(row, number);
        Next::Send(row)
    }

    /// Takes what a server said of its limits.
    pub(super) fn hear(&mut self, now: Duration, hints: &Hints) {
        // The one that brought the hints has been counted.
        self.limits.hear(now, hints, self.in_flight.len().saturating_sub(1) as u64);
    }

    /// Takes an answer; `true` when the server had been left in peace before.
    pub(super) fn answered(&mut self, row: usize, tokens: Option<u64>) -> bool {
        if let (Some(number), Some(tokens)) = (self.in_flight.remove(&row), tokens) {
            self.limits.settle(number, tokens);
        }
        self.failures.remove(&row);
        self.refusals.remove(&row);
        self.trouble = None;
        self.answered = true;
        self.breaker.answered()
    }

    /// Takes a failure.
    pub(super) fn failed(&mut self, row: usize, now: Duration, fault: &Fault) -> After {
        self.in_flight.remove(&row);
        match fault.kind {
            FaultKind::Denied => After::Over,
            FaultKind::Tls if !self.answered => After::Over,
            FaultKind::Refused => {
                self.breaker.undecided(row);
                After::Lost
            }
            FaultKind::Busy => self.busy(row, now, fault),
            FaultKind::Down | FaultKind::Garbled | FaultKind::Tls => self.down(row, now, fault),
        }
    }

    fn busy(&mut self, row: usize, now: Duration, fault: &Fault) -> After {
        self.breaker.undecided(row);
        let times = count(&mut self.refusals, row);
        if times > BUSY_MAX {
            return After::Lost;
        }
        self.trouble.get_or_insert((now, fault.clone())).1 = fault.clone();
        let wait = fault.retry_after.unwrap_or_else(|| self.rules.backoff.wait(self.rules.salt, row, times));
        self.held_until = self.held_until.max(now + wait);
        self.later.insert((now + wait, row));
        After::Again { tripped: false }
    }

    fn down(&mut self, row: usize, now: Duration, fault: &Fault) -> After {
        self.trouble.get_or_insert((now, fault.clone())).1 = fault.clone();
        let tripped = self.breaker.failed(row, now);
        if let Some(wait) = fault.retry_after {
            self.held_until = self.held_until.max(now + wait);
        }
        if self.breaker.is_tripped() {
            // It is the server that fails, and not this row, which keeps its tries.
            self.later.insert((now, row));
            return After::Again { tripped };
        }
        let times = count(&mut self.failures, row);
        if times > self.rules.retries {
            return After::Lost;
        }
        let wait = self.rules.backoff.wait(self.rules.salt, row, times).max(fault.retry_after.unwrap_or_default());
        self.later.insert((now + wait, row));
        After::Again { tripped }
    }
}

fn count(of: &mut BTreeMap<usize, u32>, row: usize) -> u32 {
    let times = of.entry(row).or_default();
    *times += 1;
    *times
}
