//! A remote that is a directory in the form of any cache. What is put there has its name at once or not at all; nothing that
//! is there already is touched, and nothing is written where a link leads elsewhere.

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fs_err::File;

use super::backend::{Backend, Copied, Expected, Named, Put, Terms, unsound};
use crate::BlobRef;
use crate::disk::{self, Opened};
use crate::files::{Files, Who};
use crate::found::{self, Found};
use crate::head::WholeRecord;
use crate::layout::{Area, Component, Layout};
use crate::lease::Attempt;
use crate::notice::{Notice, Notices};
use crate::pack_name::{pack_name, pack_of};
use crate::record::RecordId;
use crate::run::RunId;
use crate::session::unique;
use crate::sightings::is_of_the_machine;
use crate::trust::Trust;
use retort_fingerprint::{Digest, Fingerprint, StreamDigest};

/// A blob's name may be seen later than the record that names it on a network file system, where directories are cached: how
/// long that is waited for.
const PAUSES_MS: [u64; 3] = [20, 200, 1000];

/// How many bytes are moved at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// How often a lease is tried anew when it vanishes under our hands.
const LEASE_ATTEMPTS: u32 = 16;

/// A directory that a team shares, or anybody's cache.
pub(super) struct Directory {
    files: Files,
    /// Whether what others put there may be seen late.
    is_network: bool,
}

impl Directory {
    /// Opens the directory, which must be there: an empty one may be a place where nothing is mounted yet.
    pub(super) fn open(
        root: &Path,
        terms: &Terms,
        who: &Who,
        notices: &Arc<Notices>,
        trust: &Arc<Trust>,
    ) -> Result<Self, String> {
        let layout = Layout::new(root.to_owned());
        let shown = root.display();
        if found::at(&layout).map_err(|error| error.to_string())? != Found::Cache {
            return Err(match fs_err::metadata(root) {
                Err(error) => error.to_string(),
                Ok(_) => format!("`{shown}` is not a cache; `retort cache share {shown}` makes one for a group"),
            });
        }
        for area in [Area::Objects, Area::Actions, Area::Heads] {
            let folder = layout.area(area);
            let is_odd = |path: &Path| fs_err::symlink_metadata(path).is_ok_and(|found| !found.is_dir());
            if is_odd(&folder) || folder.parent().is_some_and(is_odd) {
                return Err(format!("`{}` is not a folder", folder.display()));
            }
        }
        let wants = terms.wants_writes;
        let writable = wants && rustix::fs::access(layout.area(Area::Tmp), rustix::fs::Access::WRITE_OK).is_ok();
        if wants && !writable {
            notices.push(Notice::RemoteReadOnly { remote: terms.name.clone() });
        }
        let is_network = disk::is_network(root);
        Ok(Self { files: Files::of_remote(layout, writable, who, notices, trust), is_network })
    }

    /// Writes a file that another may replace.
    fn put_growing(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temp = self.files.temp()?;
        disk::create_new(temp.path(), disk::GROWING)?.write_all(bytes)?;
        temp.persist(path)
    }

    /// Moves away a folder that has a blob's name, which unlike anything else no file can replace.
    fn set_folder_aside(&self, path: &Path, digest: &Digest) -> io::Result<()> {
        if !fs_err::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
            return Ok(());
        }
        disk::rename(path, &self.files.layout.quarantine().join(format!("{digest}.{}", unique("folder"))))
    }
}

impl Backend for Directory {
    fn is_writable(&self) -> bool {
        self.files.writable
    }

    fn record(&self, fingerprint: &Fingerprint) -> io::Result<Option<WholeRecord>> {
        let files = &self.files;
        if files.heads {
            match files.head(fingerprint) {
                // What lies there is no record, or not one to be used, so the folder decides.
                Err(error) if error.kind() == ErrorKind::InvalidData => {}
                Ok(Some(head)) if !files.is_trusted(head.id) => {}
                // Where a bit was flipped it may be another record, and then none has the name of its bytes.
                Ok(Some(head)) if disk::stamp_at(&files.layout.record(fingerprint, &head.id.0)).is_none() => {}
                found => return found.map(|head| head.map(|head| signed(files, head))),
            }
        }
        let records = files.usable(fingerprint, |digest| files.is_evicted(digest)).map_err(io::Error::other)?;
        let first =
            records.first().map_or(Ok(None), |(id, ..): &(RecordId, _, _)| files.whole_record(fingerprint, *id))?;
        Ok(first.map(|record| signed(files, record)))
    }

    fn blob_bytes(&self, digest: &Digest) -> io::Result<Option<u64>> {
        Ok(self.files.blob_bytes(digest))
    }

