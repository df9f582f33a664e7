//! Whose a file of settings or keys is. It says what is trusted and where results go, so one that somebody else put there is
//! not obeyed, by the rule that git has for repositories.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::exit::Failure;

/// Lists directories whose files are obeyed whoever they belong to; `*` means every directory.
const SAFE: &str = "RETORT_SAFE_DIRECTORIES";

/// The files of whom are obeyed.
struct Owners {
    /// Whoever runs this.
    own: u32,
    /// Whoever became the superuser to run this.
    before_sudo: Option<u32>,
}

impl Owners {
    fn include(&self, owner: u32) -> bool {
        owner == self.own || owner == 0 || (self.own == 0 && self.before_sudo == Some(owner))
    }
}

/// Reads a file that belongs to whoever runs this, or to the superuser, or lies in a directory declared safe; `instead` says
/// what to do where it does not.
pub(super) fn read(path: &Path, instead: &str) -> Result<String, Failure> {
    let own = rustix::process::geteuid().as_raw();
    let before_sudo = std::env::var("SUDO_UID").ok().and_then(|user| user.parse().ok());
    let safe = std::env::var_os(SAFE).unwrap_or_default();
    let safe: Vec<_> = std::env::split_paths(&safe).collect();
    read_of(path, &Owners { own, before_sudo }, &safe, instead)
}

fn read_of(path: &Path, owners: &Owners, safe: &[PathBuf], instead: &str) -> Result<String, Failure> {
    let mut file = fs_err::File::open(path)?;
    // What is read is what was judged, whatever takes its name meanwhile; a link counts like what it leads to.
    let (found, link) = (file.metadata()?, fs_err::symlink_metadata(path)?);
    let directory = path.parent().unwrap_or(path);
    let is_safe = || safe.iter().any(|safe| safe.as_os_str() == "*" || safe == directory);
    let stranger = [found.uid(), link.uid()].into_iter().find(|owner| !owners.include(*owner));
    // Everybody's to write is nobody's.
    let is_open = found.mode() & 0o002 != 0;
    if (stranger.is_some() || is_open) && !is_safe() {
        let whose = stranger.map_or("everybody can write it".to_owned(), |owner| format!("it belongs to user {owner}"));
        let failure = Failure::unusable(format!("`{}` is not obeyed: {whose}", path.display()));
        let declare = format!("to trust what is in its directory, set `{SAFE}={}`", directory.display());
        return Err(failure.hint(format!("{instead}; {declare}")));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn whose_settings_are_obeyed() {
        let owners = |own, before_sudo| Owners { own, before_sudo };
        // Who runs it, who they were before, whose the file is, whether it is obeyed.
        let cases = [
            (1000, None, 1000, true),
            (1000, None, 0, true),
            (1000, None, 1001, false),
            (1000, Some(1001), 1001, false),
            (0, None, 1000, false),
            (0, Some(1000), 1000, true),
            (0, Some(1000), 1001, false),
        ];
        for (own, before_sudo, owner, obeyed) in cases {
            assert_eq!(owners(own, before_sudo).include(owner), obeyed, "{own} {before_sudo:?} {owner}");
        }
    }

    #[test]
    fn a_stranger_s_file_or_one_that_everybody_can_write_is_named_and_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("retort.toml");
        fs_err::write(&path, "device = \"cpu\"").unwrap();
        let own = fs_err::metadata(&path).unwrap().uid();
        let safe = [dir.path().to_owned()];
        let read = |own, safe: &[_]| read_of(&path, &Owners { own, before_sudo: None }, safe, "write another");
        assert_eq!(read(own, &[]).unwrap(), "device = \"cpu\"");
        if own != 0 {
            let failure = read(own + 1, &[]).unwrap_err();
            assert!(failure.message.contains(&format!("it belongs to user {own}")), "{failure:?}");
            assert!(failure.hint.unwrap().contains("RETORT_SAFE_DIRECTORIES="));
            assert!(read(own + 1, &safe).is_ok());
        }
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o646)).unwrap();
        assert!(read(own, &[]).unwrap_err().message.contains("everybody can write it"));
        assert!(read(own, &["*".into()]).is_ok());
    }
}
