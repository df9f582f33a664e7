//! A blob that comes from object storage, piece by piece: bounded by what it says of its size, and hashed as it comes.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use fs_err::File;
use futures_util::StreamExt;
use object_store::{Error, GetResult};

use super::trouble::failure;
use crate::disk;
use crate::remote::backend::{Copied, Expected, unsound};
use retort_fingerprint::{Digest, StreamDigest};

/// A blob on its way into a file, or only past the hash.
pub(super) struct Arriving {
    file: Option<File>,
    hash: StreamDigest,
    pub(super) bytes: u64,
    /// Of the object whose first bytes have arrived, and its size.
    pub(super) etag: Option<String>,
    size: u64,
}

/// What came of one answer with bytes of a blob.
pub(super) enum Taken {
    Whole,
    Refused(String),
    Unwritten(io::Error),
    /// It ended before its end.
    Broken(io::Error),
}

impl Arriving {
    pub(super) fn new(to: Option<&Path>) -> io::Result<Self> {
        let make = |to| disk::remove_if_there(to).and_then(|()| disk::create_new(to, disk::FROZEN));
        let file = to.map(make).transpose()?;
        Ok(Self { file, hash: StreamDigest::default(), bytes: 0, etag: None, size: 0 })
    }

    /// Forgets what has arrived.
    pub(super) fn anew(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.set_len(0)?;
            io::Seek::rewind(file)?;
        }
        (self.hash, self.bytes, self.etag) = (StreamDigest::default(), 0, None);
        Ok(())
    }

    pub(super) async fn take(&mut self, found: GetResult, expected: Expected, moved: &AtomicU64) -> Taken {
        if self.bytes == 0 {
            self.size = found.meta.size;
            self.etag.clone_from(&found.meta.e_tag);
            if let Some(why) = expected.refuses(self.size) {
                return Taken::Refused(why);
            }
        }
        let mut stream = found.into_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Taken::Broken(broke_off(self.bytes, self.size, &error)),
            };
            if self.bytes + chunk.len() as u64 > self.size {
                return Taken::Refused("it has more bytes than it says".to_owned());
            }
            if let Some(file) = &mut self.file
                && let Err(error) = file.write_all(&chunk)
            {
                return Taken::Unwritten(error);
            }
            self.hash.update(&chunk);
            self.bytes += chunk.len() as u64;
            moved.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        if self.bytes == self.size {
            return Taken::Whole;
        }
        Taken::Broken(unsound(format!("it ended after {} of {} bytes", self.bytes, self.size)))
    }

    /// Says whether what has arrived is the blob.
    pub(super) fn end(self, digest: &Digest) -> Copied {
        let (found, bytes) = self.hash.finish();
        if found != *digest {
            return Copied::Refused(format!("its {bytes} bytes have the digest {}", found.short()));
        }
        Copied::Whole(bytes)
    }
}

pub(super) fn broke_off(bytes: u64, size: u64, error: &Error) -> io::Error {
    let of = if size > 0 { format!(" of {size}") } else { String::new() };
    unsound(format!("it broke off after {bytes}{of} bytes: {}", failure(error)))
}