    fn copy_blob(
        &self,
        digest: &Digest,
        expected: Expected,
        to: Option<&Path>,
        moved: &AtomicU64,
    ) -> io::Result<Copied> {
        let from = self.files.layout.blob(digest);
        let mut pauses = if self.is_network && expected.bytes.is_some() { &PAUSES_MS[..] } else { &[] };
        loop {
            let copied = disk::patiently(|| copy(&from, digest, expected, to, moved))?;
            // What is being put there, or was just replaced, may be seen whole a moment later.
            let (Copied::Absent | Copied::Refused(_), [pause_ms, rest @ ..]) = (&copied, pauses) else {
                return Ok(copied);
            };
            pauses = rest;
            std::thread::sleep(Duration::from_millis(*pause_ms));
        }
    }

    fn read_blob(&self, digest: &Digest, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(disk::read_small(&self.files.layout.blob(digest), bytes_max)?.map(|(bytes, _)| bytes))
    }

    fn put_blob(&self, from: &Path, blob: BlobRef, replace: bool, moved: &AtomicU64) -> io::Result<Put> {
        let to = self.files.layout.blob(&blob.digest);
        if !replace && self.files.blob_bytes(&blob.digest) == Some(blob.bytes) {
            return Ok(Put::There);
        }
        require_folders(&to)?;
        let temp = self.files.temp()?;
        let expected = Expected { bytes: Some(blob.bytes), bytes_max: u64::MAX };
        match copy(from, &blob.digest, expected, Some(temp.path()), moved)? {
            Copied::Whole(bytes) => {
                self.set_folder_aside(&to, &blob.digest)?;
                temp.persist(&to)?;
                Ok(Put::New(bytes))
            }
            Copied::Absent => Ok(Put::Refused("it is not in the cache".to_owned())),
            Copied::Refused(why) => Ok(Put::Refused(why)),
            Copied::Unwritten(error) => Err(error),
        }
    }

    fn put_record(
        &self,
        fingerprint: &Fingerprint,
        record: &WholeRecord,
        _is_first: bool,
        _moved: &AtomicU64,
    ) -> io::Result<Put> {
        let files = &self.files;
        let path = files.layout.record(fingerprint, &record.id.digest());
        if matches!(files.whole_record(fingerprint, record.id), Ok(Some(_))) {
            files.keep_signatures(record.id, &record.signatures)?;
            files.put_head(fingerprint, &path)?;
            return Ok(Put::There);
        }
        require_folders(&path)?;
        files.keep_record(fingerprint, record)?;
        Ok(Put::New(record.bytes.len() as u64))
    }

    fn is_evicted(&self, digest: &Digest) -> io::Result<bool> {
        Ok(self.files.is_evicted(digest))
    }

    fn mark_evicted(&self, digest: &Digest) -> io::Result<()> {
        require_folders(&self.files.layout.evicted(digest))?;
        self.files.mark_evicted(digest)
    }

    fn sync(&self) -> io::Result<()> {
        // A server that cannot be told makes a file durable when it is closed.
        disk::sync_file_system(&File::open(self.files.layout.root())?);
        Ok(())
    }

    fn lease(&self, fingerprint: &Fingerprint) -> io::Result<Option<(PathBuf, Attempt)>> {
        if !self.files.writable {
            return Ok(None);
        }
        let path = self.files.layout.lease(fingerprint);
        for _ in 0..LEASE_ATTEMPTS {
            match self.files.try_lease(&path)? {
                Attempt::Vanished => {}
                taken => return Ok(Some((path, taken))),
            }
        }
        Ok(None)
    }

    fn named(&self, beginning: &str) -> io::Result<Named> {
        self.files.named(beginning)
    }

    fn runs(&self) -> io::Result<Vec<RunId>> {
        let names = disk::names(&self.files.layout.area(Area::Runs))?;
        Ok(names.iter().filter_map(|name| RunId::parse(name)).collect())
    }

    fn run_file(&self, run: &RunId, name: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.files.layout.run(run.as_str()).join(Component::of(name));
        Ok(disk::read_small(&path, bytes_max)?.map(|(bytes, _)| bytes))
    }

    fn put_run_file(&self, run: &RunId, name: &str, bytes: &[u8]) -> io::Result<()> {
        let folder = self.files.layout.run(run.as_str());
        let path = folder.join(Component::of(name));
        require_folders(&path)?;
        disk::make_folder(&folder)?;
        self.put_growing(&path, bytes)
    }

    fn put_root(&self, user: &str, run: &RunId, experiment: &str) -> io::Result<()> {
        self.put_growing(&self.files.layout.roots_of(user).join(run.as_str()), experiment.as_bytes())
    }

