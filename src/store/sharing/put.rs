//! Putting a blob into a remote.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::transfer::Compare;
use crate::BlobRef;
use crate::blob_ref::LARGE_BYTES;
use crate::cache::Core;
use crate::remote::Remote;
use crate::remote::backend::{Copied, Put};

impl Remote {
    /// Puts a blob there from its file here. Where something else was found under its name, by somebody here or now because
    /// that is asked for, it is replaced.
    pub(super) fn put_blob(&self, here: &Core, blob: BlobRef, compare: Compare) -> Option<Put> {
        let is_suspect = here.is_refused(self, &blob.digest);
        let is_unread = || {
            let is_small = !self.is_far() && blob.bytes <= LARGE_BYTES;
            let was_read = || here.sightings.was_whole_in(self.name(), &blob.digest);
            is_small && !was_read() && self.blob_bytes(&blob.digest) == Some(blob.bytes)
        };
        let replace = is_suspect
            || match compare {
                Compare::Nothing => false,
                Compare::Unread => is_unread(),
                Compare::All => true,
            };
        if replace {
            match self.check_blob(blob)? {
                Copied::Whole(_) => {
                    here.sightings.found_whole_in(self.name(), &blob.digest);
                    here.unrefuse(self, &blob.digest);
                    return Some(Put::There);
                }
                Copied::Refused(why) => here.refuse(self, &blob.digest, why),
                Copied::Absent | Copied::Unwritten(_) => {}
            }
        }
        let from = here.files.layout.blob(&blob.digest);
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        let put =
            self.ask_sending("put a blob", &moved, move |backend| backend.put_blob(&from, blob, replace, &counter));
        if replace && matches!(put, Some(Put::New(_) | Put::There)) {
            here.unrefuse(self, &blob.digest);
        }
        if matches!(put, Some(Put::New(_))) {
            here.sightings.came(self.name(), &blob.digest);
        }
        put
    }
}
