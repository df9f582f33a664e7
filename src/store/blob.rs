//! Writing blobs: bytes go to a temporary file and are named while they pass by.

use std::io::{self, Write};
use std::sync::Arc;

use fs_err::File;

use super::cache::Core;
use super::error::StoreError;
use super::session::TempFile;
use super::{BlobRef, disk};
use retort_fingerprint::StreamDigest;

/// A blob that is written but not yet part of the cache; dropping it removes it.
#[derive(Debug)]
pub struct Pending {
    pub(super) temp: TempFile,
    blob: BlobRef,
}

impl Pending {
    /// Writes a blob that is in memory.
    pub(super) fn of(bytes: &[u8], core: &Core) -> Result<Self, StoreError> {
        core.files.require_writable("write a blob")?;
        let failed = core.files.write_failed("write a blob", bytes.len() as u64);
        let temp = core.files.temp().map_err(&failed)?;
        let mut file = disk::create_new(temp.path(), disk::FROZEN).map_err(&failed)?;
        file.write_all(bytes).map_err(&failed)?;
        Ok(Self { temp, blob: BlobRef::of(bytes) })
    }

    /// Returns its name and size, as a record refers to it.
    pub fn blob(&self) -> BlobRef {
        self.blob
    }
}

/// Writes one blob of any size with a fixed amount of memory.
pub struct BlobWriter {
    core: Arc<Core>,
    file: io::BufWriter<File>,
    temp: TempFile,
    digest: StreamDigest,
    failure: Option<StoreError>,
}

/// Large enough that the hash runs at full width, small enough for many writers at once.
const BUFFER_BYTES: usize = 256 * 1024;

impl BlobWriter {
    /// Starts a blob that arrives as a stream.
    pub(super) fn begin(core: &Arc<Core>) -> Result<Self, StoreError> {
        core.files.require_writable("write a blob")?;
        let failed = core.files.write_failed("write a blob", 0);
        let temp = core.files.temp().map_err(&failed)?;
        let file = disk::create_new(temp.path(), disk::FROZEN).map_err(&failed)?;
        Ok(Self {
            core: Arc::clone(core),
            file: io::BufWriter::with_capacity(BUFFER_BYTES, file),
            temp,
            digest: StreamDigest::default(),
            failure: None,
        })
    }

    /// Ends the stream and names the blob.
    ///
    /// # Errors
    /// The first failure of any write of this stream, whether or not its writer looked at it.
    pub fn finish(mut self) -> Result<Pending, StoreError> {
        // The error is remembered by `flush` itself, with the size that was reached.
        let _ = self.flush();
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let (digest, bytes) = self.digest.finish();
        // The buffer is empty now, so dropping the writer writes nothing.
        Ok(Pending { temp: self.temp, blob: BlobRef { digest, bytes } })
    }

    fn remember(&mut self, error: io::Error) -> io::Error {
        let kind = error.kind();
        let failure = self.core.files.write_failed("write a blob", self.digest.finish().1)(error);
        let said = io::Error::new(kind, failure.to_string());
        self.failure.get_or_insert(failure);
        said
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Ok(count) => {
                self.digest.update(&bytes[..count]);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.remember(error)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.remember(error))
    }
}
