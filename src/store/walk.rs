//! Going through everything of one sort that the cache holds, whatever else lies there.

use std::path::PathBuf;

use super::disk;
use super::error::{StoreError, failed};
use super::files::Files;
use super::layout::Area;
use super::stamp::Stamp;
use retort_fingerprint::{Digest, Fingerprint};

/// A file among the blobs.
pub(super) struct BlobEntry {
    pub(super) digest: Digest,
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

impl Files {
    /// Lists the blobs in the order of their digests, and the paths that are no blob's.
    pub(super) fn list_blobs(&self) -> Result<(Vec<BlobEntry>, Vec<PathBuf>), StoreError> {
        let (mut blobs, mut strange) = (Vec::new(), Vec::new());
        for (shard, name, path) in self.list_shards(Area::Objects)? {
            match (name.parse::<Digest>(), disk::stamp_at(&path)) {
                (Ok(digest), Some(stamp)) if name.starts_with(&shard) => blobs.push(BlobEntry { digest, path, stamp }),
                (_, Some(_)) => strange.push(path),
                (_, None) => {}
            }
        }
        Ok((blobs, strange))
    }

    /// Lists the actions that have a folder of records, in order.
    pub(super) fn list_actions(&self) -> Result<Vec<Fingerprint>, StoreError> {
        let entries = self.list_shards(Area::Actions)?;
        let of_shard = |(shard, name, _): &(String, String, PathBuf)| {
            name.parse().ok().filter(|_: &Fingerprint| name.starts_with(shard.as_str()))
        };
        Ok(entries.iter().filter_map(of_shard).collect())
    }

    pub(super) fn list_shards(&self, area: Area) -> Result<Vec<(String, String, PathBuf)>, StoreError> {
        let failed = failed("list the cache");
        let area = self.layout.area(area);
        let mut entries = Vec::new();
        for shard in disk::names(&area).map_err(&failed)? {
            let folder = area.join(&shard);
            for name in disk::names(&folder).map_err(&failed)? {
                let path = folder.join(&name);
                entries.push((shard.clone(), name, path));
            }
        }
        Ok(entries)
    }
}
