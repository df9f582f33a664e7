//! Which row is sent next, and when: rows in their order, those that failed once more, limits, pauses, and an end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::breaker::{Breaker, Gate};
use super::hints::Hints;
use super::limits::Limits;
use super::{Backoff, Fault, FaultKind};

/// How often a server may say of one row that it is too busy before that row is given up.
const BUSY_MAX: u32 = 100;

/// How often a server that has never answered may send what is whole and no answer, before it is taken for another kind of server.
const FOREIGN_MAX: u32 = 6;

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
    WaitUntil(Duration, Why),
    /// Nothing until something is heard.
    Listen,
    /// Nothing any more: the server is given up.
    GiveUp(Fault),
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The server asked for it.
    Asked(Fault),
    /// A limit on what is sent within a minute, declared or told by the server.
    Limits,
    /// A failed row, or a server that fails for everyone, is tried again.
    Again,
}

/// A time in which nothing is sent.
#[derive(Debug)]
struct Hold {
    since: Duration,
    until: Duration,
    /// Whether the server said how long.
    asked: bool,
    fault: Fault,
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
    /// Nothing is sent before its end. An answer to what was on its way does not lift it.
    hold: Option<Hold>,
    /// Since when the server, as far as it was asked, has answered nobody; and what it last did instead.
    trouble: Option<(Duration, Fault)>,
    answered: bool,
    /// How often what came was no answer, and nothing else came.
    foreign: u32,
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
            hold: None,
            trouble: None,
            answered: false,
            foreign: 0,
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
        let held_until = self.hold.as_ref().map_or(Duration::ZERO, |hold| hold.until);
        if let Some(fault) = self.hopeless(now, gate_at.max(held_until)) {
            return if self.in_flight.is_empty() { Next::GiveUp(fault) } else { Next::Listen };
        }
        let tokens = tokens(row);
        let again_at = now.max(due_at).max(gate_at);
        let ready_at = self.limits.ready_at(now, tokens);
        let at = again_at.max(held_until).max(ready_at);
        if at > now {
            let why = match &self.hold {
                Some(hold) if hold.until == at => Why::Asked(hold.fault.clone()),
                _ if ready_at == at => Why::Limits,
                _ => Why::Again,
            };
            return Next::WaitUntil(at, why);
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

    /// Says why there is no point in waiting: the server asks for more than anyone has patience for, or has answered nobody
    /// for so long.
    fn hopeless(&self, now: Duration, until: Duration) -> Option<Fault> {
        let patience = self.rules.patience;
        if let Some(hold) = self.hold.as_ref().filter(|hold| hold.asked && hold.until > now)
            && hold.until.saturating_sub(hold.since) > patience
        {
            let asked = spelled(hold.until.saturating_sub(hold.since));
            let said = format!(
                "{}; it asks to wait {asked}, and `traffic.patience` is {}",
                hold.fault.said,
                spelled(patience)
            );
            return Some(Fault { said, ..hold.fault.clone() });
        }
        let (since, fault) = self.trouble.as_ref()?;
        let waits = self.breaker.is_tripped() || self.hold.as_ref().is_some_and(|hold| hold.until > now);
        (waits && until.saturating_sub(*since) > patience).then(|| fault.clone())
    }

    /// Takes what a server said of its limits. What would be waited for longer than anyone has patience is no reason to
    /// wait: a request that is really too many is refused, with the time to wait for.
    pub(super) fn hear(&mut self, now: Duration, hints: &Hints) {
        let patience = self.rules.patience;
        let bounded = |left: Option<super::hints::Left>| left.filter(|left| left.whole_in <= patience);
        let hints =
            Hints { requests: bounded(hints.requests), tokens: bounded(hints.tokens), retry_after: hints.retry_after };
        // The one that brought the hints has been counted.
        self.limits.hear(now, &hints, self.in_flight.len().saturating_sub(1) as u64);
    }

    /// Holds everything back for so long.
    fn hold(&mut self, now: Duration, wait: Duration, fault: &Fault) {
        let until = now.saturating_add(wait);
        if self.hold.as_ref().is_none_or(|hold| hold.until < until) {
            self.hold = Some(Hold { since: now, until, asked: fault.retry_after.is_some(), fault: fault.clone() });
        }
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
        self.foreign = if fault.kind == FaultKind::Foreign { self.foreign + 1 } else { 0 };
        match fault.kind {
            FaultKind::Denied => After::Over,
            FaultKind::Foreign if !self.answered && self.foreign >= FOREIGN_MAX => After::Over,
            FaultKind::Tls if !self.answered => After::Over,
            FaultKind::Refused => {
                self.breaker.undecided(row);
                After::Lost
            }
            FaultKind::Busy => self.busy(row, now, fault),
            FaultKind::Down | FaultKind::Garbled | FaultKind::Foreign | FaultKind::Tls => self.down(row, now, fault),
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
        self.hold(now, wait, fault);
        self.later.insert((now.saturating_add(wait), row));
        After::Again { tripped: false }
    }

    fn down(&mut self, row: usize, now: Duration, fault: &Fault) -> After {
        self.trouble.get_or_insert((now, fault.clone())).1 = fault.clone();
        let tripped = self.breaker.failed(row, now);
        if let Some(wait) = fault.retry_after {
            self.hold(now, wait, fault);
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
        self.later.insert((now.saturating_add(wait), row));
        After::Again { tripped }
    }
}

/// Writes a span of time in the largest units that tell enough: `36 s`, `12 min`, `10 h`.
pub fn spelled(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    let (value, unit) = match seconds {
        0.0..120.0 => (seconds, "s"),
        120.0..7200.0 => (seconds / 60.0, "min"),
        _ => (seconds / 3600.0, "h"),
    };
    let rounded = if value < 10.0 { (value * 10.0).round() / 10.0 } else { value.round() };
    format!("{rounded} {unit}")
}

fn count(of: &mut BTreeMap<usize, u32>, row: usize) -> u32 {
    let times = of.entry(row).or_default();
    *times += 1;
    *times
}
