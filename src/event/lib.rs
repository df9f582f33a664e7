//! What happens during a run, said once and heard by everyone.
//!
//! Every thing a person sees is an [`Event`] first. Reporters (a terminal, plain lines, JSON) and the run's log consume
//! the same events, and a log replays through the same reporters.

mod log;
mod why;

use serde::{Deserialize, Serialize};

pub use log::{log_line, read_log};
pub use why::Wording;

use retort_fingerprint::{Fingerprint, KeyChange};

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A run began.
    RunStarted {
        /// The run's identifier.
        run: String,
        /// The experiment's name.
        experiment: String,
        /// The program's version.
        version: String,
        /// How many instances the experiment has.
        instances: usize,
        /// How many of them are hits already.
        hits: usize,
        /// Instances that are known to run now, before early cutoff.
        to_run: usize,
    },
    /// A file of a model was fetched from the hub.
    Fetched {
        /// The file, as `owner/name@revision file`.
        file: String,
        /// Its size.
        bytes: u64,
    },
    /// A model on the hub was found to be a commit.
    Resolved {
        /// The model, as `owner/name@revision`.
        model: String,
        /// The commit.
        commit: String,
    },
    /// An instance was found in the cache.
    Hit {
        /// The instance's name.
        instance: String,
        /// Its fingerprint.
        fingerprint: Fingerprint,
        /// Who made the result, as `user@host`.
        by: String,
        /// The remote it was found in; `None` where it was in the cache already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// An instance began to run.
    Started {
        /// The instance's name.
        instance: String,
        /// Its fingerprint.
        fingerprint: Fingerprint,
        /// Why it runs.
        why: Why,
    },
    /// An instance said something while it ran, or a file is on its way from the hub.
    Noted {
        /// The instance's name, or that of a file on its way, as [`What::Fetched`] has it.
        instance: String,
        /// What it said.
        note: Note,
    },
    /// An instance waits for another process that already works on it.
    Waiting {
        /// The instance's name.
        instance: String,
        /// Who holds it, as `user@host, process n`.
        holder: String,
    },
    /// An instance finished.
    Finished {
        /// The instance's name.
        instance: String,
        /// Its fingerprint.
        fingerprint: Fingerprint,
        /// How long it took.
        took_ms: u64,
    },
    /// An instance failed.
    Failed {
        /// The instance's name.
        instance: String,
        /// Why.
        error: String,
        /// How long it had run.
        took_ms: u64,
    },
    /// An instance was asked to stop, and kept what it could.
    Stopped {
        /// The instance's name.
        instance: String,
    },
    /// An instance was not run because one it needs failed or stopped.
    Skipped {
        /// The instance's name.
        instance: String,
        /// The instance that is in its way.
        because: String,
    },
    /// Bytes of a result went, as its stage asks once everything that reads them is done.
    Evicted {
        /// The instance's name.
        instance: String,
        /// How many.
        bytes: u64,
    },
    /// Something a person should know that stops nothing.
    Warned {
        /// What it is.
        message: String,
    },
    /// A run ended.
    RunFinished {
        /// How many instances were hits, ran, failed, stopped and were skipped.
        tally: Tally,
        /// How long the run took.
        took_ms: u64,
    },
}

/// How the instances of a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Found in the cache.
    pub hits: usize,
    /// Run to their end.
    pub ran: usize,
    /// Failed.
    pub failed: usize,
    /// Stopped before their end.
    pub stopped: usize,
    /// Not run, because one they need failed or stopped.
    pub skipped: usize,
}

/// Something an instance says while it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
pub enum Note {
    /// How far it is.
    Progress {
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
        /// What is counted, such as `steps` or `rows`.
        unit: String,
    },
    /// A measurement.
    Measure {
        /// What was measured, such as `loss`.
        name: String,
        /// The step it belongs to.
        step: u64,
        /// The value; `null` in JSON where it is not a number.
        #[serde(deserialize_with = "nullable")]
        value: f64,
    },
    /// Something that does not stop the work.
    Warning {
        /// What it is.
        message: String,
    },
}

fn nullable<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Option::<f64>::deserialize(deserializer).map(|value| value.unwrap_or(f64::NAN))
}

/// Why an instance runs, or is expected to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Why {
    /// Nothing like it was run before.
    New,
    /// Its key differs from that of the nearest earlier one.
    Changed {
        /// The earlier instance, where its name was another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The fields that differ.
        changes: Vec<KeyChange>,
    },
    /// Its action was run, and a part of the result that is needed again was not kept, on purpose.
    Evicted {
        /// The part.
        part: String,
    },
    /// Its action was run, but the result is gone or damaged.
    Lost {
        /// The part that is missing.
        part: String,
    },
}

/// Someone who is told of every event.
pub trait Reporter {
    /// Takes one event.
    fn report(&mut self, event: &Event);
}

/// A closure hears every event.
impl<F: FnMut(&Event)> Reporter for F {
    fn report(&mut self, event: &Event) {
        self(event);
    }
}
