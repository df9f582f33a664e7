//! The live part of the terminal: one bar for each instance at work, and one line over all.

use anstyle::{AnsiColor, Style};

use super::super::clean::{one_line, shorten_end, shorten_name, width};
use super::board::{Board, Progress, Row};
use super::number;
use super::styled::paint;
use super::why::reason;
use crate::session::{about, duration};

/// How long an instance is at work before it is shown; most are over before that.
const APPEARS_AFTER_MS: u64 = 400;
/// The fewest columns of a name, and of a bar.
const NAME_COLUMNS: usize = 12;
const NAME_STEP: usize = 4;
const BAR_COLUMNS: usize = 8;
const BAR_COLUMNS_MAX: usize = 24;
/// The columns between two parts of a line.
const GAP: &str = "  ";
/// The fewest columns in which a line for each instance says anything.
const COLUMNS_MIN: usize = 24;

/// How much room there is, and how it may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    /// Columns of the terminal.
    pub(super) columns: usize,
    /// Lines that may be drawn, the one over all included; at least 2.
    pub(super) lines: usize,
    /// Whether colours are wanted.
    pub(super) colour: bool,
}

/// Draws what is at work at the time `now_ms`, at most `space.lines` lines of at most `space.columns` columns.
pub(super) fn frame(board: &Board, now_ms: u64, space: Space) -> Vec<String> {
    let over_all = over_all(board, now_ms, space.columns);
    if space.columns < COLUMNS_MIN {
        return vec![over_all];
    }
    let mut rows: Vec<&Row> =
        board.rows.iter().filter(|row| now_ms.saturating_sub(row.began_ms) >= APPEARS_AFTER_MS).collect();
    // What waits for others is of less interest than what moves.
    rows.sort_by_key(|row| row.holder.is_some());
    let lines = space.lines.max(2) - 1;
    let unshown = if rows.len() > lines { rows.len() - (lines - 1) } else { 0 };
    rows.truncate(rows.len() - unshown);

    let longest = rows.iter().map(|row| width(&one_line(&row.name))).max().unwrap_or(0);
    let mut name_columns = longest.min((space.columns * 3 / 10).max(NAME_COLUMNS));
    let mut room = space.columns - (GAP.len() + name_columns + GAP.len());
    let rests: Vec<Rest> = rows.iter().map(|row| rest(row, now_ms, room)).collect();
    // What no row that moves needs goes to the names, and what the names do not need to the bars.
    let moving = rests.iter().filter(|rest| !matches!(rest.kind, RestKind::Waits));
    let spare = moving.map(|rest| room.saturating_sub(width(&rest.text))).min().unwrap_or(0);
    // In steps, so that the names do not move whenever a number gains a digit.
    let more = (spare / NAME_STEP * NAME_STEP).min(longest - name_columns);
    (name_columns, room) = (name_columns + more, room - more);

    let draw = |(row, rest): (&&Row, &Rest)| {
        let name = shorten_name(&one_line(&row.name), name_columns);
        let padding = " ".repeat(name_columns - width(&name));
        let rest = rest.draw(row.progress.as_ref(), room, space.colour);
        format!("{GAP}{name}{padding}{GAP}{rest}").trim_end().to_owned()
    };
    let mut drawn: Vec<String> = rows.iter().zip(&rests).map(draw).collect();
    if unshown > 0 {
        drawn.push(format!("{GAP}and {}", number::amount(unshown, "more")));
    }
    drawn.push(over_all);
    drawn
}

/// What stands after a name.
struct Rest {
    text: String,
    kind: RestKind,
}

enum RestKind {
    Plain,
    Waits,
    /// The text begins with room for the smallest bar.
    Bar,
}

impl Rest {
    fn draw(&self, progress: Option<&Progress>, room: usize, colour: bool) -> String {
        match (&self.kind, progress) {
            (RestKind::Bar, Some(progress)) => {
                let columns = (BAR_COLUMNS + room.saturating_sub(width(&self.text))).min(BAR_COLUMNS_MAX);
                format!("{}{}", bar(progress, columns, colour), &self.text[BAR_COLUMNS..])
            }
            (RestKind::Waits, _) => paint(&shorten_end(&self.text, room), AnsiColor::Yellow.on_default(), colour),
            _ => self.text.clone(),
        }
    }
}

