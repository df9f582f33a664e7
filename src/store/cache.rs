//! What every part of an opened store shares.

use super::disk::Locked;
use super::files::Files;
use super::holding::Holds;
use super::index::Index;
use super::remote::Remotes;
use super::sightings::Sightings;

/// A cache and what stands behind it, as the parts of one opened store share it.
pub(super) struct Core {
    /// The files that are here.
    pub(super) files: Files,
    /// What is known of them without a look.
    pub(super) index: Index,
    /// What this process found out about single blobs.
    pub(super) sightings: Sightings,
    /// What is not to be evicted.
    pub(super) holds: Holds,
    /// The caches behind this one.
    pub(super) remotes: Remotes,
    /// Enters the key of every row.
    pub(super) salt: Option<String>,
    /// Held for as long as the index is, so that no second process opens it.
    pub(super) _index_lock: Option<Locked>,
}
