//! The program from outside: every test runs the binary in a working directory and a cache of its own.

mod commands;
mod damage;
mod determinism;
mod disks;
mod killed;
mod mistakes;
mod pipelines;
mod reruns;
mod revisions;
mod runner;
mod silent_failures;
mod stopped;
mod together;
