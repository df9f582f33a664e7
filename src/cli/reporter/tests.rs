//! What each reporter makes of recorded events, and of any events.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use expect_test::expect;
use proptest::prelude::*;

use super::recorded::*;
use super::styled::styled;
use super::{Json, Plain, Styled, line, narrate};
use crate::event::{Event, Note, Reporter, Tally, What, log_line, read_log};

/// A place to write that can be read while the reporter still has it.
#[derive(Clone, Default)]
struct Out(Rc<RefCell<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn said(events: &[Event], reporter: impl FnOnce(Out) -> Box<dyn Reporter>) -> String {
    let out = Out::default();
    let mut reporter = reporter(out.clone());
    for event in events {
        reporter.report(event);
    }
    String::from_utf8(out.0.borrow().clone()).unwrap()
}

fn plain(events: &[Event], quiet: bool, verbose: u8) -> String {
    said(events, |out| Box::new(Plain::new(out, quiet, verbose)))
}

fn marked(events: &[Event], columns: usize) -> String {
    let mut narrator = narrate::Narrator::new(false, 0);
    let lines = events.iter().filter_map(|event| narrator.hear(event));
    let lines = lines.filter(|line| !matches!(line.mark, line::Mark::Start | line::Mark::Wait));
    lines.map(|line| styled(&line, Some(columns), false) + "\n").collect()
}

#[test]
fn plain_lines_of_a_good_run() {
    expect![[r"
        [00:00:00] quickstart: 6 stages, 2 cached, 3 to run, 1 undecided (run 2026-02-03-a1, retort 0.1.0)
        [00:00:00] started masked[fraction=0.5]: fraction: 0.4 → 0.5
        [00:00:00] warning masked[fraction=0.5]: a row is empty
        [00:00:00] finished masked[fraction=0.5]: 0.2 s
        [00:00:00] started tuned[student=gpt2,placement=after]: new
        [00:00:10] at work tuned[student=gpt2,placement=after]: 100/250 steps, 10/s, 15 s left, loss 2.000
        [00:00:20] at work tuned[student=gpt2,placement=after]: 200/250 steps, 10/s, 5 s left, loss 0.6667
        [00:00:25] finished tuned[student=gpt2,placement=after]: 25.1 s, loss 0.4000
        [00:00:25] started attributed: result lost
        [00:00:25] waiting attributed: bob@lab, process 812 works on it
        [00:00:40] cached attributed: made by ada@lab meanwhile
        [00:00:40] started scores: new
        [00:00:40] finished scores: 0.9 s
        [00:00:41] finished in 41.0 s: 3 cached, 3 ran
            warned 2 times: a row is empty
    "]]
    .assert_eq(&plain(&good_run(), false, 0));
}

#[test]
fn plain_lines_of_a_bad_run() {
    expect![[r"
        [00:00:00] quickstart: 7 stages, 1 cached, 6 to run (run 2026-02-03-a1, retort 0.1.0)
        [00:00:00] started tuned[student=gpt2,placement=after]: new
        [00:00:00] started other: new
        [00:00:02] failed tuned[student=gpt2,placement=after] after 2.3 s: cannot open `cuda:0`: no driver
            hint: try \u{1b}[31m--device cpu
        [00:00:02] stages that need tuned[student=gpt2,placement=after] are skipped
        [00:00:02] warning: the index is locked; going on without it
        [00:01:01] finished other: 1 min 01 s
        [00:01:01] the run failed after 1 min 01 s: 1 cached, 1 ran, 1 failed, 3 left out
            failed (see above): tuned[student=gpt2,placement=after]
            3 left out, since they need tuned[student=gpt2,placement=after]
            fix the error and run the same command again: finished stages are kept
    "]]
    .assert_eq(&plain(&bad_run(), false, 0));
}

#[test]
fn plain_lines_of_a_stopped_run() {
    expect![[r"
        [00:00:00] quickstart: 5 stages, 5 to run (run 2026-02-03-a1, retort 0.1.0)
        [00:00:00] started tuned[student=gpt2,placement=after]: new
        [00:00:05] the run was asked to stop: pending stages are skipped
        [00:00:09] stopped tuned[student=gpt2,placement=after]: its progress is kept
        [00:00:09] stages that need tuned[student=gpt2,placement=after] are skipped
        [00:00:09] the run stopped after 9.0 s: 1 stopped, 4 left out
            3 left out: the run was asked to stop
            1 left out, since it needs tuned[student=gpt2,placement=after]
            run the same command again: finished stages are kept
    "]]
    .assert_eq(&plain(&stopped_run(), false, 0));
}

#[test]
fn verbose_lines_name_every_instance() {
    expect![[r"
        [00:00:00] quickstart: 5 stages, 5 to run (run 2026-02-03-a1, retort 0.1.0)
        [00:00:00] started tuned[student=gpt2,placement=after]: new
        [00:00:05] left out attributed: the run was asked to stop
        [00:00:05] left out retrained: the run was asked to stop
        [00:00:05] left out scores: the run was asked to stop
        [00:00:09] stopped tuned[student=gpt2,placement=after]: its progress is kept
        [00:00:09] left out report: it needs tuned[student=gpt2,placement=after]
        [00:00:09] the run stopped after 9.0 s: 1 stopped, 4 left out
            3 left out: the run was asked to stop
            1 left out, since it needs tuned[student=gpt2,placement=after]
            run the same command again: finished stages are kept
    "]]
    .assert_eq(&plain(&stopped_run(), false, 1));
    expect![[r"
        [00:00:00] quickstart: 2 stages, 2 cached (run 2026-02-03-a1, retort 0.1.0)
        [00:00:00] cached elicited[sample=0]: made by ada@lab
        [00:00:00] cached elicited[sample=1]: made by ada@lab
        [00:00:00] nothing to run: 2 cached, looked up in 0.4 s
    "]]
    .assert_eq(&plain(&all_hits(2), false, 1));
}

#[test]
fn ten_thousand_hits_are_not_listed() {
    expect![[r"
        [00:00:00] quickstart: 10,000 stages, 10,000 cached (run 2026-02-03-a1, retort 0.1.0)
        [00:00:00] nothing to run: 10,000 cached, looked up in 0.4 s
    "]]
    .assert_eq(&plain(&all_hits(10_000), false, 0));
    expect![[r"
        › quickstart  10,000 stages, 10,000 cached  run 2026-02-03-a1, retort 0.1.0
        ✓ nothing to run: 10,000 cached, looked up in 0.4 s
    "]]
    .assert_eq(&marked(&all_hits(10_000), 80));
}

#[test]
fn a_thousand_skipped_instances_have_one_line_and_a_count() {
    let mut events = vec![run_started(0, 1_001, 0, 1), started(1, "a"), failed(2, "a", "no")];
    events.extend((0..1_000).map(|i| skipped(3, &format!("b[run={i}]"), "a")));
    events.push(run_finished(4, [0, 0, 1, 0, 1_000]));
    expect![[r"
        [00:00:00] quickstart: 1,001 stages, 1 to run, 1,000 undecided (run 2026-02-03-a1, retort 0.1.0)
        [00:00:00] started a: new
        [00:00:00] failed a after 2.3 s: no
        [00:00:00] stages that need a are skipped
        [00:00:00] the run failed after 0.0 s: 1 failed, 1,000 left out
            failed (see above): a
            1,000 left out, since they need a
            fix the error and run the same command again: finished stages are kept
    "]]
    .assert_eq(&plain(&events, false, 0));
}

#[test]
fn many_different_warnings_are_cut_off() {
    let mut events = vec![run_started(0, 1, 0, 1), started(1, "a")];
    events.extend((0..200).map(|i| warning(2, "a", &format!("row {i} is empty"))));
    events.extend([finished(3, "a", 2), run_finished(4, [0, 1, 0, 0, 0])]);
    let said = plain(&events, false, 0);
    assert_eq!(said.matches("warning a: row").count(), 50);
    assert!(said.ends_with("    150 further warnings are in the run's log\n"), "{said}");
}

#[test]
fn quiet_says_only_what_failed() {
    expect![[r"
        [00:00:02] failed tuned[student=gpt2,placement=after] after 2.3 s: cannot open `cuda:0`: no driver
            hint: try \u{1b}[31m--device cpu
        [00:01:01] the run failed after 1 min 01 s: 1 cached, 1 ran, 1 failed, 3 left out
            failed (see above): tuned[student=gpt2,placement=after]
            3 left out, since they need tuned[student=gpt2,placement=after]
            fix the error and run the same command again: finished stages are kept
    "]]
    .assert_eq(&plain(&bad_run(), true, 0));
    for run in [good_run(), stopped_run(), all_hits(9)] {
        assert_eq!(plain(&run, true, 2), "");
    }
}

#[test]
fn marked_lines_fit_the_terminal() {
    expect![[r"
        › quickstart  6 stages, 2 cached, 3 to run, 1 undecided  run 2026-02-03-a1, ret…
        ! masked[fraction=0.5]  a row is empty
        ✓ masked[fraction=0.5]  0.2 s  fraction: 0.4 → 0.5
        ✓ tuned[student=gpt2,placement=after]  25.1 s  loss 0.4000  new
        · attributed  made by ada@lab meanwhile
        ✓ scores  0.9 s  new
        ✓ finished in 41.0 s: 3 cached, 3 ran
            warned 2 times: a row is empty
    "]]
    .assert_eq(&marked(&good_run(), 80));
    expect![[r"
        › quickstart  6 stages, 2 cached, 3 to
            run, 1 undecided
        ! masked[fraction=0.5]  a row is empty
        ✓ masked[fraction=0.5]  0.2 s
        ✓ tuned[gpt2,after]  25.1 s  loss 0.4000
        · attributed  made by ada@lab meanwhile
        ✓ scores  0.9 s  new
        ✓ finished in 41.0 s: 3 cached, 3 ran
            warned 2 times: a row is empty
    "]]
    .assert_eq(&marked(&good_run(), 40));
    expect![[r"
        › quickstart  7 stages, 1 cached, 6 to run  run 2026-02-03-a1, retort 0.1.0
        ✗ tuned[student=gpt2,placement=after]  failed after 2.3 s
            cannot open `cuda:0`: no driver
            hint: try \u{1b}[31m--device cpu
        – stages that need tuned[student=gpt2,placement=after] are skipped
        ! the index is locked; going on without it
        ✓ other  1 min 01 s  new
        ✗ the run failed after 1 min 01 s: 1 cached, 1 ran, 1 failed, 3 left out
            failed (see above): tuned[student=gpt2,placement=after]
            3 left out, since they need tuned[student=gpt2,placement=after]
            fix the error and run the same command again: finished stages are kept
    "]]
    .assert_eq(&marked(&bad_run(), 80));
    expect![[r"
        › quickstart  5 stages, 5 to run  run 2026-02-03-a1, retort 0.1.0
        – the run was asked to stop: pending stages are skipped
        ■ tuned[student=gpt2,placement=after]  stopped: its progress is kept
        – stages that need tuned[student=gpt2,placement=after] are skipped
        ■ the run stopped after 9.0 s: 1 stopped, 4 left out
            3 left out: the run was asked to stop
            1 left out, since it needs tuned[student=gpt2,placement=after]
            run the same command again: finished stages are kept
    "]]
    .assert_eq(&marked(&stopped_run(), 80));
}

#[test]
fn colours_are_there_only_when_wanted() {
    let with = |colour| said(&bad_run(), |out| Box::new(Styled::new(out, false, 0, colour)));
    assert!(with(true).contains("\u{1b}["));
    assert!(!with(false).contains('\u{1b}'));
}

fn replayed(events: &[Event]) -> Vec<Event> {
    let log: String = events.iter().filter_map(log_line).collect();
    read_log(log.as_bytes()).0
}

fn without_progress(said: &str) -> String {
    said.split_inclusive('\n').filter(|line| !line.contains("] at work ")).collect()
}

fn check_replay(events: &[Event]) {
    for (quiet, verbose) in [(false, 0), (false, 1), (true, 0)] {
        let (first, second) = (plain(events, quiet, verbose), plain(&replayed(events), quiet, verbose));
        assert_eq!(without_progress(&first), without_progress(&second));
    }
}

#[test]
fn a_replayed_log_says_the_same() {
    for run in [good_run(), bad_run(), stopped_run(), all_hits(20)] {
        check_replay(&run);
    }
}

#[test]
fn json_is_every_event_as_it_is() {
    let said = said(&good_run(), |out| Box::new(Json::new(out)));
    assert_eq!(read_log(said.as_bytes()), (good_run(), Vec::new()));
}

struct Closed(Rc<RefCell<usize>>);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        *self.0.borrow_mut() += 1;
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_reader_that_went_away_is_written_to_once() {
    let writes = Rc::default();
    let mut json = Json::new(Closed(Rc::clone(&writes)));
    for event in &good_run() {
        json.report(event);
    }
    assert_eq!(*writes.borrow(), 1);
    let mut plain = Plain::new(Closed(writes), false, 0);
    for event in &good_run() {
        plain.report(event);
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let text = || prop_oneof![Just("a".to_owned()), Just("b[run=1]".to_owned()), any::<String>()];
    let number = || prop_oneof![0_u64..2_000, any::<u64>()];
    let size = || prop_oneof![0_usize..20, any::<u32>().prop_map(|n| n as usize)];
    let note = prop_oneof![
        (number(), number(), text()).prop_map(|(done, total, unit)| Note::Progress { done, total, unit }),
        (text(), number(), any::<f64>()).prop_map(|(name, step, value)| Note::Measure { name, step, value }),
        text().prop_map(|message| Note::Warning { message }),
    ];
    let what = prop_oneof![
        (text(), text(), size(), size(), size()).prop_map(|(run, experiment, instances, hits, to_run)| {
            What::RunStarted { run, experiment, version: "0".into(), instances, hits, to_run }
        }),
        (text(), text(), proptest::option::of(text())).prop_map(|(instance, by, from)| What::Hit {
            instance,
            fingerprint: fingerprint(),
            by,
            from,
        }),
        (text(), number()).prop_map(|(file, bytes)| What::Fetched { file, bytes }),
        (text(), text()).prop_map(|(model, commit)| What::Resolved { model, commit }),
        text().prop_map(|instance| What::Started { instance, fingerprint: fingerprint(), why: changed() }),
        (text(), note).prop_map(|(instance, note)| What::Noted { instance, note }),
        (text(), text()).prop_map(|(instance, holder)| What::Waiting { instance, holder }),
        (text(), number()).prop_map(|(instance, took_ms)| What::Finished {
            instance,
            fingerprint: fingerprint(),
            took_ms
        }),
        (text(), text(), number()).prop_map(|(instance, error, took_ms)| What::Failed { instance, error, took_ms }),
        text().prop_map(|instance| What::Stopped { instance }),
        (text(), text()).prop_map(|(instance, because)| What::Skipped { instance, because }),
        (text(), number()).prop_map(|(instance, bytes)| What::Evicted { instance, bytes }),
        text().prop_map(|message| What::Warned { message }),
        (prop::array::uniform5(size()), number()).prop_map(|([hits, ran, failed, stopped, skipped], took_ms)| {
            What::RunFinished { tally: Tally { hits, ran, failed, stopped, skipped }, took_ms }
        }),
    ];
    (number(), what).prop_map(|(at_ms, what)| Event { at_ms, what })
}

proptest! {
    #[test]
    fn any_order_of_events_is_said_without_control_characters(
        mut events in prop::collection::vec(any_event(), 0..30),
        columns in 1_usize..120,
        lines in 0_usize..9,
    ) {
        events.insert(0, run_started(0, 9, 3, 3));
        check_replay(&events);
        prop_assert!(!plain(&events, false, 1).chars().any(|c| c.is_control() && c != '\n'));
        let (mut board, mut now_ms) = (super::board::Board::default(), 0);
        for event in &events {
            board.hear(event);
            now_ms = event.at_ms;
        }
        let space = super::frame::Space { columns, lines, colour: false };
        let drawn = super::frame::frame(&board, now_ms.saturating_add(500), space);
        prop_assert!(drawn.len() <= lines.max(2));
        for line in drawn {
            prop_assert!(super::super::clean::width(&line) <= columns, "{line:?}");
        }
    }
}
