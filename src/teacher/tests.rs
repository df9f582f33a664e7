//! The governor against servers of every kind, by a clock of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::governor::{After, Governor, Next, Why, spelled};
use super::hints::{Hints, Left};
use super::{Backoff, Fault, FaultKind, Rules};

fn rules() -> Rules {
    Rules {
        concurrency: 4,
        requests_per_minute: None,
        tokens_per_minute: None,
        retries: 6,
        backoff: Backoff { first: Duration::from_millis(500), most: Duration::from_mins(1) },
        patience: Duration::from_mins(10),
        salt: 7,
    }
}

/// What a server does with one request.
#[derive(Debug, Clone)]
enum Does {
    Answers,
    Fails(Fault),
}

fn fault(kind: FaultKind) -> Fault {
    Fault { retry_after: None, ..Fault::new(kind, "no") }
}

/// How asking for some rows went.
#[derive(Debug, Default)]
struct Course {
    /// When each request was sent.
    sent: Vec<Duration>,
    answered: Vec<usize>,
    lost: BTreeSet<usize>,
    tripped: usize,
    gave_up: bool,
    ended: Duration,
}

/// Asks for `rows` rows; `does` is given a row, how often it was sent before, and the time it arrives.
fn ask(rules: &Rules, rows: usize, took: Duration, mut does: impl FnMut(usize, usize, Duration) -> Does) -> Course {
    let mut governor = Governor::new(rules.clone(), 0..rows);
    let mut course = Course::default();
    let mut under_way: BTreeSet<(Duration, usize)> = BTreeSet::new();
    let mut sends: BTreeMap<usize, usize> = BTreeMap::new();
    let mut now = Duration::ZERO;
    loop {
        assert!(course.sent.len() < 100_000, "it never ends");
        let wake = match governor.next(now, |_| 10) {
            Next::Send(row) => {
                course.sent.push(now);
                // Each takes a little longer than the one before, so that no two end together.
                under_way.insert((now + took + Duration::from_micros(course.sent.len() as u64), row));
                assert!(under_way.len() <= rules.concurrency);
                assert_eq!(under_way.len(), governor.in_flight());
                continue;
            }
            Next::WaitUntil(at, _) => {
                assert!(at > now, "it would spin");
                Some(at)
            }
            Next::Listen => None,
            Next::GiveUp(_) => {
                course.gave_up = true;
                None
            }
        };
        let first = under_way.first().copied();
        let Some((at, row)) = first.filter(|(at, _)| wake.is_none_or(|wake| *at <= wake)) else {
            let Some(wake) = wake else { break };
            now = wake;
            continue;
        };
        under_way.remove(&(at, row));
        now = now.max(at);
        let before = sends.entry(row).or_default();
        let done = does(row, *before, now);
        *before += 1;
        match done {
            Does::Answers => {
                governor.answered(row, Some(10));
                course.answered.push(row);
            }
            Does::Fails(fault) => match governor.failed(row, now, &fault) {
                After::Again { tripped } => course.tripped += usize::from(tripped),
                After::Lost => assert!(course.lost.insert(row)),
                After::Over => {
                    course.gave_up = true;
                    break;
                }
            },
        }
    }
    course.ended = now;
    assert!(course.gave_up || governor.is_done());
    course
}

fn faults() -> impl Strategy<Value = Fault> {
    let kind = prop_oneof![Just(FaultKind::Busy), Just(FaultKind::Down), Just(FaultKind::Garbled)];
    let after = prop::option::of((0u64..5000).prop_map(Duration::from_millis));
    (kind, after).prop_map(|(kind, retry_after)| Fault { retry_after, ..fault(kind) })
}

proptest! {
    /// Whatever a server does, so long as it answers each row in the end, each row is answered, and once.
    #[test]
    fn every_row_is_answered_once(
        scripts in prop::collection::vec(prop::collection::vec(faults(), 0..5), 1..30),
        concurrency in 1usize..9,
        per_minute in prop::option::of(1u64..100),
        took_ms in 1u64..3000,
    ) {
        let rules = Rules { concurrency, requests_per_minute: per_minute, patience: Duration::from_hours(9), ..rules() };
        let course = ask(&rules, scripts.len(), Duration::from_millis(took_ms), |row, before, _| {
            scripts[row].get(before).map_or(Does::Answers, |fault| Does::Fails(fault.clone()))
        });
        let mut answered = course.answered.clone();
        answered.sort_unstable();
        prop_assert_eq!(answered, (0..scripts.len()).collect::<Vec<_>>());
        prop_assert!(course.lost.is_empty());
        if let Some(most) = per_minute {
            for (index, at) in course.sent.iter().enumerate() {
                let within = course.sent[index..].iter().take_while(|other| **other < *at + Duration::from_mins(1));
                prop_assert!(within.count() as u64 <= most);
            }
        }
    }
}

