//! The public way through: a workspace, a pipeline, a session in which it is planned and run, and its results.
//!
//! ```
//! use retort_artifact::Scores;
//! use retort_event::Event;
//! use retort_session::{RunOptions, ScoreSummary, Settings, Workspace};
//!
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("pipeline.yaml");
//! # std::fs::write(&file, include_str!("tiny.yaml"))?;
//! let workspace = Workspace::new(Settings::new(folder.path().join("cache")));
//! let session = workspace.load(&file, &[])?.open()?;
//! let run = session.run(session.pipeline.all(), &RunOptions::default(), &mut |_: &Event| {})?;
//! assert_eq!(run.tally.failed, 0);
//! for made in session.read_all::<Scores>(&run.results)? {
//!     let summary = ScoreSummary::of(&made.artifact).expect("it answers questions");
//!     println!("{}: {:.1} %", made.name, summary.accuracy.value * 100.0);
//! }
//! let report = &run.reports[0];
//! assert!(report.page().is_some_and(|page| page.contains("A tiny experiment")));
//! assert!(report.csv().next().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | step | call | gives |
//! |---|---|---|
//! | open a workspace | [`Workspace::new`], after [`Registry::install`] where a program adds to Retort | [`Workspace`] |
//! | load a pipeline | [`Workspace::load`] | [`Pipeline`] |
//! | open its cache | [`Pipeline::open`], or [`Pipeline::look`] | [`Session`] |
//! | plan | [`Session::plan`], [`forecast`](Session::forecast), [`explain`](Session::explain) | [`Planned`], [`Forecast`], [`Explained`] |
//! | run | [`Session::run`], with a [`Reporter`](retort_event::Reporter) | [`Run`] |
//! | read results | [`Session::current`], [`read`](Session::read), [`read_all`](Session::read_all) | artifacts |
//! | report | [`Session::report`], [`write_report`](Session::write_report) | [`MadeReport`], a folder with pages and tables |
//! | export | [`Session::export`], [`outcomes`](Session::outcomes), [`write_curves`](Session::write_curves) | files for other programs |
//! | compare | [`differences`] of two [`Side`]s | [`Difference`]s |
//! | look back | [`past_runs`], [`past_events`] | [`PastRun`]s, events |
//! | prove | [`Session::from_scratch`], [`Session::audit`] | what differs |
//!
//! The room neither prints nor reads the environment nor exits: everything about a machine comes as [`Settings`], and what
//! is remarkable goes to the listener of the [`Workspace`] as a [`Remark`].

mod afresh;
mod caveats;
mod content;
mod devices;
mod diff;
mod duration;
mod error;
mod explain;
mod export;
mod footprint;
mod forecast;
mod heard;
mod history;
mod hub;
mod hub_settings;
mod inquiry;
mod money;
mod outlet;
mod past;
mod pictures;
mod pipeline;
mod posed;
mod preflight;
mod provenance;
mod read;
mod report;
mod responses;
mod results;
mod run;
mod scores;
mod session;
mod settings;
mod setup;
#[cfg(test)]
mod tests;
mod workspace;

pub use afresh::{Audited, Recomputed};
pub use devices::Devices;
pub use diff::{Accuracies, ChangedAnswer, Compared, Difference, Measured, Side, Trained, differences};
pub use duration::{about, duration, stamp};
pub use error::{Faults, SessionError};
pub use explain::{Explained, FieldChange};
pub use export::{Current, Exported, Outcomes};
pub use footprint::Outlay;
pub use forecast::{Forecast, Prospect};
pub use history::StoredHistory;
pub use hub_settings::HubSettings;
pub use money::amount;
pub use past::{PastRun, choose_run, find_run, past_events, past_runs};
pub use pipeline::{Pipeline, Selection};
pub use posed::Asking;
pub use preflight::Preflight;
pub use read::Made;
pub use report::MadeReport;
pub use results::Results;
pub use run::{Prepared, Run, RunOptions};
pub use scores::ScoreSummary;
pub use session::{Demand, Ground, Planned, Session};
pub use settings::Settings;
pub use workspace::{Remark, Workspace, language};

pub use retort_kinds::{Registry, RegistryError};
