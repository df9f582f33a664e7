//! The cache directory: blobs by their digest, records by their action, rows by their key.
//!
//! The store knows nothing of artifacts or stages. Everything it keeps is plain files; the index beside them only makes
//! finding them quick and can be made anew. Nothing depends on a lock: names are immutable and appear at once, so any
//! number of processes may work on one directory.
//!
//! | what | where | how |
//! |---|---|---|
//! | blobs | `objects/v1/ab/<digest>` | [`Store::put`], [`Store::read`]; [`Store::blob_writer`], [`Store::open_blob`] for those too large for memory; verified on first read |
//! | records | `actions/v1/ab/<fingerprint>/<record>` | [`Store::publish`], [`Store::find`]; the record is the commit |
//! | heads | `heads/v1/ab/<fingerprint>` | a record of each action, where a group shares the cache: one look finds it |
//! | signatures | `signatures/v1/ab/<record>/<key>` | who vouches for a record ([`TrustOptions`]) |
//! | marks of eviction | `evicted/v1/ab/<digest>` | [`Store::evict`]; a blob that is not kept on purpose, and that nothing [holds](Store::hold) |
//! | rows | `rows/v1/<kind>/` | [`Store::rows`]; journals and packs with a checksum for each row |
//! | unfinished work | `partial/v1/<fingerprint>/` | [`Store::partial`] |
//! | runs | `runs/v1/<run>/`, `roots/<user>/<run>` | [`Store::new_run`]; what `gc` marks from |
//! | leases | `leases/<fingerprint>` | [`Store::lease`]; they save work and decide nothing |
//! | temporary files | `tmp/<host>.<session>/` | locked by their owner, swept when it is gone |
//! | trash | `trash/` | what was collected, and `quarantine/` |
//! | index | `index/<user>@<host>/`, or [`StoreOptions::private`] where others can write | sled, or maps in memory |
//!
//! # Remotes
//!
//! Behind the cache may stand others, such as a directory that a team shares ([`RemoteOptions`]). What is not here is
//! looked for there, verified and kept here as well; what is made here goes there by policy or on request. A remote is plain
//! files, has no index and needs no locks; one that does not answer is gone without, with a notice.
//!
//! # What is never served
//!
//! - A blob whose bytes are not those of its name: it is hashed on its first read and whenever its file's stamp (device,
//!   inode, size, mtime, ctime) is not the one under which it was last found right. A file that others can write is hashed
//!   every time. Its mode counts for nothing. Nor is it said to be there: [`Store::holds`] looks at the bytes.
//! - A record whose bytes are not those of its name, or which is about another action than its folder.
//! - Where trust is required, a record or row that no trusted key has signed.
//! - A row or saved state with a wrong checksum.
//! - Saved work of somebody who is not trusted.
//! - Anything that is not a regular file; links are not followed, and pipes are not waited for.

mod blob;
mod blob_file;
mod blob_ref;
mod cache;
mod commit;
mod disk;
mod error;
mod evict;
mod files;
mod found;
mod gc;
mod guard;
mod head;
mod history;
mod holding;
mod index;
mod inputs;
mod inventory;
mod layout;
mod lease;
mod leasing;
mod lookup;
mod notice;
mod open;
mod pack_name;
mod partial;
mod private;
mod proven;
mod publish;
mod read;
mod record;
mod remote;
mod remotes;
mod row_stores;
mod rows;
mod run;
mod runs;
mod session;
mod sharing;
mod sightings;
mod signatures;
mod stamp;
mod trash;
mod trust;
mod usage;
mod verify;
mod walk;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub use blob::{BlobWriter, Pending};
pub use blob_file::BlobFile;
pub use blob_ref::BlobRef;
pub use error::StoreError;
pub use files::Clock;
pub use gc::{GcOptions, GcReport};
pub use history::History;
pub use holding::Hold;
pub use inventory::{AreaSize, RebuildReport, SizeReport};
pub use lease::{Holder, Lease, LeaseState, Waited};
pub use notice::Notice;
pub use open::{Mode, Opened, StoreOptions};
pub use partial::PartialDir;
pub use proven::{ProvenFile, WatchedFile};
pub use record::{Producer, Record, RecordId, RecordSummary};
pub use remote::{AddressError, Bucket, ObjectsAt, RemoteAt, RemoteOptions, Surroundings, Writes};
pub use rows::RowStore;
pub use run::{InstanceEntry, Outcome, RunDir, RunId, RunInfo, RunSummary};
pub use sharing::{Compare, Moved, Moving, Selection};
pub use trash::{Collection, Restored};
pub use trust::{KeyError, PublicKey, SecretKey, TrustOptions};
pub use usage::{Usage, UsageBy};
pub use verify::{Damage, MissingBlob, VerifyOptions, VerifyReport};

/// An open cache directory, shared by all workers of a process.
///
/// Dropping it publishes what waits, seals the rows that were put, and removes its temporary files.
pub struct Store {
    rows: Mutex<BTreeMap<String, Arc<RowStore>>>,
    committer: commit::Committer,
    /// Ends after the committer, of which it hears.
    pusher: sharing::Pusher,
    pulse: Arc<lease::Pulse>,
    core: Arc<cache::Core>,
}

impl Store {
    /// Returns the cache's root.
    pub fn root(&self) -> &Path {
        self.core.files.layout.root()
    }

    /// Tells whether anything can be kept.
    pub fn is_writable(&self) -> bool {
        self.core.files.writable
    }

    /// Returns who makes records through this store.
    pub fn producer(&self) -> Producer {
        let core = &self.core;
        Producer { user: core.files.user.clone(), host: core.files.host.clone(), program: core.files.program.clone() }
    }

    /// Returns the time by the clock the store was opened with, in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.core.files.now_ms()
    }

    /// Takes what a person should hear about and has not heard yet.
    pub fn take_notices(&self) -> Vec<Notice> {
        let mut notices = self.core.files.notices.take();
        notices.extend(self.core.files.trust.take_notice());
        notices
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.pulse.stop();
    }
}
