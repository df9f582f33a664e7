//! Files outside the cache as a stage reads them: whatever is read is what was hashed, whoever changes the file meanwhile.
//!
//! A stamp does not say it. A file can be changed while it is read and changed back before anybody looks, and where it is
//! written through a mapping some file systems never change its stamp.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::{StoreError, failed};
use super::inputs::SLACK_NS;
use super::stamp::{Stamp, now_ns, stamps_tell};
use super::{Store, disk};
use retort_fingerprint::{Digest, StreamDigest};

/// What is read at a time, and proven by a digest of its own.
const PIECE_BYTES: usize = 1 << 20;

/// A large file that is read in pieces, from any place. It was hashed whole when it was opened, and each piece is hashed again
/// when it is read.
#[derive(Debug)]
pub struct ProvenFile {
    file: File,
    pieces: Vec<Digest>,
    bytes: u64,
    /// Where it ends for whoever reads it.
    end: u64,
    at: u64,
    /// The piece that was read last.
    held: Vec<u8>,
    held_piece: Option<usize>,
}

/// A file that may be mapped into memory, and is checked when it is done with.
#[derive(Debug)]
pub struct WatchedFile {
    file: File,
    path: PathBuf,
    stamp: Stamp,
}

impl Store {
    /// Reads an input whole; it must have this digest.
    ///
    /// # Errors
    /// [`StoreError::NotAFile`] for a folder, pipe or device; [`StoreError::Changed`] when it is another file by now;
    /// [`StoreError::Io`], also where there is no memory for it.
    pub fn read_input(&self, path: &Path, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let failed = failed("read an input");
        let (mut file, stamp) = open(path)?;
        let length = usize::try_from(stamp.bytes()).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| failed(too_large(path, stamp.bytes())))?;
        // One byte more tells a file that has grown.
        Read::by_ref(&mut file).take(stamp.bytes().saturating_add(1)).read_to_end(&mut bytes).map_err(&failed)?;
        if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(StoreError::Changed { path: path.to_owned() }) }
    }

    /// Opens an input that is read in pieces, from any place; it must have this digest.
    ///
    /// # Errors
    /// As [`read_input`](Self::read_input). Reading fails where a piece is not what it was.
    pub fn open_input(&self, path: &Path, digest: &Digest) -> Result<ProvenFile, StoreError> {
        let (file, _) = open(path)?;
        let (proven, found) = ProvenFile::read_through(file).map_err(failed("read an input"))?;
        if found == *digest { Ok(proven) } else { Err(StoreError::Changed { path: path.to_owned() }) }
    }

    /// Opens an input that is mapped into memory; `None` where its stamp would not tell of a change, so that it is better read.
    ///
    /// # Errors
    /// As [`read_input`](Self::read_input).
    pub fn watch_input(&self, path: &Path, digest: &Digest) -> Result<Option<WatchedFile>, StoreError> {
        let (mut file, stamp) = open(path)?;
        if !stamps_tell(&file) || !stamp.is_settled(now_ns(), SLACK_NS) {
            return Ok(None);
        }
        // What is open may be another file than the one that was hashed under this path.
        let known = self.known_digest(&stamp);
        let found = match known {
            Some(found) => found,
            None => Digest::of_reader(&mut file).map_err(failed("read an input"))?.0,
        };
        let watched = WatchedFile { file, path: path.to_owned(), stamp };
        if found == *digest { Ok(Some(watched)) } else { Err(StoreError::Changed { path: path.to_owned() }) }
    }
}

impl WatchedFile {
    /// Returns the open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Checks that nobody changed the file since it was opened.
    ///
    /// # Errors
    /// [`StoreError::Changed`], [`StoreError::Io`].
    pub fn finish(self) -> Result<(), StoreError> {
        let now = Stamp::of(&self.file.metadata().map_err(failed("read an input"))?);
        if now == self.stamp { Ok(()) } else { Err(StoreError::Changed { path: self.path }) }
    }
}

/// Opens a regular file, following links and waiting for nothing.
fn open(path: &Path) -> Result<(File, Stamp), StoreError> {
    let failed = failed("read an input");
    let file = disk::open_input(path).map_err(&failed)?;
    let metadata = file.metadata().map_err(&failed)?;
    if !metadata.is_file() {
        return Err(StoreError::NotAFile { path: path.to_owned() });
    }
    Ok((file.into_file(), Stamp::of(&metadata)))
}

fn too_large(path: &Path, bytes: u64) -> io::Error {
    io::Error::new(
        ErrorKind::OutOfMemory,
        format!("`{}` has {bytes} bytes, which do not fit into memory", path.display()),
    )
}

impl ProvenFile {
    /// Reads a file that was just opened to its end, and returns the digest of its bytes as well.
    pub(super) fn read_through(file: File) -> io::Result<(Self, Digest)> {
        let (mut whole, mut pieces, mut piece) = (StreamDigest::default(), Vec::new(), Vec::new());
        loop {
            piece.clear();
            (&file).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            if piece.is_empty() {
                break;
            }
            whole.update(&piece);
            pieces.push(Digest::of(&piece));
        }
        let (found, bytes) = whole.finish();
        Ok((Self { file, pieces, bytes, end: bytes, at: 0, held: piece, held_piece: None }, found))
    }

    /// Returns how many bytes can be read of it.
    pub fn size_bytes(&self) -> u64 {
        self.end
    }

    /// Leaves out what follows the first so many bytes.
    pub(super) fn cut(&mut self, bytes: u64) {
        self.end = self.end.min(bytes);
    }

    fn hold(&mut self, piece: usize) -> io::Result<()> {
        if self.held_piece == Some(piece) {
            return Ok(());
        }
        self.held_piece = None;
        let from = piece as u64 * PIECE_BYTES as u64;
        let length = (self.bytes - from).min(PIECE_BYTES as u64);
        self.held.resize(length as usize, 0);
        let read = self.file.read_exact_at(&mut self.held, from);
        let changed = || io::Error::new(ErrorKind::InvalidData, "it changed while the experiment was running");
        match read {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(changed()),
            other => other?,
        }
        if Digest::of(&self.held) != self.pieces[piece] {
            return Err(changed());
        }
        self.held_piece = Some(piece);
        Ok(())
    }
}

impl Read for ProvenFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.end || into.is_empty() {
            return Ok(0);
        }
        self.hold((self.at / PIECE_BYTES as u64) as usize)?;
        let within = (self.at % PIECE_BYTES as u64) as usize;
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let count = into.len().min(self.held.len() - within).min(left);
        into[..count].copy_from_slice(&self.held[within..within + count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for ProvenFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watched_file_that_was_touched_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors");
        fs_err::write(&path, "one").unwrap();
        let watched = || {
            let (file, stamp) = open(&path).unwrap();
            WatchedFile { file, path: path.clone(), stamp }
        };
        watched().finish().unwrap();
        let open = watched();
        let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
        fs_err::OpenOptions::new().write(true).open(&path).unwrap().set_modified(hour_ago).unwrap();
        assert!(matches!(open.finish(), Err(StoreError::Changed { .. })));
    }
}
