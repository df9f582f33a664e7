//! Layers: other caches behind this one, such as a directory that a team shares.
//!
//! A layer is plain files in the form of any cache, or objects of the same names in a bucket: two implementations of one
//! trait, [`Place`](place::Place). It is asked for what is not here, and what it has is verified and kept here too; what is
//! made here goes there when its policy or a person says so. Whatever a layer holds is taken for a stranger's: nothing is
//! believed but bytes that have the digest they are asked for by.
//!
//! A layer that cannot be reached, or does not answer in time, is gone without for a while: a notice and a miss.

mod directory;
mod objects;
mod opened;
mod patience;
mod place;
mod pusher;
mod read;
mod rows;
mod selection;
mod through;
mod transfer;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(super) use objects::share;
pub use objects::{AddressError, Bucket, ObjectsAt, Surroundings};
pub(super) use opened::Layer;
pub(super) use pusher::{Pusher, PusherHandle};
pub use selection::Selection;
pub use transfer::{Compare, Moved, Moving};

use super::claim::ClaimSummary;
use super::notice::Notices;
use super::open::StoreOptions;
use super::trust::Trust;
use retort_fingerprint::{Digest, Fingerprint};

/// When what is made here goes to a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writes {
    /// Never: the layer is only read.
    Never,
    /// When a person says so, with `retort cache push`.
    OnPush,
    /// As soon as it is made.
    OnSuccess,
}

/// What a layer is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerAt {
    /// A directory.
    Directory(PathBuf),
    /// Object storage.
    Objects(ObjectsAt),
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerOptions {
    /// What it is called in messages and commands.
    pub name: String,
    /// Where it is.
    pub at: LayerAt,
    /// When what is made here goes there.
    pub writes: Writes,
    /// How long it may take to answer, or to move the next bytes.
    pub timeout: Duration,
}

/// The layers of a store, in the order in which they are asked.
#[derive(Default)]
pub(super) struct Layers {
    list: Vec<Layer>,
    /// Recipes that are not looked for.
    blind_to: BTreeSet<Fingerprint>,
    /// What claims said of the size of blobs.
    sizes: Mutex<BTreeMap<Digest, u64>>,
    /// Blobs that were seen in a layer, and their size: one blob may be what thousands of instances read.
    seen: Mutex<BTreeMap<Digest, u64>>,
    /// Recipes of which all layers were just asked in vain, until somebody asks for them.
    absent: Mutex<BTreeSet<Fingerprint>>,
    /// Results that this process found in a layer.
    found: Mutex<BTreeMap<Fingerprint, ClaimSummary>>,
}

impl Layers {
    pub(super) fn new(options: &StoreOptions, notices: &Arc<Notices>, trust: &Arc<Trust>) -> Self {
        let layer = |layer: &LayerOptions| Layer::new(layer.clone(), options, notices, trust);
        let blind_to = options.blind_to.iter().copied().collect();
        Self { list: options.layers.iter().map(layer).collect(), blind_to, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Layer> {
        self.list.iter()
    }

    /// Returns the layers that get results as soon as they are made.
    pub(super) fn fed_on_success(&self) -> impl Iterator<Item = &Layer> {
        self.list.iter().filter(|layer| layer.options().writes == Writes::OnSuccess)
    }

    /// Remembers what a claim says of the size of its blobs, so that no layer can give more.
    pub(super) fn expect(&self, claim: &ClaimSummary) {
        if !self.list.is_empty() {
            let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
            sizes.extend(claim.outputs.values().map(|blob| (blob.digest, blob.bytes)));
        }
    }

    /// Returns the layer in which this process found a result.
    pub(super) fn origin(&self, fingerprint: &Fingerprint) -> Option<String> {
        if self.list.is_empty() {
            return None;
        }
        self.found.lock().unwrap_or_else(PoisonError::into_inner).get(fingerprint)?.from.clone()
    }

    /// Returns the size that a claim gave a blob.
    pub(super) fn expected(&self, digest: &Digest) -> Option<u64> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied()
    }
}
