//! Who else can write a file or a folder. What nobody else can write may be believed as it stands; everything else is
//! verified, or signed.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::disk;
use super::stamp::{is_guarded, is_of_ours};

/// In such a folder only the owner of a name may remove it.
const STICKY: u32 = 0o1000;
const PRIVATE: u32 = 0o700;

/// Tells whether nobody else can change, replace or move what lies in a folder: neither it nor a folder above it lets
/// others write. A folder that is not there yet counts as the one it will be made in.
pub(super) fn is_guarded_folder(folder: &Path) -> bool {
    let Ok(whole) = std::path::absolute(folder) else { return false };
    let there = whole.ancestors().find(|path| path.exists());
    let Some(Ok(real)) = there.map(fs_err::canonicalize) else { return false };
    let mut paths = real.ancestors();
    let is_inner = |path: &Path| fs_err::metadata(path).is_ok_and(|found| is_guarded(&found));
    let is_above =
        |path: &Path| fs_err::metadata(path).is_ok_and(|found| is_of_ours(&found) && found.mode() & STICKY != 0);
    // A folder of its own below a sticky one, such as `/tmp`, is as good as any.
    let own = there == Some(whole.as_path()) && paths.next().is_some_and(is_inner);
    (own || there != Some(whole.as_path())) && paths.all(|path| is_inner(path) || is_above(path))
}

/// Makes a folder that only this user may look into, with those above it that lack.
///
/// Returns whether nobody else can have written what is in it: `false` for one that was open to others until now.
///
/// # Errors
/// [`ErrorKind::PermissionDenied`] for a folder of somebody else, or a link.
pub(super) fn make_private(folder: &Path) -> io::Result<bool> {
    let made = folder.parent().map_or(Ok(()), fs_err::create_dir_all).and_then(|()| fs_err::create_dir(folder));
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        made => {
            let found = fs_err::symlink_metadata(folder)?;
            if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
                let why = format!("`{}` is not a folder of this user", folder.display());
                return Err(io::Error::new(ErrorKind::PermissionDenied, why));
            }
            let was_open = found.mode() & 0o077 != 0;
            if was_open {
                fs_err::set_permissions(folder, PermissionsExt::from_mode(PRIVATE))?;
            }
            Ok(made.is_ok() || !was_open || is_guarded_tree(folder)?)
        }
    }
}

/// Tells whether nobody else can write anything below a folder.
fn is_guarded_tree(folder: &Path) -> io::Result<bool> {
    for name in disk::names(folder)? {
        let path = folder.join(name);
        let found = fs_err::symlink_metadata(&path)?;
        if found.is_symlink() || !is_guarded(&found) || (found.is_dir() && !is_guarded_tree(&path)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_guarded_when_nobody_else_can_write_it_or_one_above() {
        // The modes of an outer folder and of one in it, and whether what lies in the inner one is guarded.
        let cases = [
            (0o755, 0o755, true),
            (0o700, 0o700, true),
            (0o775, 0o755, false),
            (0o755, 0o2775, false),
            (0o1777, 0o755, true),
            (0o777, 0o755, false),
            (0o755, 0o757, false),
            (0o755, 0o1777, false),
        ];
        for (outer, inner, guarded) in cases {
            let dir = tempfile::tempdir().unwrap();
            let (above, folder) = (dir.path().join("above"), dir.path().join("above/cache"));
            fs_err::create_dir_all(&folder).unwrap();
            for (path, mode) in [(&folder, inner), (&above, outer)] {
                fs_err::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
            }
            assert_eq!(is_guarded_folder(&folder), guarded, "{outer:o} {inner:o}");
        }
    }

    #[test]
    fn a_private_folder_is_shut_and_one_that_was_open_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("one/two");
        assert!(make_private(&folder).unwrap());
        assert_eq!(fs_err::metadata(&folder).unwrap().mode() & 0o777, PRIVATE);
        fs_err::write(folder.join("file"), "x").unwrap();
        let open = |mode| {
            fs_err::set_permissions(folder.join("file"), PermissionsExt::from_mode(mode)).unwrap();
            fs_err::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
            make_private(&folder).unwrap()
        };
        assert!(open(0o644));
        assert!(!open(0o664));
        std::os::unix::fs::symlink(&folder, dir.path().join("link")).unwrap();
        let error = make_private(&dir.path().join("link")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
}
