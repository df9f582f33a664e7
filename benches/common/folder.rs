//! A folder for what a bench writes.

use std::error::Error;
use std::path::{Path, PathBuf};

/// Removed with all that is in it, however the bench ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes one of its own for this process.
    pub(crate) fn new(parent: &Path, bench: &str) -> Result<Self, Box<dyn Error>> {
        let folder = parent.join(format!("retort-{bench}-{}", std::process::id()));
        fs_err::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is lost when a temporary folder stays.
        let _ = fs_err::remove_dir_all(&self.0);
    }
}