    fn row_kinds(&self) -> io::Result<Vec<Component>> {
        let names = disk::names(&self.files.layout.area(Area::Rows))?;
        Ok(names.iter().filter_map(|name| Component::read(name)).collect())
    }

    fn row_packs(&self, kind: &Component) -> io::Result<Vec<Digest>> {
        let names = disk::names(&self.files.layout.rows_of(kind))?;
        Ok(names.iter().filter_map(|name| pack_of(name)).collect())
    }

    fn row_pack(&self, kind: &Component, pack: &Digest, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.files.layout.rows_of(kind).join(pack_name(pack));
        Ok(disk::read_small(&path, bytes_max)?.map(|(bytes, _)| bytes))
    }

    fn put_row_pack(&self, kind: &Component, pack: &Digest, bytes: &[u8]) -> io::Result<()> {
        let path = self.files.layout.rows_of(kind).join(pack_name(pack));
        require_folders(&path)?;
        let temp = self.files.temp()?;
        disk::create_new(temp.path(), disk::FROZEN)?.write_all(bytes)?;
        temp.persist(&path)
    }
}

impl Files {
    /// Returns a blob's size without reading it; `None` when no regular file has its name.
    pub(crate) fn blob_bytes(&self, digest: &Digest) -> Option<u64> {
        let metadata = fs_err::symlink_metadata(self.layout.blob(digest)).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Lists the actions and blobs whose names begin so; the beginning has two digits at least.
    pub(crate) fn named(&self, beginning: &str) -> io::Result<Named> {
        let Some(shard) = beginning.get(..2) else { return Ok((Vec::new(), Vec::new())) };
        let names = |area| disk::names(&self.layout.area(area).join(Component::of(shard)));
        let (actions, blobs) = (names(Area::Actions)?, names(Area::Objects)?);
        let fits = |name: &&String| name.starts_with(beginning);
        Ok((
            actions.iter().filter(fits).filter_map(|name| name.parse().ok()).collect(),
            blobs.iter().filter(fits).filter_map(|name| name.parse().ok()).collect(),
        ))
    }
}

/// Reads a record's signatures as well, where they matter; elsewhere each would cost a look for nothing.
fn signed(files: &Files, mut record: WholeRecord) -> WholeRecord {
    if files.trust.require {
        record.signatures = files.signatures(record.id);
    }
    record
}

/// Copies a file that is to have a digest, or only reads it; the target is made anew.
fn copy(from: &Path, digest: &Digest, expected: Expected, to: Option<&Path>, moved: &AtomicU64) -> io::Result<Copied> {
    let (mut source, stamp) = match disk::open_plain(from) {
        Ok(Opened::Regular(file, stamp)) => (file, stamp),
        Ok(Opened::Absent) => return Ok(Copied::Absent),
        Ok(Opened::Odd) => return Ok(Copied::Refused("it is not a regular file".to_owned())),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Ok(Copied::Refused("this user may not read it".to_owned()));
        }
        Err(error) => return Err(error),
    };
    if let Some(why) = expected.refuses(stamp.bytes()) {
        return Ok(Copied::Refused(why));
    }
    let make = |to| disk::remove_if_there(to).and_then(|()| disk::create_new(to, disk::FROZEN));
    let mut target = match to.map(make).transpose() {
        Ok(file) => file,
        Err(error) => return Ok(Copied::Unwritten(error)),
    };
    let (mut hash, mut buffer) = (StreamDigest::default(), vec![0; BUFFER_BYTES]);
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // The next look may find that it has another file by now.
            Err(error) if error.kind() == ErrorKind::StaleNetworkFileHandle || is_of_the_machine(&error) => {
                return Err(error);
            }
            // About this file; others may be read.
            Err(error) => return Ok(Copied::Refused(format!("it cannot be read: {error}"))),
        };
        hash.update(&buffer[..count]);
        if let Some(target) = &mut target
            && let Err(error) = target.write_all(&buffer[..count])
        {
            return Ok(Copied::Unwritten(error));
        }
        moved.fetch_add(count as u64, Ordering::Relaxed);
    }
    let (found, count) = hash.finish();
    if found != *digest {
        return Ok(Copied::Refused(format!("its {count} bytes have the digest {}", found.short())));
    }
    Ok(Copied::Whole(count))
}

/// Refuses to write where a link leads elsewhere: the two folders above a file are to be folders, where they are there.
fn require_folders(path: &Path) -> io::Result<()> {
    let odd = |folder: &Path| fs_err::symlink_metadata(folder).is_ok_and(|found| !found.is_dir());
    match path.ancestors().skip(1).take(2).find(|folder| odd(folder)) {
        None => Ok(()),
        Some(folder) => Err(unsound(format!("`{}` is not a folder, so nothing is written there", folder.display()))),
    }
}
