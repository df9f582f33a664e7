//! Models as Hugging Face lays them out: the files of a model directory, and the hub they come from. Datasets come from there,
//! too: the files of one split, as [`HubData`] names it and the repository declares them.
//!
//! [`files_in`] says which files of a directory are a model. A [`HubModel`] names one on the hub; [`HubCache`] finds its
//! snapshot in the cache that Python's tools share (`models--owner--name/{refs,blobs,snapshots}`), and [`Hub::fetch`]
//! brings there what is missing. Nothing is fetched but what is read, and nothing enters the cache before its size, and
//! its SHA-256 where the hub gives one, are what was announced. What a file holds is hashed again where it is used: the
//! hub is a way to get bytes, never a part of a key.
//!
//! [`Way`] is how this machine reaches servers of any kind: proxies, and whose certificates are believed.

mod address;
mod cache;
mod client;
mod configs;
mod data;
mod error;
mod except;
mod fetch;
mod folder;
mod forward;
mod model;
mod secret;
#[cfg(test)]
mod tests;
mod way;

pub use address::{ServerUrl, UrlError};
pub use cache::{Absent, HubCache, Snapshot};
pub use data::HubData;
pub use error::{HubError, Reason};
pub use fetch::{Fetched, Hub};
pub use folder::{
    CHAT_TEMPLATE, CONFIG, FolderError, GENERATION, TOKENIZER, TOKENIZER_CONFIG, chat_files_in, files_in, is_weights,
    weights_in,
};
pub use model::{HubModel, RepoId, Revision};
pub use secret::Secret;
pub use way::{Way, WayError};
