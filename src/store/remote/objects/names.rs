//! The names of objects: those of the files of a cache, with `/` between their parts, and those of catalogs.

use std::path::{Path, PathBuf};

use crate::layout::{Area, Component, Layout};
use crate::pack_name::pack_name;
use crate::run::RunId;
use retort_fingerprint::{Digest, Fingerprint};

/// Where catalogs are. A directory has heads in their stead, which are of another form.
const CATALOGS: &str = "catalog/v1";

/// Gives the name of each object, below the remote's prefix.
pub(super) struct Names(Layout);

impl Names {
    pub(super) fn new() -> Self {
        Self(Layout::new(PathBuf::new()))
    }

    pub(super) fn tag(&self) -> String {
        text(&self.0.tag())
    }

    pub(super) fn blob(&self, digest: &Digest) -> String {
        text(&self.0.blob(digest))
    }

    pub(super) fn evicted(&self, digest: &Digest) -> String {
        text(&self.0.evicted(digest))
    }

    pub(super) fn records_of(&self, fingerprint: &Fingerprint) -> String {
        text(&self.0.records_of(fingerprint))
    }

    pub(super) fn record(&self, fingerprint: &Fingerprint, record: &Digest) -> String {
        text(&self.0.record(fingerprint, record))
    }

    pub(super) fn catalog(&self, fingerprint: &Fingerprint) -> String {
        let hex = fingerprint.hex();
        format!("{}/{hex}", self.shard(None, &hex[..2]))
    }

    pub(super) fn signature(&self, record: &Digest, key: &str) -> String {
        text(&self.0.signature(record, key))
    }

    /// The folder of the objects or catalogs whose names begin with two digits.
    pub(super) fn shard(&self, area: Option<Area>, shard: &str) -> String {
        let shard = Component::of(shard);
        match area {
            Some(area) => text(&self.0.area(area).join(shard)),
            None => format!("{CATALOGS}/{}", shard.as_str()),
        }
    }

    pub(super) fn runs(&self) -> String {
        text(&self.0.area(Area::Runs))
    }

    pub(super) fn run_file(&self, run: &RunId, file: &str) -> String {
        text(&self.0.run(run.as_str()).join(Component::of(file)))
    }

    pub(super) fn root(&self, user: &str, run: &RunId) -> String {
        text(&self.0.roots_of(user).join(run.as_str()))
    }

    pub(super) fn rows(&self) -> String {
        text(&self.0.area(Area::Rows))
    }

    pub(super) fn rows_of(&self, kind: &Component) -> String {
        text(&self.0.rows_of(kind))
    }

    pub(super) fn row_pack(&self, kind: &Component, pack: &Digest) -> String {
        text(&self.0.rows_of(kind).join(pack_name(pack)))
    }
}

/// Every part is made of letters, digits and a few signs, so the path is text.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