fn rest(row: &Row, now_ms: u64, room: usize) -> Rest {
    let (text, kind) = match (&row.holder, &row.progress) {
        (Some(holder), _) => (format!("waits for {}", one_line(holder)), RestKind::Waits),
        (None, Some(progress)) => {
            let text = progressed(row, progress, now_ms, room);
            let kind = if text.starts_with(&blank_bar()) { RestKind::Bar } else { RestKind::Plain };
            (text, kind)
        }
        (None, None) => {
            let why = row.why.as_ref().map(|why| reason(why, false)).unwrap_or_default();
            let mut parts = vec![(0, duration(now_ms.saturating_sub(row.began_ms))), (2, why)];
            parts.extend(row.measured().into_iter().map(|measure| (1, measure)));
            (admitted(parts, room, GAP).join(GAP), RestKind::Plain)
        }
    };
    Rest { text: shorten_end(&text, room), kind }
}

fn progressed(row: &Row, progress: &Progress, now_ms: u64, room: usize) -> String {
    let (rate, left_ms) = row.speed(now_ms);
    let left = left_ms.map(|ms| format!("{} left", about(ms))).unwrap_or_default();
    let said = progress.said();
    if let Some(percent) = progress.percent()
        && width(&said) + GAP.len() + width(&left) > room
    {
        // What this saves is of more use to the name than to a bar.
        return admitted(vec![(0, percent), (1, left)], room, GAP).join(GAP);
    }
    let blank = if progress.total > 0 { blank_bar() } else { String::new() };
    let mut parts = vec![(3, blank), (0, said), (4, rate.map(number::rate).unwrap_or_default()), (1, left)];
    parts.extend(row.measured().into_iter().enumerate().map(|(index, measure)| (2 + 3 * index.min(1), measure)));
    admitted(parts, room, GAP).join(GAP)
}

fn blank_bar() -> String {
    " ".repeat(BAR_COLUMNS)
}

/// Draws how much of the whole is done, in halves of a column: `━━━╸────`.
fn bar(progress: &Progress, columns: usize, colour: bool) -> String {
    let fraction = (progress.done as f64 / progress.total.max(1) as f64).min(1.0);
    let halves = (fraction * 2.0 * columns as f64) as usize;
    let done = format!("{}{}", "━".repeat(halves / 2), if halves % 2 == 1 { "╸" } else { "" });
    let rest = "─".repeat(columns - halves.div_ceil(2));
    format!("{}{}", paint(&done, AnsiColor::Cyan.on_default(), colour), paint(&rest, Style::new().dimmed(), colour))
}

fn over_all(board: &Board, now_ms: u64, columns: usize) -> String {
    let waiting = board.rows.iter().filter(|row| row.holder.is_some()).count();
    let counted = |n: usize, what: &str| if n > 0 { number::amount(n, what) } else { String::new() };
    let [done, all] = [board.hits.len() + board.ran, board.instances].map(|n| number::count(n as u64));
    let parts = vec![
        (0, format!("stages {done}/{all}")),
        (3, counted(board.hits.len(), "cached")),
        (2, counted(board.rows.len() - waiting, "running")),
        (4, counted(waiting, "waiting")),
        (1, counted(board.failed, "failed")),
        (5, counted(board.left, "left out")),
        (6, duration(now_ms.saturating_sub(board.began_ms.unwrap_or(now_ms)))),
    ];
    shorten_end(&admitted(parts, columns, " · ").join(" · "), columns)
}

