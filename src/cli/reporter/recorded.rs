//! Recorded events, as a run gives them.

use crate::event::{Event, Note, Tally, What, Why};
use crate::fingerprint::{Fingerprint, KeyChange};

pub(super) const TUNED: &str = "tuned[student=gpt2,placement=after]";

/// When every recorded run began.
pub(super) const BEGAN_MS: u64 = 1_700_000_000_000;

pub(super) fn at(at_ms: u64, what: What) -> Event {
    Event { at_ms: BEGAN_MS + at_ms, what }
}

pub(super) fn noted(at_ms: u64, instance: &str, note: Note) -> Event {
    at(at_ms, What::Noted { instance: instance.into(), note })
}

pub(super) fn fingerprint() -> Fingerprint {
    Fingerprint::from_bytes([7; 32])
}

pub(super) fn run_started(at_ms: u64, instances: usize, hits: usize, to_run: usize) -> Event {
    let [run, experiment, version] = ["2026-02-03-a1".into(), "quickstart".into(), "0.1.0".into()];
    at(at_ms, What::RunStarted { run, experiment, version, instances, hits, to_run })
}

pub(super) fn hit(at_ms: u64, instance: &str) -> Event {
    at(at_ms, What::Hit { instance: instance.into(), fingerprint: fingerprint(), by: "ada@lab".into(), from: None })
}

pub(super) fn started(at_ms: u64, instance: &str) -> Event {
    started_for(at_ms, instance, Why::New)
}

pub(super) fn started_for(at_ms: u64, instance: &str, why: Why) -> Event {
    at(at_ms, What::Started { instance: instance.into(), fingerprint: fingerprint(), why })
}

pub(super) fn progress(at_ms: u64, instance: &str, done: u64, total: u64, unit: &str) -> Event {
    noted(at_ms, instance, Note::Progress { done, total, unit: unit.into() })
}

pub(super) fn measure(at_ms: u64, instance: &str, name: &str, step: u64, value: f64) -> Event {
    noted(at_ms, instance, Note::Measure { name: name.into(), step, value })
}

pub(super) fn warning(at_ms: u64, instance: &str, message: &str) -> Event {
    noted(at_ms, instance, Note::Warning { message: message.into() })
}

pub(super) fn waiting(at_ms: u64, instance: &str, holder: &str) -> Event {
    at(at_ms, What::Waiting { instance: instance.into(), holder: holder.into() })
}

pub(super) fn finished(at_ms: u64, instance: &str, took_ms: u64) -> Event {
    at(at_ms, What::Finished { instance: instance.into(), fingerprint: fingerprint(), took_ms })
}

pub(super) fn failed(at_ms: u64, instance: &str, error: &str) -> Event {
    at(at_ms, What::Failed { instance: instance.into(), error: error.into(), took_ms: 2_300 })
}

pub(super) fn stopped(at_ms: u64, instance: &str) -> Event {
    at(at_ms, What::Stopped { instance: instance.into() })
}

pub(super) fn skipped(at_ms: u64, instance: &str, because: &str) -> Event {
    at(at_ms, What::Skipped { instance: instance.into(), because: because.into() })
}

/// The tally as (hits, ran, failed, stopped, skipped).
pub(super) fn run_finished(at_ms: u64, tally: [usize; 5]) -> Event {
    let [hits, ran, failed, stopped, skipped] = tally;
    at(at_ms, What::RunFinished { tally: Tally { hits, ran, failed, stopped, skipped }, took_ms: at_ms })
}

pub(super) fn changed() -> Why {
    let change = |path: &str, before: &str, after: &str| KeyChange {
        path: path.into(),
        before: Some(before.into()),
        after: Some(after.into()),
    };
    Why::Changed { from: None, changes: vec![change("params.fraction", "0.4", "0.5")] }
}

/// A run that ends well, with a bit of everything that does.
pub(super) fn good_run() -> Vec<Event> {
    let mut events = vec![run_started(0, 6, 2, 3), hit(1, "questions"), hit(2, "rationales")];
    events.push(started_for(5, "masked[fraction=0.5]", changed()));
    events.push(warning(50, "masked[fraction=0.5]", "a row is empty"));
    events.push(warning(51, "masked[fraction=0.5]", "a row is empty"));
    events.push(finished(205, "masked[fraction=0.5]", 200));
    events.push(started(210, TUNED));
    for step in 1..=250 {
        events.push(progress(210 + 100 * step, TUNED, step, 250, "steps"));
        if step % 50 == 0 {
            events.push(measure(210 + 100 * step, TUNED, "loss", step, 100.0 / step as f64));
        }
    }
    events.push(finished(25_300, TUNED, 25_090));
    events.push(started_for(25_301, "attributed", Why::Lost { part: "result".into() }));
    events.push(waiting(25_302, "attributed", "bob@lab, process 812"));
    events.push(hit(40_000, "attributed"));
    events.push(started(40_001, "scores"));
    events.push(finished(40_900, "scores", 899));
    events.push(run_finished(41_000, [3, 3, 0, 0, 0]));
    events
}

pub(super) fn bad_run() -> Vec<Event> {
    vec![
        run_started(0, 7, 1, 6),
        hit(1, "questions"),
        started(2, TUNED),
        started(3, "other"),
        failed(2_300, TUNED, "cannot open `cuda:0`: no driver\nhint: try \u{1b}[31m--device cpu\n"),
        skipped(2_301, "attributed", TUNED),
        skipped(2_302, "retrained", TUNED),
        skipped(2_303, "scores", TUNED),
        at(2_400, What::Warned { message: "the index is locked; going on without it".into() }),
        finished(61_000, "other", 60_997),
        run_finished(61_200, [1, 1, 1, 0, 3]),
    ]
}

pub(super) fn stopped_run() -> Vec<Event> {
    let asked = "the run was asked to stop";
    vec![
        run_started(0, 5, 0, 5),
        started(1, TUNED),
        skipped(5_000, "attributed", asked),
        skipped(5_000, "retrained", asked),
        skipped(5_000, "scores", asked),
        stopped(9_000, TUNED),
        skipped(9_001, "report", TUNED),
        run_finished(9_002, [0, 0, 0, 1, 4]),
    ]
}

pub(super) fn all_hits(n: usize) -> Vec<Event> {
    let mut events = vec![run_started(0, n, n, 0)];
    events.extend((0..n).map(|i| hit(1, &format!("elicited[sample={i}]"))));
    events.push(run_finished(350, [n, 0, 0, 0, 0]));
    events
}
