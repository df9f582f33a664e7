//! Putting a damaged file of rows into quarantine.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::disk;
use crate::files::Files;
use crate::session::unique;

/// Moves a damaged file into quarantine.
pub(super) fn set_aside(files: &Files, path: &Path) -> io::Result<()> {
    match disk::rename(path, &aside(files, path)) {
        // A neighbour was faster.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Gives a damaged file a second name in quarantine, so that its own may be given to another.
pub(super) fn copy_aside(files: &Files, path: &Path) -> io::Result<()> {
    let aside = aside(files, path);
    match disk::link(path, &aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
        // A file system without second names, or somebody else's file that may not be given one.
        Err(_) => fs_err::copy(path, &aside).map(drop),
        Ok(()) => Ok(()),
    }
}

fn aside(files: &Files, path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    files.layout.quarantine().join(format!("{name}.{}", unique("rows")))
}