/// Keeps the parts that fit into `room` columns, the lowest rank first, in the order given; empty parts are left out.
fn admitted(parts: Vec<(usize, String)>, room: usize, gap: &str) -> Vec<String> {
    let mut ranks: Vec<(usize, usize)> =
        parts.iter().enumerate().filter(|(_, (_, text))| !text.is_empty()).map(|(at, (rank, _))| (*rank, at)).collect();
    ranks.sort_unstable();
    let (mut kept, mut used) = (vec![false; parts.len()], 0);
    for (_, at) in ranks {
        let needed = width(&parts[at].1) + if used > 0 { width(gap) } else { 0 };
        // The most important part is kept whatever it takes, and then shortened.
        if used == 0 || used + needed <= room {
            kept[at] = true;
            used += needed;
        }
    }
    parts.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|((_, text), _)| text).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::recorded::{BEGAN_MS, finished, hit, measure, progress, run_started, started, waiting};
    use super::*;
    use crate::event::Event;

    fn check(events: &[Event], now_ms: u64, columns: usize, lines: usize, expected: &Expect) {
        let mut board = Board::default();
        for event in events {
            board.hear(event);
        }
        let drawn = frame(&board, BEGAN_MS + now_ms, Space { columns, lines, colour: false });
        for line in &drawn {
            assert!(width(line) <= columns, "{} columns: {line}", width(line));
        }
        assert!(drawn.len() <= lines);
        expected.assert_eq(&(drawn.join("\n") + "\n"));
    }

    fn busy() -> Vec<Event> {
        let name = "tuned[student=gpt2,placement=after,fraction=0.4,run=0]";
        let mut events = vec![run_started(0, 17, 2, 4), hit(1, "questions"), hit(2, "rationales"), started(10, name)];
        events.extend((0..=20).map(|s| progress(1_000 * s, name, 60 * s, 4_000, "steps")));
        events.extend([
            measure(20_000, name, "loss", 1_200, 0.412_34),
            started(15_000, "scores[run=1]"),
            waiting(16_000, "tuned[run=1]", "ada@lab, process 812"),
            finished(18_000, "masked", 100),
            started(20_500, "drawn-too-early"),
        ]);
        events
    }

    #[test]
    fn every_instance_at_work_has_a_line() {
        check(
            &busy(),
            20_600,
            100,
            9,
            &expect![[r"
                  tuned[gpt2,after,0.4,0]                 ━━╸──────  1,200/4,000 steps  60/s  47 s left  loss 0.4123
                  scores[run=1]                           5.6 s  new
                  tuned[run=1]                            waits for ada@lab, process 812
                stages 3/17 · 2 cached · 3 running · 1 waiting · 20.6 s
            "]],
        );
        check(
            &busy(),
            20_600,
            80,
            9,
            &expect![[r"
                  tuned[gpt2,after,0.4,0]   ━━╸──────  1,200/4,000 steps  47 s left  loss 0.4123
                  scores[run=1]             5.6 s  new
                  tuned[run=1]              waits for ada@lab, process 812
                stages 3/17 · 2 cached · 3 running · 1 waiting · 20.6 s
            "]],
        );
    }

    #[test]
    fn a_narrow_terminal_keeps_what_matters() {
        check(
            &busy(),
            20_600,
            40,
            9,
            &expect![[r"
                  tuned[gpt2…er,0.4,0]  30 %  47 s left
                  scores[run=1]         5.6 s  new
                  tuned[run=1]          waits for ada@l…
                stages 3/17 · 2 cached · 3 running
            "]],
        );
        check(
            &busy(),
            20_600,
            20,
            9,
            &expect![[r"
            stages 3/17 · 20.6 s
        "]],
        );
        check(
            &busy(),
            20_600,
            3,
            9,
            &expect![[r"
            st…
        "]],
        );
    }

    #[test]
    fn more_instances_than_lines_are_counted() {
        let mut events = vec![run_started(0, 900, 0, 900)];
        events.extend((0..500).map(|i| started(i, &format!("tuned[run={i}]"))));
        check(
            &events,
            61_000,
            60,
            4,
            &expect![[r"
              tuned[run=0]  1 min 01 s  new
              tuned[run=1]  1 min 01 s  new
              and 498 more
            stages 0/900 · 500 running · 1 min 01 s
        "]],
        );
    }

    #[test]
    fn progress_without_an_end_has_no_bar() {
        let events = [run_started(0, 1, 0, 1), started(0, "a"), progress(900, "a", 12_345, 0, "tokens")];
        check(
            &events,
            1_000,
            60,
            4,
            &expect![[r"
              a  12,345 tokens
            stages 0/1 · 1 running · 1.0 s
        "]],
        );
    }

    #[test]
    fn bars_are_full_only_at_the_end() {
        let drawn = |done| bar(&Progress { done, total: 1_000, unit: String::new() }, 4, false);
        assert_eq!([0, 124, 125, 999, 1_000, 5_000].map(drawn), ["────", "────", "╸───", "━━━╸", "━━━━", "━━━━"]);
    }
}
