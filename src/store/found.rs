//! What is found where a cache is to be: one of Retort's, nothing yet, or something that is not Retort's to touch.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::disk;
use super::layout::{Area, Layout};
use super::stamp;

/// What stands in the file that tells backup programs to pass by, and Retort that this is a cache.
pub(super) const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This directory is a cache of Retort: everything in it can be computed again.\n\
    # See https://bford.info/cachedir/ for this file.\n";

/// How the name of the tag's file begins until it is written.
pub(super) const TAG_TO_BE: &str = ".tag-";

/// What the tag of every version says; other programs tag their caches as well.
const MARK: &str = "cache of Retort";

const TAG_BYTES_MAX: u64 = 4096;

/// What a directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A cache of Retort: its tag says so, or it has the folders of blobs and records, both with their version.
    Cache,
    /// It is not there, or empty, or another process is just beginning to fill it.
    Nothing,
    /// Something else.
    Foreign {
        /// What it is.
        why: String,
    },
}

/// Looks what a directory is.
pub(super) fn at(layout: &Layout) -> io::Result<Found> {
    let is_folder = match fs_err::metadata(layout.root()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        found => found?.is_dir(),
    };
    // Listed before the tag is looked for: who makes a cache puts the tag there first of all.
    let names = disk::names(layout.root())?;
    // What cannot be read is no tag.
    let tag = disk::read_small(&layout.tag(), TAG_BYTES_MAX).ok().flatten();
    let is_tagged = tag.is_some_and(|(text, _)| String::from_utf8_lossy(&text).contains(MARK));
    if is_tagged || [Area::Objects, Area::Actions].iter().all(|area| layout.area(*area).is_dir()) {
        return Ok(Found::Cache);
    }
    let first = names.iter().find(|name| !name.starts_with(TAG_TO_BE));
    Ok(match first {
        None if is_folder => Found::Nothing,
        None => Found::Foreign { why: "it is not a directory".to_owned() },
        Some(name) => Found::Foreign {
            why: format!("it is not a cache of Retort, and not empty: it holds `{}`", name.escape_debug()),
        },
    })
}

/// Refuses what is in the place of one of the cache's folders and is none, such as a file, or a link that somebody else put
/// there. A link of this user's own to a folder elsewhere is their business.
pub(super) fn require_folder(root: &Path, folder: &Path) -> io::Result<()> {
    let below: Vec<&Path> = folder.ancestors().take_while(|path| *path != root).collect();
    for path in below.into_iter().rev() {
        let found = match fs_err::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        let own_link = found.is_symlink() && stamp::is_of_ours(&found) && path.is_dir();
        if !found.is_dir() && !own_link {
            let what = if found.is_symlink() { "a link" } else { "no folder" };
            return Err(io::Error::other(format!(
                "`{}` is {what}, where the cache has a folder; move it away",
                path.display()
            )));
        }
    }
    Ok(())
}