#[test]
fn a_server_that_is_down_is_left_in_peace_and_costs_no_row() {
    let back = Duration::from_mins(8);
    let course = ask(&rules(), 1000, Duration::from_millis(200), |_, _, now| {
        if now < back { Does::Fails(fault(FaultKind::Down)) } else { Does::Answers }
    });
    assert_eq!((course.answered.len(), course.lost.len(), course.tripped), (1000, 0, 1));
    let during = course.sent.iter().filter(|at| **at < back).count();
    assert!(during < 40, "{during} requests to a server that was down");
    assert!(course.ended < back + Duration::from_mins(3), "{:?}", course.ended);
}

#[test]
fn a_server_that_stays_down_is_given_up_in_time() {
    for kind in [FaultKind::Down, FaultKind::Garbled, FaultKind::Busy] {
        let course = ask(&rules(), 100, Duration::from_millis(200), |_, _, _| Does::Fails(fault(kind)));
        assert!(course.gave_up && course.lost.is_empty(), "{kind:?}");
        let (least, most) = (Duration::from_mins(8), Duration::from_mins(12));
        assert!(course.ended > least && course.ended < most, "{kind:?}: {:?}", course.ended);
    }
}

#[test]
fn a_row_that_always_fails_is_lost_and_the_others_are_not() {
    let course = ask(&rules(), 50, Duration::from_millis(200), |row, _, _| {
        if row == 7 { Does::Fails(fault(FaultKind::Down)) } else { Does::Answers }
    });
    assert_eq!((course.answered.len(), course.lost, course.tripped), (49, BTreeSet::from([7]), 0));
    let course = ask(&rules(), 3, Duration::from_millis(200), |_, _, _| Does::Fails(fault(FaultKind::Down)));
    assert_eq!((course.lost.len(), course.sent.len()), (3, 21), "a few rows alone say nothing of the server");
}

#[test]
fn what_is_refused_is_not_asked_again() {
    let course = ask(&rules(), 10, Duration::from_millis(200), |row, _, _| {
        if row % 2 == 0 { Does::Fails(fault(FaultKind::Refused)) } else { Does::Answers }
    });
    assert_eq!((course.sent.len(), course.lost.len(), course.gave_up), (10, 5, false));
}

#[test]
fn a_server_that_denies_us_is_asked_no_more() {
    for kind in [FaultKind::Denied, FaultKind::Tls] {
        let course = ask(&rules(), 100, Duration::from_millis(200), |_, _, _| Does::Fails(fault(kind)));
        assert!(course.gave_up && course.sent.len() <= 4, "{kind:?}");
    }
    // A connection that was secure before is only broken.
    let course = ask(&rules(), 100, Duration::from_millis(200), |row, before, _| {
        if row == 50 && before == 0 { Does::Fails(fault(FaultKind::Tls)) } else { Does::Answers }
    });
    assert_eq!(course.answered.len(), 100);
}

#[test]
fn a_server_of_another_kind_is_given_up_soon() {
    let course = ask(&rules(), 100, Duration::from_millis(200), |_, _, _| Does::Fails(fault(FaultKind::Foreign)));
    assert!(course.gave_up && course.lost.is_empty() && course.sent.len() < 12, "{course:?}");
    assert!(course.ended < Duration::from_secs(10), "{:?}", course.ended);
    // One row alone is asked as often.
    let course = ask(&rules(), 1, Duration::from_millis(200), |_, _, _| Does::Fails(fault(FaultKind::Foreign)));
    assert!(course.gave_up && course.ended < Duration::from_mins(1), "{course:?}");
    // A page among answers, or among other failures, is a failure like others.
    let course = ask(&rules(), 100, Duration::from_millis(200), |row, before, _| match (row, before) {
        (40..44, 0..2) => Does::Fails(fault(FaultKind::Foreign)),
        _ => Does::Answers,
    });
    assert_eq!((course.answered.len(), course.gave_up), (100, false));
    let mut sent = 0;
    let course = ask(&rules(), 20, Duration::from_millis(200), |_, _, now| {
        sent += 1;
        match sent % 4 {
            _ if now > Duration::from_mins(1) => Does::Answers,
            0 => Does::Fails(fault(FaultKind::Down)),
            _ => Does::Fails(fault(FaultKind::Foreign)),
        }
    });
    assert_eq!((course.answered.len(), course.gave_up), (20, false));
}

