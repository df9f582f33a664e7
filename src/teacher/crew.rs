//! The threads that send, and the one loop that listens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::governor::{After, Governor, Next, Why};
use super::hints::Hints;
use super::{Answer, Fault, Rules, Server};

/// How often the loop looks whether it should stop.
const POLL: Duration = Duration::from_millis(100);

/// How long answers that are on their way are waited for once nothing more is asked.
const GRACE: Duration = Duration::from_secs(30);

/// A wait that is longer is said.
const SAID: Duration = Duration::from_secs(5);

/// Something a person should know while a server is asked.
#[derive(Debug)]
pub enum News<'a> {
    /// The server fails for everyone, and is left in peace for a while.
    Paused(&'a Fault),
    /// It answers again.
    Resumed,
    /// Nothing is sent for a while.
    Waits {
        /// For how long.
        wait: Duration,
        /// What is waited for.
        why: &'a Why,
    },
}

/// Whoever wants the answers.
pub trait Desk {
    /// Why it may have to end early.
    type Error;

    /// Returns the body to send for a row.
    fn body(&mut self, row: usize) -> Result<Vec<u8>, Self::Error>;

    /// Returns how many tokens a row is expected to take, question and answer.
    fn tokens(&self, row: usize) -> u64;

    /// Takes an answer. It is kept before this returns.
    fn answered(&mut self, row: usize, answer: Answer) -> Result<(), Self::Error>;

    /// Takes note that a row has no answer.
    fn lost(&mut self, row: usize, fault: Fault) -> Result<(), Self::Error>;

    /// Is told something a person should know.
    fn news(&mut self, news: News<'_>);

    /// Says whether nothing more should be asked.
    fn enough(&self) -> bool;

    /// Says whether another row may be sent while so many are on their way. Where none is on its way and none may be sent,
    /// the asking ends.
    fn affords(&self, _on_their_way: usize) -> bool {
        true
    }
}

/// How the asking ended.
#[derive(Debug)]
pub enum Ended {
    /// Every row has an answer or is lost.
    Done,
    /// The desk had enough; what was on its way was waited for.
    Enough,
    /// The server answers nobody, now or ever.
    GaveUp(Fault),
}

struct Job {
    row: usize,
    body: Vec<u8>,
}

struct Reply {
    row: usize,
    result: Result<Answer, Fault>,
    hints: Hints,
}

/// Asks for every row, and gives what comes to the desk in the order in which it comes.
pub fn ask_all<D: Desk>(server: &Arc<Server>, rules: Rules, rows: Vec<usize>, desk: &mut D) -> Result<Ended, D::Error> {
    let hands = rules.concurrency.min(rows.len());
    let (jobs, orders) = unbounded::<Job>();
    let (replies, heard) = unbounded::<Reply>();
    for _ in 0..hands {
        let (server, orders, replies) = (Arc::clone(server), orders.clone(), replies.clone());
        // Not scoped: a thread whose server never answers must not keep anyone, and ends with its request.
        std::thread::spawn(move || work(&server, &orders, &replies));
    }
    drop((orders, replies));
    let governor = Governor::new(rules, rows);
    Loop { governor, desk, began: Instant::now(), gave_up: None, settled_by: None, told: Told::default() }
        .turn(&jobs, &heard)
}

fn work(server: &Server, orders: &Receiver<Job>, replies: &Sender<Reply>) {
    for Job { row, body } in orders {
        let (result, hints) = server.ask(&body);
        if replies.send(Reply { row, result, hints }).is_err() {
            return;
        }
    }
}

struct Loop<'a, D> {
    governor: Governor,
    desk: &'a mut D,
    began: Instant,
    gave_up: Option<Fault>,
    /// When what is on its way is waited for no longer, once nothing more is sent.
    settled_by: Option<Duration>,
    told: Told,
}

/// What was said of waits.
#[derive(Debug, Default)]
struct Told {
    /// The end of the last wait that was said.
    until: Duration,
    /// Whether waits for limits were said; they come again every minute.
    limits: bool,
}

impl Told {
    /// Says whether a wait is news: longer than a moment, and not much of what was said before.
    fn is_news(&mut self, now: Duration, until: Duration, why: &Why) -> bool {
        if until < now + SAID || until < self.until + SAID || (self.limits && *why == Why::Limits) {
            return false;
        }
        self.until = until;
        self.limits |= *why == Why::Limits;
        true
    }
}

