//! Where every instance of the run stands, as far as its events have said.

use std::collections::BTreeSet;

use super::super::clean::one_line;
use super::number;
use super::pace::Pace;
use crate::event::{Event, Note, What, Why};

/// The state of a run that reporters show.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// When the run began.
    pub(super) began_ms: Option<u64>,
    /// How many instances the experiment has.
    pub(super) instances: usize,
    /// The instances that are at work or wait for another process, in the order in which they began.
    pub(super) rows: Vec<Row>,
    /// The instances found in the cache. One whose bytes are made again leaves the set.
    pub(super) hits: BTreeSet<String>,
    /// How many ran to their end.
    pub(super) ran: usize,
    /// How many failed.
    pub(super) failed: usize,
    /// How many stopped before their end, or were left out.
    pub(super) left: usize,
    /// The instances that failed or stopped, which others may be left out for.
    pub(super) lost: BTreeSet<String>,
}

/// An instance at work.
#[derive(Debug)]
pub(super) struct Row {
    /// Its name.
    pub(super) name: String,
    /// When it began.
    pub(super) began_ms: u64,
    /// Whether it was said to begin or to wait, so that a hit is news.
    pub(super) begun: bool,
    /// Why it runs.
    pub(super) why: Option<Why>,
    /// Who else works on it, while it waits for them.
    pub(super) holder: Option<String>,
    /// How far it is.
    pub(super) progress: Option<Progress>,
    /// How fast it goes.
    pub(super) pace: Pace,
    /// The last value of each measure, in the order in which they first came.
    pub(super) measures: Vec<(String, f64)>,
}

/// How far an instance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    /// Units done.
    pub(super) done: u64,
    /// Units in all; 0 where that is not known.
    pub(super) total: u64,
    /// What is counted.
    pub(super) unit: String,
}

impl Board {
    /// Takes an event.
    pub(super) fn hear(&mut self, event: &Event) {
        let at_ms = event.at_ms;
        self.began_ms.get_or_insert(at_ms);
        match &event.what {
            What::RunStarted { instances, .. } => {
                *self = Self { began_ms: Some(at_ms), instances: *instances, ..Self::default() };
            }
            What::Hit { instance, .. } => {
                self.take(instance);
                self.hits.insert(instance.clone());
            }
            What::Started { instance, why, .. } => {
                self.hits.remove(instance);
                self.take(instance);
                self.rows.push(Row::new(instance, at_ms, Some(why.clone())));
            }
            What::Waiting { instance, holder } => {
                let row = self.row(instance, at_ms);
                (row.begun, row.holder) = (true, Some(holder.clone()));
            }
            What::Noted { instance, note } => self.row(instance, at_ms).hear(note, at_ms),
            What::Finished { instance, .. } => {
                self.take(instance);
                self.ran += 1;
            }
            What::Failed { instance, .. } => {
                self.take(instance);
                self.failed += 1;
                self.lost.insert(instance.clone());
            }
            What::Stopped { instance } => {
                self.take(instance);
                self.left += 1;
                self.lost.insert(instance.clone());
            }
            What::Skipped { instance, .. } => {
                self.take(instance);
                self.left += 1;
            }
            What::Fetched { file, .. } => self.take(file),
            What::Evicted { .. } | What::Warned { .. } | What::Resolved { .. } => {}
            What::RunFinished { .. } => self.rows.clear(),
        }
    }

    /// Returns the instance at work of that name.
    pub(super) fn at_work(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    fn take(&mut self, name: &str) {
        self.rows.retain(|row| row.name != name);
    }

    /// A log may begin in the middle, so an instance that was never said to start is taken to start when it is heard of.
    fn row(&mut self, name: &str, at_ms: u64) -> &mut Row {
        let index = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            self.rows.push(Row::new(name, at_ms, None));
            self.rows.len() - 1
        });
        &mut self.rows[index]
    }
}

impl Row {
    fn new(name: &str, began_ms: u64, why: Option<Why>) -> Self {
        let (name, begun) = (name.to_owned(), why.is_some());
        Self { name, began_ms, begun, why, holder: None, progress: None, pace: Pace::default(), measures: Vec::new() }
    }

    fn hear(&mut self, note: &Note, at_ms: u64) {
        self.holder = None;
        match note {
            Note::Progress { done, total, unit } => {
                if self.progress.as_ref().is_some_and(|before| before.unit != *unit) {
                    self.pace = Pace::default();
                }
                self.pace.note(at_ms, *done);
                self.progress = Some(Progress { done: *done, total: *total, unit: unit.clone() });
            }
            Note::Measure { name, value, .. } => match self.measures.iter_mut().find(|(known, _)| known == name) {
                Some((_, last)) => *last = *value,
                None => self.measures.push((name.clone(), *value)),
            },
            Note::Warning { .. } => {}
        }
    }

    /// Returns each measure with its last value, such as `loss 0.412`.
    pub(super) fn measured(&self) -> Vec<String> {
        let said = |(name, value): &(String, f64)| format!("{} {}", one_line(name), number::value(*value));
        self.measures.iter().map(said).collect()
    }

    /// Returns the units a second and the milliseconds left, as far as they are known.
    pub(super) fn speed(&self, now_ms: u64) -> (Option<f64>, Option<u64>) {
        let Some(progress) = &self.progress else { return (None, None) };
        let unfinished = progress.total > progress.done;
        let left = if unfinished { self.pace.left_ms(now_ms, progress.total) } else { None };
        (self.pace.per_second(), left)
    }
}

impl Progress {
    /// Says it as `31 %`, where the whole is known; 100 only at the end.
    pub(super) fn percent(&self) -> Option<String> {
        let percent = (u128::from(self.done) * 100).checked_div(u128::from(self.total))?;
        Some(format!("{} %", percent.min(100)))
    }

    /// Says it as `1,240/4,000 steps`.
    pub(super) fn said(&self) -> String {
        let unit = one_line(&self.unit);
        match self.total {
            0 => format!("{} {unit}", number::count(self.done)),
            total => format!("{}/{} {unit}", number::count(self.done), number::count(total)),
        }
    }
}