#[test]
fn everyone_waits_as_long_as_the_server_asks() {
    let asks = Duration::from_secs(40);
    let course = ask(&rules(), 20, Duration::from_millis(200), |_, before, now| {
        if now < Duration::from_secs(1) && before == 0 {
            Does::Fails(Fault { retry_after: Some(asks), ..fault(FaultKind::Busy) })
        } else {
            Does::Answers
        }
    });
    assert_eq!(course.answered.len(), 20);
    let early = course.sent.iter().filter(|at| **at > Duration::from_millis(300) && **at < asks).count();
    assert_eq!(early, 0, "{:?}", course.sent);
    // Longer than anyone has patience for.
    let course = ask(&rules(), 20, Duration::from_millis(200), |_, _, _| {
        Does::Fails(Fault { retry_after: Some(Duration::from_hours(1)), ..fault(FaultKind::Busy) })
    });
    assert!(course.gave_up && course.ended < Duration::from_secs(1), "{:?}", course.ended);
}

#[test]
fn a_server_that_says_nothing_is_left_is_heard() {
    let mut governor = Governor::new(rules(), 0..10);
    let s = Duration::from_secs;
    assert_eq!(governor.next(s(0), |_| 0), Next::Send(0));
    let nothing = Left { amount: 0, whole_in: s(30) };
    governor.hear(s(1), &Hints { requests: Some(nothing), ..Hints::default() });
    governor.answered(0, None);
    assert_eq!(governor.next(s(1), |_| 0), Next::WaitUntil(s(31), Why::Limits));
    assert_eq!(governor.next(s(31), |_| 0), Next::Send(1));
    // A day is longer than anyone has patience for: whether it is true, the server says when it is asked.
    let day = Left { amount: 0, whole_in: Duration::from_hours(7) };
    governor.hear(s(31), &Hints { requests: Some(day), ..Hints::default() });
    assert_eq!(governor.next(s(31), |_| 0), Next::Send(2));
}

#[test]
fn a_quota_that_ends_while_others_are_answered_ends_the_asking() {
    let mut governor = Governor::new(rules(), 0..10);
    let s = Duration::from_secs;
    assert!((0..4).all(|row| governor.next(s(0), |_| 0) == Next::Send(row)));
    let over = Fault { retry_after: Some(Duration::from_hours(10)), ..fault(FaultKind::Busy) };
    for row in 0..2 {
        assert_eq!(governor.failed(row, s(1), &over), After::Again { tripped: false });
    }
    // What is on its way is waited for, and nothing more is sent.
    assert_eq!(governor.next(s(1), |_| 0), Next::Listen);
    governor.answered(2, None);
    assert_eq!(governor.next(s(2), |_| 0), Next::Listen);
    governor.answered(3, None);
    let Next::GiveUp(fault) = governor.next(s(3), |_| 0) else { panic!("{governor:?}") };
    assert_eq!(fault.said, "no; it asks to wait 10 h, and `traffic.patience` is 10 min");
    // A wait within the patience is waited for, and its end is known, whatever is answered meanwhile.
    let mut governor = Governor::new(rules(), 0..10);
    assert!((0..2).all(|row| governor.next(s(0), |_| 0) == Next::Send(row)));
    let soon = Fault { retry_after: Some(s(30)), ..fault };
    governor.failed(0, s(1), &soon);
    governor.answered(1, None);
    assert_eq!(governor.next(s(2), |_| 0), Next::WaitUntil(s(31), Why::Asked(soon)));
}

#[test]
fn spans_are_spelled_in_units_that_tell_enough() {
    for (seconds, expected) in
        [(0.5, "0.5 s"), (36.0, "36 s"), (600.0, "10 min"), (36_000.0, "10 h"), (9000.0, "2.5 h")]
    {
        assert_eq!(spelled(Duration::from_secs_f64(seconds)), expected);
    }
}
