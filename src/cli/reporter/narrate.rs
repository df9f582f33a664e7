//! What is said about each event, before it is laid out for a terminal or a plain file.

use std::collections::BTreeMap;

use super::super::clean::{clean, one_line};
use super::super::print;
use super::board::Board;
use super::line::{Line, Mark};
use super::number::amount;
use super::summary::Summary;
use super::why::reason;
use crate::event::{Event, Note, What};
use crate::session::duration;

/// How many different warnings are said; a model can warn about each of a million rows in other words.
const WARNINGS_MAX: usize = 50;

/// Turns events into lines and keeps the board they are read off.
#[derive(Debug)]
pub(super) struct Narrator {
    quiet: bool,
    verbose: u8,
    /// Where everything stands.
    pub(super) board: Board,
    /// What is told at the end.
    summary: Summary,
    /// The number of times each warning came.
    warnings: BTreeMap<String, usize>,
}

impl Narrator {
    pub(super) fn new(quiet: bool, verbose: u8) -> Self {
        Self { quiet, verbose, board: Board::default(), summary: Summary::default(), warnings: BTreeMap::new() }
    }

    /// Takes an event and returns what is to be said about it.
    pub(super) fn hear(&mut self, event: &Event) -> Option<Line> {
        let line = self.say(&event.what);
        self.board.hear(event);
        line.filter(|line| !self.quiet || line.mark == Mark::Fail)
    }

    fn say(&mut self, what: &What) -> Option<Line> {
        let full = self.verbose > 0;
        match what {
            What::RunStarted { run, experiment, version, instances, hits, to_run } => {
                self.summary = Summary::default();
                self.warnings.clear();
                let about = format!("run {}, retort {}", one_line(run), one_line(version));
                Some(Line::new(Mark::Run, experiment, outlook(*instances, *hits, *to_run)).aside(about))
            }
            What::Fetched { file, bytes } => {
                let text = format!("fetched {} ({})", one_line(file), print::bytes(*bytes));
                Some(Line::new(Mark::Hit, "", text))
            }
            What::Resolved { model, commit } => {
                Some(Line::new(Mark::Hit, "", format!("{} is {}", one_line(model), one_line(commit))))
            }
            What::Hit { instance, by, from, .. } => {
                let awaited = self.board.at_work(instance).is_some_and(|row| row.begun);
                let meanwhile = if awaited { " meanwhile" } else { "" };
                let place = from.as_ref().map_or_else(String::new, |from| format!(", from {}", one_line(from)));
                let line = Line::new(Mark::Hit, instance, format!("made by {}{meanwhile}{place}", one_line(by)));
                (awaited || full).then_some(line)
            }
            What::Started { instance, why, .. } => {
                Some(Line::new(Mark::Start, instance, String::new()).aside(reason(why, full)))
            }
            What::Waiting { instance, holder } => {
                Some(Line::new(Mark::Wait, instance, format!("{} works on it", one_line(holder))))
            }
            What::Finished { instance, took_ms, .. } => {
                let row = self.board.at_work(instance);
                let facts = row.map(|row| row.measured().join(", ")).unwrap_or_default();
                let why = row.and_then(|row| row.why.as_ref()).map(|why| reason(why, full)).unwrap_or_default();
                Some(Line::new(Mark::Done, instance, duration(*took_ms)).facts(facts).aside(why))
            }
            What::Failed { instance, error, took_ms } => {
                self.summary.failed(instance);
                let text = format!("after {}", duration(*took_ms));
                let body = clean(error).lines().map(|line| line.trim_end().to_owned()).collect();
                Some(Line::new(Mark::Fail, instance, text).body(body))
            }
            What::Stopped { instance } => Some(Line::new(Mark::Stop, instance, "its progress is kept")),
            What::Skipped { instance, because } => {
                let known = self.board.lost.contains(because);
                let cause = one_line(because);
                let first = self.summary.skipped(&cause, known);
                match (full, known) {
                    (true, true) => Some(Line::new(Mark::Skip, instance, format!("it needs {cause}"))),
                    (true, false) => Some(Line::new(Mark::Skip, instance, cause.clone())),
                    (false, true) => Some(Line::new(Mark::Skip, "", format!("stages that need {cause} are skipped"))),
                    (false, false) => Some(Line::new(Mark::Skip, "", format!("{cause}: pending stages are skipped"))),
                }
                .filter(|_| first || full)
            }
            What::Evicted { instance, bytes } => {
                self.summary.evicted(*bytes);
                let text = format!("{} not kept", print::bytes(*bytes));
                full.then(|| Line::new(Mark::Evict, instance, text))
            }
            What::Noted { instance, note: Note::Warning { message } } => self.warned(instance, message),
            What::Warned { message } => self.warned("", message),
            What::Noted { .. } => None,
            What::RunFinished { tally, took_ms } => {
                let repeated = self.warnings.iter().filter(|(_, count)| **count > 1);
                let repeated = repeated.map(|(message, count)| (message.as_str(), *count));
                Some(self.summary.line(tally, *took_ms, repeated))
            }
        }
    }

    fn warned(&mut self, instance: &str, message: &str) -> Option<Line> {
        let message = clean(message).trim_end().to_owned();
        if let Some(count) = self.warnings.get_mut(&message) {
            *count += 1;
            return None;
        }
        if self.warnings.len() == WARNINGS_MAX {
            self.summary.warnings_unsaid += 1;
            return None;
        }
        self.warnings.insert(message.clone(), 1);
        let mut lines = message.lines().map(str::to_owned);
        let text = lines.next().unwrap_or_default();
        Some(Line::new(Mark::Warn, instance, text).body(lines.collect()))
    }
}

/// Says what is to be expected of a run.
fn outlook(instances: usize, hits: usize, to_run: usize) -> String {
    let open = instances.saturating_sub(hits + to_run);
    let counted = [(hits, "cached"), (to_run, "to run"), (open, "undecided")];
    let mut parts = vec![amount(instances, if instances == 1 { "stage" } else { "stages" })];
    parts.extend(counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| amount(*n, what)));
    parts.join(", ")
}