impl<D: Desk> Loop<'_, D> {
    fn turn(mut self, jobs: &Sender<Job>, heard: &Receiver<Reply>) -> Result<Ended, D::Error> {
        loop {
            let now = self.began.elapsed();
            if self.settled_by.is_none() && (self.gave_up.is_some() || self.desk.enough() || self.is_spent()) {
                self.settled_by = Some(now + GRACE);
            }
            let wake = self.send(now, jobs)?;
            let settled = self.settled_by.is_some_and(|by| self.governor.in_flight() == 0 || now >= by);
            if settled || (self.gave_up.is_none() && self.governor.is_done()) {
                return Ok(match self.gave_up {
                    Some(fault) => Ended::GaveUp(fault),
                    None if self.governor.is_done() => Ended::Done,
                    None => Ended::Enough,
                });
            }
            if self.gave_up.is_some() && self.governor.in_flight() == 0 {
                continue;
            }
            match heard.recv_timeout(wake.min(POLL)) {
                Ok(reply) => {
                    self.hear(reply)?;
                    while let Ok(reply) = heard.try_recv() {
                        self.hear(reply)?;
                    }
                }
                // Where nothing is on its way, the threads are idle and the time is what is waited for.
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("the threads live as long as the jobs' sender"),
            }
        }
    }

    /// Says whether nothing is on its way and nothing more is afforded.
    fn is_spent(&self) -> bool {
        self.governor.in_flight() == 0 && !self.governor.is_done() && !self.desk.affords(0)
    }

    /// Sends what may be sent now, and returns for how long there is nothing to do unless something is heard.
    fn send(&mut self, now: Duration, jobs: &Sender<Job>) -> Result<Duration, D::Error> {
        if self.settled_by.is_some() {
            return Ok(POLL);
        }
        loop {
            let desk = &*self.desk;
            if !desk.affords(self.governor.in_flight()) {
                return Ok(POLL);
            }
            match self.governor.next(now, |row| desk.tokens(row)) {
                Next::Send(row) => {
                    let body = self.desk.body(row)?;
                    // The threads live as long as this sender.
                    let _ = jobs.send(Job { row, body });
                }
                Next::WaitUntil(at, why) => {
                    let wait = at.saturating_sub(now);
                    if self.told.is_news(now, at, &why) {
                        self.desk.news(News::Waits { wait, why: &why });
                    }
                    return Ok(wait);
                }
                Next::Listen => return Ok(POLL),
                Next::GiveUp(fault) => {
                    self.gave_up = Some(fault);
                    return Ok(Duration::ZERO);
                }
            }
        }
    }

    fn hear(&mut self, reply: Reply) -> Result<(), D::Error> {
        let Reply { row, result, hints } = reply;
        let now = self.began.elapsed();
        self.governor.hear(now, &hints);
        match result {
            Ok(answer) => {
                let tokens = answer.prompt_tokens.zip(answer.answer_tokens).map(|(asked, said)| asked + said);
                if self.governor.answered(row, tokens) {
                    self.desk.news(News::Resumed);
                }
                self.desk.answered(row, answer)
            }
            Err(fault) => match self.governor.failed(row, now, &fault) {
                After::Again { tripped } => {
                    if tripped {
                        self.desk.news(News::Paused(&fault));
                    }
                    Ok(())
                }
                After::Lost => self.desk.lost(row, fault),
                After::Over => {
                    self.gave_up.get_or_insert(fault);
                    Ok(())
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaultKind;

    #[test]
    fn a_wait_is_said_once_and_with_its_end() {
        let s = Duration::from_secs;
        let mut told = Told::default();
        let asked = Why::Asked(Fault::new(FaultKind::Busy, "no"));
        for (now, until, why, news) in [
            (0, 4, &asked, false),
            (0, 30, &asked, true),
            (1, 30, &asked, false),
            (1, 32, &asked, false),
            (2, 60, &asked, true),
            (60, 90, &Why::Limits, true),
            (90, 150, &Why::Limits, false),
            (150, 200, &Why::Again, true),
        ] {
            assert_eq!(told.is_news(s(now), s(until), why), news, "{now} {until} {why:?}");
        }
    }
}
