//! The program from outside: every test runs the binary in a working directory and a cache of its own.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes expectations so")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test panics where it cannot go on, and says that it is skipped"
)]

mod answers;
mod attributions;
#[path = "../../src/cli/documented/blocks.rs"]
mod blocks;
mod browser;
mod buckets;
mod chat_students;
mod commands;
mod damage;
mod determinism;
mod disks;
mod divergence;
mod documents;
mod edits;
mod elicit;
mod elicit_local;
mod former;
mod former_fields;
mod held_out;
mod hostile;
mod hub;
mod hub_server;
mod json_answers;
mod killed;
mod lenses;
mod lost;
mod mistakes;
#[path = "../../src/store/tests/moto.rs"]
#[expect(
    dead_code,
    clippy::print_stderr,
    reason = "the tests of the store use more of it, and it says that it is skipped"
)]
mod moto;
mod objectives;
mod operations;
mod paper;
mod pipelines;
mod published;
mod readings;
mod recipes;
mod reference;
mod remotes;
mod reruns;
mod retention;
mod revisions;
mod runner;
mod scores;
mod servers;
mod silent_failures;
mod stopped;
mod students;
mod tables;
mod targets;
mod teacher_server;
mod thinkers;
mod tiny_models;
mod together;
mod trust;
