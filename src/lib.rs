//! Retort runs declarative experiments on chain-of-thought-augmented distillation.
//!
//! An experiment is a YAML graph of stages (dataset → elicit → transform → train → attribute → retrain → evaluate →
//! report). Retort runs only what is stale, keeps every artifact under its blake3 digest, and can always say why
//! something runs.
//!
//! # From Rust
//!
//! ```
//! use retort::artifact::Scores;
//! use retort::event::Event;
//! use retort::session::{RunOptions, ScoreSummary, Settings, Workspace};
//!
//! # let folder = tempfile::tempdir()?;
//! # let (file, cache) = (folder.path().join("tiny.yaml"), folder.path().join("cache"));
//! # std::fs::write(&file, include_str!("session/tiny.yaml"))?;
//! let session = Workspace::new(Settings::new(cache)).load(file, &[])?.open()?;
//! let mut hear = |event: &Event| eprintln!("{event:?}");
//! let run = session.run(session.pipeline.all(), &RunOptions::default(), &mut hear)?;
//! for made in session.read_all::<Scores>(&run.results)? {
//!     let summary = ScoreSummary::of(&made.artifact).expect("it answers questions");
//!     println!("{}: {} of {} questions right", made.name, summary.right, summary.questions);
//! }
//! # assert_eq!((run.tally.ran, run.tally.failed), (6, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`session`] is the way through; the command line stands on it. `examples/scores.rs` is a program of this kind.
//!
//! # The way of a datum
//!
//! ```text
//! pipelines/x.yaml ──spec──▶ Experiment ──graph──▶ InstanceGraph ──plan──▶ Plan ──engine──▶ events + artifacts ──report──▶ files
//!    Document                 validated              edges            Hit / Run / Awaits
//! ```
//!
//! Each phase leaves a named value behind, and the types keep anyone from skipping one.
//!
//! # Rooms
//!
//! Each room is a crate of its own (`src/<room>`, called `retort-<room>`), and this crate is the door to all of them: it
//! re-exports them under their short names and adds the command line. A room uses only those above it.
//!
//! | room | holds |
//! |---|---|
//! | [`fingerprint`] | digests of bytes, fingerprints of actions, what is hashed and what is not, and chance |
//! | [`source`] | text with places: spans, diagnostics with carets, the tree of values read from YAML |
//! | [`artifact`] | the plain data on the edges, with versioned codecs |
//! | [`event`] | one event type, the reporter trait, the log and its replay |
//! | [`store`] | blobs, records, rows, runs, the sled index, leases, remotes, signatures, gc, verify |
//! | [`hub`] | which files are a model, and fetching them into the cache that Hugging Face's tools share |
//! | [`stage`] | how a kind of stage is written: what the workflow rooms see of one |
//! | [`spec`] | from a document as written to an experiment whose every instance is known |
//! | [`graph`] | who produces what for whom, and how it is drawn |
//! | [`plan`] | what is a hit, what runs and why; `plan` and `run` share this code |
//! | [`engine`] | the pure scheduler, the workers, the one loop |
//! | [`text`] | datasets, prompts, targets and their parser, tokenizers, operations on rationales |
//! | [`teacher`] | teachers behind a server: requests, limits, retries, and when to pause |
//! | [`model`] | devices, architectures, weights, fitting, generation, attribution, lenses; the only room that names Burn |
//! | [`stats`] | intervals and paired tests |
//! | [`report`] | tables, figures, pages |
//! | [`kinds`] | the kinds of stage and their catalog: where the workflow and the science meet |
//! | [`session`] | the public way through: a workspace, a pipeline, plan, run, results, reports, comparisons, history |
//! | [`cli`] | arguments, reporters, commands; the only room that prints, reads the environment or exits |
//!
//! From `stage` to `engine` is the workflow, which names no science and no Burn; from `text` to `report` the science, which
//! knows nothing of pipelines and caches. They meet in `kinds`. A test keeps it so.
//!
//! # Words
//!
//! Each has one meaning, in code, pipelines, messages and documents.
//!
//! | word | is |
//! |---|---|
//! | stage, kind, instance | what a pipeline declares; what sort it is (`train`); one of its combinations of axis values |
//! | action | one kind run with given parameters on given inputs; equal actions share a result |
//! | key, fingerprint | what is hashed of an action, readable ([`KeyManifest`](fingerprint::KeyManifest)); its hash |
//! | job | an action with the inputs it is given, as a worker gets it ([`stage::Job`]) |
//! | record | what the store keeps of a finished action: which parts it gave, who made it, when ([`store::Record`]) |
//! | entry | one line of a run's log, or one row in a journal |
//! | recipe | the settings of a training (`recipe:`) |
//! | definition | what a stage declares, which `retrain` takes over ([`spec`]) |
//! | remote | another cache behind the cache, such as a team's directory or bucket (`--remote`) |
//! | layer | a layer of a transformer |
//! | hypothesis | what a report tests (`hypotheses:`) |
//! | fraction | a part of a whole, from 0 to 1 |
//! | usage | the space that results take |
//! | row | a line of a table: of a dataset, an artifact or a report; the store keeps results row by row ([`store::RowStore`]) |
//! | position | where a token is in a sequence, or a value on its axis, counted from 0 |
//! | span | where something is written in a file ([`source`]) |
//! | placement | where the label stands in a target: before or after the rationale (`placement:`) |
//!
//! Names on disk are those of their format's version, whatever the words are now: in a record's file and in a catalog a record
//! is called a claim.
//!
//! # Invariants
//!
//! - Nothing machine-specific enters a key: no path, host, user, time, number of jobs or device index.
//! - Nothing in `spec`, `graph`, `stats` and `report` does I/O; files that a pipeline includes come through a loader.
//! - Correctness never depends on a lock, a lease, the index or a file's mode: names are immutable, publishing is atomic,
//!   and bytes are verified when they are read.
//! - Failures are never cached as results.
//! - Every thing a person sees of a run is an event first.
//! - Only `retort run` fetches models, before anything is planned; whatever comes is a file, known by its content.
//! - Only a stage that runs asks a teacher; its key comes from the environment by name, and is shown nowhere.
//!
//! # Files on disk
//!
//! See [`store`] for the layout of the cache. A pipeline's reports go to `out/<experiment>/`.

pub use retort_artifact as artifact;
pub mod cli;
pub use retort_engine as engine;
pub use retort_event as event;
pub use retort_fingerprint as fingerprint;
pub use retort_graph as graph;
pub use retort_hub as hub;
pub use retort_kinds as kinds;
pub use retort_model as model;
pub use retort_plan as plan;
pub use retort_report as report;
pub use retort_session as session;
pub use retort_source as source;
pub use retort_spec as spec;
pub use retort_stage as stage;
pub use retort_stats as stats;
pub use retort_store as store;
pub use retort_teacher as teacher;
pub use retort_text as text;

pub use retort_stage::{params, variants, words};
