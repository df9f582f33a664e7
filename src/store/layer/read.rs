//! What a layer is asked: a recipe's claim, whether it has a blob, and a blob's bytes.

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Layer;
use crate::fingerprint::{Digest, Fingerprint, StreamDigest};
use crate::store::claim::ClaimId;
use crate::store::disk::{self, Opened};
use crate::store::head::WholeClaim;
use crate::store::layout::Area;
use crate::store::open::Core;

/// A blob's name may be seen later than the claim that names it, where directories are cached: how long that is waited for.
const PAUSES_MS: [u64; 3] = [20, 200, 1000];

/// How many bytes are moved at a time.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;

/// What came of copying a blob.
#[derive(Debug)]
pub(super) enum Copied {
    /// The target has the right bytes, and so many.
    Whole(u64),
    /// The source has none of that name.
    Absent,
    /// What has the name is not to be had; why.
    Refused(String),
    /// The target could not be written.
    Unwritten(io::Error),
}

/// What a blob may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// The size that a claim gives it.
    pub(super) bytes: Option<u64>,
    /// There is no room for more.
    pub(super) bytes_max: u64,
}

impl Layer {
    /// Finds the claim for a recipe.
    pub(super) fn claim(&self, fingerprint: &Fingerprint) -> Option<WholeClaim> {
        let fingerprint = *fingerprint;
        self.ask("look for a result", move |core| look(core, &fingerprint)).flatten()
    }

    /// Returns the size of a blob; `None` when it is not there.
    pub(super) fn blob_bytes(&self, digest: &Digest) -> Option<u64> {
        let digest = *digest;
        self.ask("look for a blob", move |core| Ok(core.blob_bytes(&digest))).flatten()
    }

    /// Copies a blob into a new file, and finds out on the way whether it is the one.
    pub(super) fn copy_blob(&self, digest: &Digest, expected: Expected, to: PathBuf) -> Option<Copied> {
        let digest = *digest;
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        self.ask_moving("fetch a blob", Some(&moved), move |core| {
            let from = core.layout.blob(&digest);
            let mut pauses = if expected.bytes.is_some() { &PAUSES_MS[..] } else { &[] };
            loop {
                let copied = disk::patiently(|| copy(&from, &digest, expected, &to, &counter))?;
                // What is being put there, or was just replaced, may be seen whole a moment later.
                let (Copied::Absent | Copied::Refused(_), [pause_ms, rest @ ..]) = (&copied, pauses) else {
                    return Ok(copied);
                };
                pauses = rest;
                std::thread::sleep(Duration::from_millis(*pause_ms));
            }
        })
    }

    /// Lists the recipes and blobs whose names begin so; the beginning has two digits at least.
    pub(super) fn named(&self, beginning: &str) -> Option<(Vec<Fingerprint>, Vec<Digest>)> {
        let beginning = beginning.to_owned();
        self.ask("look for names", move |core| core.named(&beginning))
    }
}

impl Core {
    /// Returns a blob's size without reading it; `None` when no regular file has its name.
    pub(in crate::store) fn blob_bytes(&self, digest: &Digest) -> Option<u64> {
        let metadata = fs_err::symlink_metadata(self.layout.blob(digest)).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Lists the recipes and blobs whose names begin so; the beginning has two digits at least.
    pub(super) fn named(&self, beginning: &str) -> io::Result<(Vec<Fingerprint>, Vec<Digest>)> {
        let Some(shard) = beginning.get(..2) else { return Ok((Vec::new(), Vec::new())) };
        let names = |area| disk::names(&self.layout.area(area).join(shard));
        let (recipes, blobs) = (names(Area::Actions)?, names(Area::Objects)?);
        let fits = |name: &&String| name.starts_with(beginning);
        Ok((
            recipes.iter().filter(fits).filter_map(|name| name.parse().ok()).collect(),
            blobs.iter().filter(fits).filter_map(|name| name.parse().ok()).collect(),
        ))
    }
}

/// Finds a recipe's claim: by its head with one look, or in its folder where the layer has no heads.
fn look(core: &Core, fingerprint: &Fingerprint) -> io::Result<Option<WholeClaim>> {
    if core.heads {
        match core.head(fingerprint) {
            // What lies there is no claim, or not one to be used, so the folder decides.
            Err(error) if error.kind() == ErrorKind::InvalidData => {}
            Ok(Some(head)) if !core.is_trusted(head.id) => {}
            found => return found.map(|head| head.map(|head| signed(core, head))),
        }
    }
    let claims = core.usable(fingerprint).map_err(io::Error::other)?;
    let first = claims.first().map_or(Ok(None), |(id, ..): &(ClaimId, _, _)| core.whole_claim(fingerprint, *id))?;
    Ok(first.map(|claim| signed(core, claim)))
}

/// Reads a claim's signatures as well, where they matter; elsewhere each would cost a look for nothing.
fn signed(core: &Core, mut claim: WholeClaim) -> WholeClaim {
    if core.trust.require {
        claim.signatures = core.signatures(claim.id);
    }
    claim
}

/// Copies a file that is to have a digest; the target is made anew.
pub(super) fn copy(
    from: &Path,
    digest: &Digest,
    expected: Expected,
    to: &Path,
    moved: &AtomicU64,
) -> io::Result<Copied> {
    let (mut source, stamp) = match disk::open_plain(from)? {
        Opened::Regular(file, stamp) => (file, stamp),
        Opened::Absent => return Ok(Copied::Absent),
        Opened::Odd => return Ok(Copied::Refused("it is not a regular file".to_owned())),
    };
    let bytes = stamp.bytes();
    if let Some(said) = expected.bytes.filter(|said| *said != bytes) {
        return Ok(Copied::Refused(format!("it has {bytes} bytes, and its claim says {said}")));
    }
    if bytes > expected.bytes_max {
        return Ok(Copied::Refused(format!("it has {bytes} bytes, and there is room for {}", expected.bytes_max)));
    }
    let made = disk::remove_if_there(to).and_then(|()| disk::create_new(to, disk::FROZEN));
    let mut target = match made {
        Ok(file) => file,
        Err(error) => return Ok(Copied::Unwritten(error)),
    };
    let (mut hash, mut buffer) = (StreamDigest::default(), vec![0; BUFFER_BYTES]);
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&buffer[..count]);
        if let Err(error) = target.write_all(&buffer[..count]) {
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
