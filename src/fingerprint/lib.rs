//! Identities: of bytes, of actions, and of chance.
//!
//! - [`Digest`] names bytes: the blake3 hash of exactly those bytes.
//! - [`Fingerprint`] names an action: the blake3 hash of the encoding of a [`KeyManifest`].
//! - [`Term`] is the readable form of everything that is hashed, and [`ContentHash`] says how a value becomes one.
//! - [`Draw`] turns a seed and labels into a stream of random numbers that never changes between versions.
//!
//! # What is hashed, and what deliberately is not
//!
//! | in the fingerprint | why |
//! |---|---|
//! | the stage's kind and its revision | another program for the same words is another action |
//! | every parameter, defaults resolved | a default that changes must change the key |
//! | each input as (port, part, content digest) | equal bytes upstream stop the wave; swapped inputs differ |
//! | declared environment variables | what a command reads is part of its action |
//! | the numerics class of device stages | a GPU and a CPU do not give the same bits |
//!
//! | not in the fingerprint | why |
//! |---|---|
//! | stage names, file order, comments | renaming or reordering changes no result |
//! | absolute paths, host, user, time | a teammate's machine must hit the same key |
//! | jobs, device index, executor | they change when a result arrives, not what it is |
//!
//! # Encoding, version 1
//!
//! A term is encoded as one tag byte followed by its payload; lengths are unsigned 64-bit little-endian.
//!
//! | tag | term | payload |
//! |---|---|---|
//! | `0` | none | – |
//! | `1` | bool | one byte, 0 or 1 |
//! | `2` | integer | signed 64-bit little-endian |
//! | `3` | float | IEEE-754 binary64 bits, little-endian; `-0.0` as `0.0`, every NaN as one NaN |
//! | `4` | text | length, UTF-8 bytes |
//! | `5` | digest | 32 bytes |
//! | `6` | list | count, then each term |
//! | `7` | record | count, then for each field in the order of its name: length, name, term |
//! | `8` | variant | length, name, then its term |
//!
//! The encoding is prefix-free, so no two different terms share an encoding. The hash is blake3 in key-derivation mode
//! with a context string for each domain, so a row key can never collide with an instance's fingerprint.

mod digest;
mod draw;
mod manifest;
mod term;
mod words;

pub use digest::{Digest, Fingerprint, ParseDigestError, RowKey, StreamDigest};
pub use draw::Draw;
pub use manifest::{InputKey, KeyChange, KeyManifest};
pub use term::{ContentHash, Term};
pub use words::Words;
