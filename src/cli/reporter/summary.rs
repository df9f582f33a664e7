//! What is told at the end of a run.

use std::collections::BTreeMap;

use super::super::clean::{one_line, shorten_end};
use super::super::print;
use super::line::{Line, Mark};
use super::number::amount;
use crate::event::Tally;
use crate::session::duration;

/// How many failures, and how many causes and warnings, the summary names.
const NAMED_MAX: usize = 10;
/// How many columns an error or a warning may take in the summary; it was told in full when it came.
const REMINDER_COLUMNS: usize = 100;

/// What has to be remembered until the end.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// The first instances that failed, in order; each was told in full when it did.
    failures: Vec<String>,
    /// How many instances were left out for each cause, and whether that is an instance.
    skipped: BTreeMap<String, (bool, usize)>,
    /// How many results are not kept whole, and how many bytes that freed.
    evicted: (usize, u64),
    /// How many warnings were too many to say.
    pub(super) warnings_unsaid: usize,
}

impl Summary {
    /// Remembers a failure.
    pub(super) fn failed(&mut self, instance: &str) {
        if self.failures.len() < NAMED_MAX {
            self.failures.push(one_line(instance));
        }
    }

    /// Remembers an instance that was left out, and returns whether it is the first for this cause.
    pub(super) fn skipped(&mut self, cause: &str, is_instance: bool) -> bool {
        let count = &mut self.skipped.entry(cause.to_owned()).or_insert((is_instance, 0)).1;
        *count += 1;
        *count == 1
    }

    /// Remembers bytes that went.
    pub(super) fn evicted(&mut self, bytes: u64) {
        self.evicted = (self.evicted.0 + 1, self.evicted.1.saturating_add(bytes));
    }

    /// Says how the run ended and, unless it ended well, how to go on.
    pub(super) fn line<'a>(
        &self,
        tally: &Tally,
        took_ms: u64,
        repeated_warnings: impl Iterator<Item = (&'a str, usize)>,
    ) -> Line {
        let Tally { hits, ran, failed, stopped, skipped } = *tally;
        let took = duration(took_ms);
        let parts = [(hits, "cached"), (ran, "ran"), (failed, "failed"), (stopped, "stopped"), (skipped, "left out")];
        let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| amount(*n, what)).collect();
        let counts = parts.join(", ");
        let (mark, text, advice) = match (failed, stopped + skipped, ran) {
            (1.., _, _) => (
                Mark::Fail,
                format!("the run failed after {took}: {counts}"),
                Some("fix the error and run the same command again: finished stages are kept"),
            ),
            (0, 1.., _) => (
                Mark::Stop,
                format!("the run stopped after {took}: {counts}"),
                Some("run the same command again: finished stages are kept"),
            ),
            (0, 0, 0) => (Mark::Done, format!("nothing to run: {}, looked up in {took}", amount(hits, "cached")), None),
            (0, 0, _) => (Mark::Done, format!("finished in {took}: {counts}"), None),
        };
        let mut body = Vec::new();
        if !self.failures.is_empty() {
            let more = failed.saturating_sub(self.failures.len());
            let more = if more > 0 { format!(" and {}", amount(more, "more")) } else { String::new() };
            body.push(format!("failed (see above): {}{more}", self.failures.join(", ")));
        }
        for (cause, (is_instance, count)) in self.skipped.iter().take(NAMED_MAX) {
            body.push(match is_instance {
                true if *count == 1 => format!("1 left out, since it needs {cause}"),
                true => amount(*count, &format!("left out, since they need {cause}")),
                false => amount(*count, &format!("left out: {cause}")),
            });
        }
        if self.skipped.len() > NAMED_MAX {
            body.push(format!("and more for {} further causes", self.skipped.len() - NAMED_MAX));
        }
        for (message, count) in repeated_warnings.take(NAMED_MAX) {
            body.push(format!("warned {count} times: {}", shorten_end(&one_line(message), REMINDER_COLUMNS)));
        }
        if self.warnings_unsaid > 0 {
            body.push(amount(self.warnings_unsaid, "further warnings are in the run's log"));
        }
        if let (count @ 1.., bytes) = self.evicted {
            let what = if count == 1 { "checkpoint is" } else { "checkpoints are" };
            body.push(amount(count, &format!("{what} not kept, as `keep: none` asks: {} freed", print::bytes(bytes))));
        }
        body.extend(advice.map(str::to_owned));
        Line::new(mark, "", text).body(body)
    }
}
